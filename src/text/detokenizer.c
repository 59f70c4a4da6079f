/* SPDX-License-Identifier: MIT */
/* From ids to text: pieces, whole texts, and a stream that never gives out half a character. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/tokenizer_private.h"

int tl_tokenizer_piece(const struct tl_tokenizer *tokenizer, int32_t id, bool special, const char **ret_bytes, size_t *ret_count)
{
    if (id < 0 || (uint32_t)id >= tokenizer->vocab.count)
        return tl_fail(TL_E_USAGE, "token id %" PRId32 ": the vocabulary has %" PRIu32 " tokens", id, tokenizer->vocab.count);
    const struct tl_span *piece = &tokenizer->vocab.piece[id];
    *ret_bytes = tokenizer->vocab.pieces.data + piece->at;
    *ret_count = special || !tl_tokenizer_is_control(tokenizer, id) ? piece->n_bytes : 0;
    return 0;
}

/* The piece of a token that follows others, or (`started` false) that may lose its leading blank. */
static int next_piece(const struct tl_tokenizer *tokenizer, int32_t id, bool special, bool *started, const char **ret_bytes,
                      size_t *ret_count)
{
    int r = tl_tokenizer_piece(tokenizer, id, special, ret_bytes, ret_count);
    if (r < 0 || *ret_count == 0 || *started)
        return r;
    *started = true;
    if (tokenizer->takes_blank && **ret_bytes == ' ') {
        ++*ret_bytes;
        --*ret_count;
    }
    return 0;
}

int tl_tokenizer_decode(const struct tl_tokenizer *tokenizer, const int32_t *ids, size_t count, bool special, char **ret_text,
                        size_t *ret_bytes)
{
    struct tl_buffer out;
    bool started = false;
    int r = 0;
    tl_buffer_init(&out, 0);
    for (size_t i = 0; i < count && r >= 0; i++) {
        const char *bytes = NULL;
        size_t n = 0;
        r = next_piece(tokenizer, ids[i], special, &started, &bytes, &n);
        if (r >= 0)
            r = tl_buffer_append(&out, bytes, n);
    }
    size_t n_bytes = out.len;
    char *text = r < 0 ? NULL : tl_buffer_take(&out, NULL);
    if (!text) {
        r = r < 0 ? r : out.status;
        tl_buffer_done(&out);
        return r;
    }
    *ret_text = text;
    *ret_bytes = n_bytes;
    return 0;
}

void tl_detokenizer_init(struct tl_detokenizer *stream, const struct tl_tokenizer *tokenizer, bool special)
{
    *stream = (struct tl_detokenizer){.tokenizer = tokenizer, .special = special};
}

int tl_detokenizer_push(struct tl_detokenizer *stream, int32_t id, struct tl_buffer *out)
{
    const char *bytes = NULL;
    size_t n = 0, before = out->len;
    int r = next_piece(stream->tokenizer, id, stream->special, &stream->started, &bytes, &n);
    if (r < 0 || n == 0)
        return r;
    tl_buffer_append(out, stream->pending, stream->n_pending);
    if ((r = tl_buffer_append(out, bytes, n)) < 0)
        return r;
    size_t rest = tl_utf8_unfinished(out->data + before, out->len - before);
    out->len -= rest;
    memcpy(stream->pending, out->data + out->len, rest);
    out->data[out->len] = 0;
    stream->n_pending = (uint8_t)rest;
    return 0;
}

int tl_detokenizer_flush(struct tl_detokenizer *stream, struct tl_buffer *out)
{
    int r = tl_buffer_append(out, stream->pending, stream->n_pending);
    if (r >= 0)
        stream->n_pending = 0;
    return r;
}
