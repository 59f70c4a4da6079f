/* SPDX-License-Identifier: MIT */
/* The output, which is also where strings are built: on top of what is written a new string begins at a mark, and is
 * taken off as a value. Nested uses need nothing more, because they end in reverse order. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/jinja.h"

static int reserve(struct tl_jinja *j, size_t n)
{
    struct tl_jinja_output *o = &j->output;
    if (n > o->limit - o->n)
        return tl_jinja_fail(j, TL_E_FILE, "the template writes more than %zu bytes", o->limit);
    if (n <= o->cap - o->n)
        return 0;
    size_t cap = o->cap ? o->cap : 4096;
    while (cap - o->n < n)
        cap *= 2;
    char *bytes = tl_realloc(o->bytes, cap, 1);
    if (bytes)
        o->bytes = bytes;
    uint8_t *from = bytes ? tl_realloc(o->from, cap, 1) : NULL;
    if (!from)
        return TL_E_NOMEM;
    o->from = from;
    o->cap = cap;
    return 0;
}

int tl_jinja_output_bytes(struct tl_jinja *j, const char *bytes, size_t n, bool user)
{
    int r = reserve(j, n);
    if (r < 0 || n == 0)
        return r;
    memcpy(j->output.bytes + j->output.n, bytes, n);
    memset(j->output.from + j->output.n, user, n);
    j->output.n += n;
    return 0;
}

int tl_jinja_output_text(struct tl_jinja *j, const struct tl_jinja_text *text, size_t start, size_t n)
{
    size_t at = j->output.n;
    int r = tl_jinja_output_bytes(j, text->bytes + start, n, text->user);
    if (r >= 0 && text->from && n)
        memcpy(j->output.from + at, text->from + start, n);
    return r;
}

int tl_jinja_output_code(struct tl_jinja *j, uint32_t code, bool user)
{
    char bytes[TL_UTF8_MAX_BYTES];
    return tl_jinja_output_bytes(j, bytes, tl_utf8_encode(code, bytes), user);
}

int tl_jinja_output_take(struct tl_jinja *j, size_t mark, bool markup, struct tl_jinja_value *ret)
{
    struct tl_jinja_output *o = &j->output;
    struct tl_jinja_text *text;
    size_t n = o->n - mark;
    char *bytes;
    uint8_t *from = NULL;
    bool mixed = n && memchr(o->from + mark, !o->from[mark], n);
    int r = tl_jinja_take(j, 1, sizeof *text, &text);
    if (r < 0 || (r = tl_jinja_take(j, n, 1, &bytes)) < 0 || (mixed && (r = tl_jinja_take(j, n, 1, &from)) < 0))
        return r;
    if (n)
        memcpy(bytes, o->bytes + mark, n);
    if (mixed)
        memcpy(from, o->from + mark, n);
    *text = (struct tl_jinja_text){.bytes = bytes, .from = from, .n = n, .chars = SIZE_MAX, .markup = markup,
                                   .user = n && !mixed && o->from[mark]};
    o->n = mark;
    *ret = tl_jinja_string(text);
    return 0;
}

/* End of the run of one origin that begins at `at`. */
static size_t run_end(const struct tl_jinja_output *o, size_t at)
{
    const uint8_t *other = memchr(o->from + at, !o->from[at], o->n - at);
    return other ? (size_t)(other - o->from) : o->n;
}

int tl_jinja_output_parts(const struct tl_jinja *j, struct tl_parts *ret_parts)
{
    const struct tl_jinja_output *o = &j->output;
    struct tl_parts parts = {0};
    size_t count = 0;
    for (size_t at = 0; at < o->n; at = run_end(o, at))
        count++;
    if (count && !(parts.part = tl_alloc(count, sizeof *parts.part)))
        return TL_E_NOMEM;
    for (size_t at = 0, end; at < o->n; at = end) {
        struct tl_part *part = &parts.part[parts.count++];
        end = run_end(o, at);
        *part = (struct tl_part){tl_alloc(end - at + 1, 1), end - at, o->from[at]};
        if (!part->text) {
            tl_parts_done(&parts);
            return TL_E_NOMEM;
        }
        memcpy(part->text, o->bytes + at, end - at);
    }
    *ret_parts = parts;
    return 0;
}

void tl_jinja_output_done(struct tl_jinja_output *output)
{
    tl_free(output->bytes);
    tl_free(output->from);
    *output = (struct tl_jinja_output){0};
}
