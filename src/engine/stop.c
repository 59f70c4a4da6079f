/* SPDX-License-Identifier: MIT */
/* Stop strings across token borders: the longest tail of the text that begins a stop string is held back. */
#include "engine/stop.h"

#include <string.h>

#include "base/error.h"
#include "engine/generate.h"

void tl_stop_init(struct tl_stop *stop, const struct tl_tokenizer *tokenizer, const struct tl_generate *how, struct tl_buffer *text)
{
    *stop = (struct tl_stop){ .how = how, .text = text };
    tl_detokenizer_init(&stop->stream, tokenizer, how->show_special);
}

static int show(struct tl_stop *stop, size_t end)
{
    size_t from = stop->shown;
    if (end <= from)
        return 0;
    stop->shown = end;
    if (stop->how->text && stop->how->text(stop->how->context, stop->text->data + from, end - from))
        return tl_fail(TL_E_CANCEL, "interrupted");
    return 0;
}

/* Where in text[from..] the first stop string begins; the length of the text when none does. */
static size_t find_stop(struct tl_stop *stop)
{
    const struct tl_buffer *text = stop->text;
    size_t first = text->len;
    for (size_t i = 0; i < stop->how->n_stop; i++) {
        const char *word = stop->how->stop[i];
        const char *at = *word && text->len > stop->shown ? memmem(text->data + stop->shown, text->len - stop->shown, word, strlen(word)) : NULL;
        if (at && (size_t)(at - text->data) < first) {
            first = (size_t)(at - text->data);
            stop->found = word;
        }
    }
    return first;
}

/* Bytes at the end of the text that could be the beginning of a stop string. */
static size_t held_back(const struct tl_stop *stop)
{
    const struct tl_buffer *text = stop->text;
    size_t most = 0;
    for (size_t i = 0; i < stop->how->n_stop; i++) {
        size_t n = strlen(stop->how->stop[i]), room = text->len - stop->shown;
        for (size_t tail = n > room ? room : n; tail > most; tail--)
            if (memcmp(text->data + text->len - tail, stop->how->stop[i], tail) == 0)
                most = tail;
    }
    return most;
}

static int settle(struct tl_stop *stop)
{
    size_t at = find_stop(stop);
    bool stopped = at < stop->text->len;
    if (stopped) {
        stop->text->len = at;
        stop->text->data[at] = 0;
    }
    int status = show(stop, stopped ? at : stop->text->len - held_back(stop));
    return status < 0 ? status : !stopped;
}

int tl_stop_push(struct tl_stop *stop, int32_t id)
{
    int status = tl_detokenizer_push(&stop->stream, id, stop->text);
    return status < 0 ? status : settle(stop);
}

int tl_stop_flush(struct tl_stop *stop)
{
    int status = tl_detokenizer_flush(&stop->stream, stop->text);
    if (status >= 0)
        status = settle(stop);
    return status < 0 ? status : show(stop, stop->text->len);
}
