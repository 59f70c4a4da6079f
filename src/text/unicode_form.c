/* SPDX-License-Identifier: MIT */
/* Decompose, order, compose. utf8proc knows the characters; the ordering of combining marks is done here, because
 * utf8proc's is quadratic in the length of a run of marks and the text is anybody's. */
#include "text/unicode_form.h"

#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { LONGEST_DECOMPOSITION = 32 };

struct points { int32_t *at; uint64_t count, capacity; };

static int room(struct points *points, size_t more)
{
    return tl_reserve((void **)&points->at, points->count + more, &points->capacity, sizeof *points->at);
}

static int decompose(const char *text, size_t n_bytes, int options, struct points *points)
{
    for (size_t i = 0; i < n_bytes;) {
        uint32_t code;
        int n = tl_utf8_decode(text + i, n_bytes - i, &code), unused = 0;
        int r = room(points, LONGEST_DECOMPOSITION);
        if (r < 0)
            return r;
        utf8proc_ssize_t made = utf8proc_decompose_char((int32_t)code, points->at + points->count, LONGEST_DECOMPOSITION,
                                                        (utf8proc_option_t)options, &unused);
        if (made < 0 || made > LONGEST_DECOMPOSITION)
            return tl_fail(TL_E_FAIL, "U+%04X cannot be normalised", code);
        points->count += (size_t)made;
        i += (size_t)(n > 0 ? n : -n);
    }
    return 0;
}

static int mark_class(int32_t code)
{
    return code < 0x300 ? 0 : utf8proc_get_property(code)->combining_class & 0xFF;
}

/* Sorts a run of marks by class, keeping the order inside a class; `spare` has room for the run. */
static void sort_run(int32_t *run, size_t count, int32_t *spare)
{
    size_t place[257] = {0};
    for (size_t i = 0; i < count; i++)
        place[mark_class(run[i]) + 1]++;
    for (int c = 1; c < 257; c++)
        place[c] += place[c - 1];
    for (size_t i = 0; i < count; i++)
        spare[place[mark_class(run[i])]++] = run[i];
    memcpy(run, spare, count * sizeof *run);
}

static int order_marks(struct points *points)
{
    TL_AUTO int32_t *spare = NULL;
    size_t spare_count = 0;
    for (size_t i = 0; i < points->count;) {
        size_t start = i;
        bool sorted = true;
        int before = 0, now;
        for (; i < points->count && (now = mark_class(points->at[i])) != 0; i++, before = now)
            sorted = sorted && now >= before;
        if (!sorted) {
            if (i - start > spare_count) {
                tl_free(spare);
                spare_count = 2 * (i - start);
                spare = tl_alloc(spare_count, sizeof *spare);
                if (!spare)
                    return TL_E_NOMEM;
            }
            sort_run(points->at + start, i - start, spare);
        }
        i += i == start;
    }
    return 0;
}

bool tl_unicode_form_plain(enum tl_unicode_form form, const char *text, size_t n_bytes)
{
    /* U+0300 is the first character that NFC may change or combine; the other forms change U+00A0. */
    unsigned char limit = form == TL_UNICODE_NFC ? 0xCC : 0x80;
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)text[i] >= limit)
            return false;
    return true;
}

int tl_unicode_form_apply(enum tl_unicode_form form, const char *text, size_t n_bytes, struct tl_buffer *out)
{
    bool compose = form == TL_UNICODE_NFC || form == TL_UNICODE_NFKC;
    int options = UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
    if (form == TL_UNICODE_NFKC || form == TL_UNICODE_NFKD)
        options |= UTF8PROC_COMPAT;
    struct points points = {0};
    int r = room(&points, n_bytes + LONGEST_DECOMPOSITION);
    if (r >= 0)
        r = decompose(text, n_bytes, options, &points);
    if (r >= 0)
        r = order_marks(&points);
    if (r >= 0 && compose)
        points.count = (size_t)utf8proc_normalize_utf32(points.at, (utf8proc_ssize_t)points.count, (utf8proc_option_t)options);
    for (size_t i = 0; r >= 0 && i < points.count; i++) {
        char bytes[TL_UTF8_MAX_BYTES];
        r = tl_buffer_append(out, bytes, tl_utf8_encode((uint32_t)points.at[i], bytes));
    }
    tl_free(points.at);
    return r;
}
