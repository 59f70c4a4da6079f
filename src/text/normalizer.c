/* SPDX-License-Identifier: MIT */
/* The steps, one after the other, between two buffers. A step that would change nothing copies nothing. */
#include "text/normalizer.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/characters.h"

void tl_normalizer_done(struct tl_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++) {
        tl_free(normalizer->step[i].pattern);
        tl_free(normalizer->step[i].content);
        tl_regex_free(normalizer->step[i].regex);
    }
    *normalizer = (struct tl_normalizer){0};
}

int tl_normalizer_add(struct tl_normalizer *normalizer, enum tl_normal_kind kind, struct tl_normal_step **ret_step)
{
    if (normalizer->count == TL_NORMALIZER_STEPS)
        return tl_fail(TL_E_FILE, "normalizer: more than %d steps", TL_NORMALIZER_STEPS);
    struct tl_normal_step *step = &normalizer->step[normalizer->count++];
    *step = (struct tl_normal_step){.kind = kind};
    *ret_step = step;
    return 0;
}

int tl_normalizer_add_replace(struct tl_normalizer *normalizer, const char *pattern, const char *content)
{
    struct tl_normal_step *step = NULL;
    int r = tl_normalizer_add(normalizer, TL_NORMAL_REPLACE, &step);
    if (r < 0)
        return r;
    if (!(step->pattern = tl_strdup(pattern)) || !(step->content = tl_strdup(content)))
        return TL_E_NOMEM;
    step->n_pattern = strlen(pattern);
    step->n_content = strlen(content);
    return 0;
}

int tl_normalizer_add_prepend(struct tl_normalizer *normalizer, const char *content)
{
    struct tl_normal_step *step = NULL;
    int r = tl_normalizer_add(normalizer, TL_NORMAL_PREPEND, &step);
    if (r < 0)
        return r;
    if (!(step->content = tl_strdup(content)))
        return TL_E_NOMEM;
    step->n_content = strlen(content);
    return 0;
}

/* --- the steps: each appends to `out`, which is empty ------------------------------------------------------------- */

static int lower(const char *text, size_t n_bytes, struct tl_buffer *out)
{
    for (size_t at = 0; at < n_bytes && out->status >= 0;) {
        uint32_t code;
        char bytes[TL_UTF8_MAX_BYTES];
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        if (code == 0x130)
            tl_buffer_append(out, "i\xCC\x87", 3);
        else
            tl_buffer_append(out, bytes, tl_utf8_encode((uint32_t)utf8proc_tolower((int32_t)code), bytes));
        at += (size_t)(n > 0 ? n : -n);
    }
    return out->status;
}

static int replace_string(const struct tl_normal_step *step, const char *text, size_t n_bytes, struct tl_buffer *out)
{
    const char *end = text + n_bytes, *found;
    while ((found = memmem(text, (size_t)(end - text), step->pattern, step->n_pattern))) {
        tl_buffer_append(out, text, (size_t)(found - text));
        tl_buffer_append(out, step->content, step->n_content);
        text = found + step->n_pattern;
        if (out->status < 0)
            return out->status;
    }
    return tl_buffer_append(out, text, (size_t)(end - text));
}

static int replace_matches(const struct tl_normal_step *step, struct tl_regex_scratch *scratch, const char *text, size_t n_bytes,
                           struct tl_buffer *out)
{
    size_t from = 0, start, end, copied = 0;
    int r;
    while ((r = tl_regex_find(step->regex, scratch, text, n_bytes, from, &start, &end)) > 0) {
        tl_buffer_append(out, text + copied, start - copied);
        if ((r = tl_buffer_append(out, step->content, step->n_content)) < 0)
            return r;
        copied = from = end;
        if (end == start)
            from += end < n_bytes ? tl_character_bytes(text + end, n_bytes - end) : 1;
    }
    return r < 0 ? r : tl_buffer_append(out, text + copied, n_bytes - copied);
}

static int prepend(const struct tl_normal_step *step, const char *text, size_t n_bytes, struct tl_buffer *out)
{
    tl_buffer_append(out, step->content, step->n_content);
    return tl_buffer_append(out, text, n_bytes);
}

static int strip(const struct tl_normal_step *step, const char *text, size_t n_bytes, struct tl_buffer *out)
{
    size_t left = step->left ? tl_character_leading_space(text, n_bytes) : 0;
    size_t right = step->right ? tl_character_trailing_space(text + left, n_bytes - left) : 0;
    return tl_buffer_append(out, text + left, n_bytes - left - right);
}

static int run_step(const struct tl_normal_step *step, struct tl_regex_scratch *scratch, const char *text, size_t n_bytes,
                    struct tl_buffer *out)
{
    switch (step->kind) {
    case TL_NORMAL_FORM: return tl_unicode_form_apply(step->form, text, n_bytes, out);
    case TL_NORMAL_LOWER: return lower(text, n_bytes, out);
    case TL_NORMAL_PREPEND: return prepend(step, text, n_bytes, out);
    case TL_NORMAL_STRIP: return strip(step, text, n_bytes, out);
    case TL_NORMAL_REPLACE: break;
    }
    return step->regex ? replace_matches(step, scratch, text, n_bytes, out) : replace_string(step, text, n_bytes, out);
}

static bool changes_nothing(const struct tl_normal_step *step, bool continues, const char *text, size_t n_bytes)
{
    if (n_bytes == 0)
        return !step->regex;
    if (step->kind == TL_NORMAL_FORM)
        return tl_unicode_form_plain(step->form, text, n_bytes);
    if (step->kind == TL_NORMAL_REPLACE && !step->regex)
        return step->n_pattern == 0 || !memmem(text, n_bytes, step->pattern, step->n_pattern);
    return step->kind == TL_NORMAL_PREPEND && continues;
}

int tl_normalizer_run(const struct tl_normalizer *normalizer, struct tl_regex_scratch *scratch, bool continues, const char *text,
                      size_t n_bytes, struct tl_buffer buffer[2], const char **ret_text, size_t *ret_bytes)
{
    int next = 0;
    for (size_t i = 0; i < normalizer->count; i++) {
        const struct tl_normal_step *step = &normalizer->step[i];
        if (changes_nothing(step, continues, text, n_bytes))
            continue;
        struct tl_buffer *out = &buffer[next];
        tl_buffer_clear(out);
        int r = run_step(step, scratch, text, n_bytes, out);
        if (r < 0)
            return r;
        text = out->data ? out->data : "";
        n_bytes = out->len;
        next = !next;
    }
    *ret_text = text;
    *ret_bytes = n_bytes;
    return 0;
}
