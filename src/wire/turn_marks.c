/* SPDX-License-Identifier: MIT */
/* Marks and control tokens in text that comes in pieces. Control tokens may be many: they are searched in their order. */
#include "wire/turn_marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"

struct tl_turn_mark tl_turn_mark_of(const char *text)
{
    if (!text)
        return (struct tl_turn_mark){"", 0};
    size_t n = strlen(text);
    while (n && tl_turn_blank(text[0])) {
        text++;
        n--;
    }
    while (n && tl_turn_blank(text[n - 1]))
        n--;
    return (struct tl_turn_mark){text, n};
}

static int compare(const void *a, const void *b)
{
    const struct tl_turn_mark *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes);
    return order ? order : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static int find_controls(struct tl_turn_marks *marks, const struct tl_tokenizer *tokenizer)
{
    uint32_t n_ids = tl_tokenizer_size(tokenizer);
    size_t n = 0;
    for (uint32_t id = 0; id < n_ids; id++)
        n += tl_tokenizer_is_control(tokenizer, (int32_t)id);
    marks->control = tl_alloc(n ? n : 1, sizeof *marks->control);
    if (!marks->control)
        return TL_E_NOMEM;
    for (uint32_t id = 0; id < n_ids && marks->n_controls < n; id++) {
        struct tl_turn_mark mark;
        if (!tl_tokenizer_is_control(tokenizer, (int32_t)id) || tl_tokenizer_piece(tokenizer, (int32_t)id, true, &mark.bytes, &mark.n_bytes) < 0)
            continue;
        if (mark.n_bytes > 1)
            marks->control[marks->n_controls++] = mark;
    }
    qsort(marks->control, marks->n_controls, sizeof *marks->control, compare);
    return 0;
}

int tl_turn_marks_init(struct tl_turn_marks *ret_marks, const struct tl_turn_family *family, const struct tl_tokenizer *tokenizer, bool controls)
{
    *ret_marks = (struct tl_turn_marks){
        .think = tl_turn_mark_of(family->think), .answer = tl_turn_mark_of(family->answer), .section = tl_turn_mark_of(family->section),
        .call = tl_turn_mark_of(family->call), .head = tl_turn_mark_of(family->head), .mid = tl_turn_mark_of(family->mid),
        .tail = tl_turn_mark_of(family->tail), .end = tl_turn_mark_of(family->end), .section_end = tl_turn_mark_of(family->section_end),
        .key = tl_turn_mark_of(family->key), .key_end = tl_turn_mark_of(family->key_end), .value_end = tl_turn_mark_of(family->value_end),
        .also = tl_turn_mark_of(family->also)};
    int r = controls ? find_controls(ret_marks, tokenizer) : 0;
    if (r < 0)
        return r;
    const struct tl_turn_mark *const own[] = {&ret_marks->think, &ret_marks->answer, &ret_marks->section, &ret_marks->call, &ret_marks->also};
    for (size_t i = 0; i < TL_COUNT(own); i++)
        if (own[i]->n_bytes)
            ret_marks->first[(unsigned char)own[i]->bytes[0]] = true;
    for (size_t i = 0; i < ret_marks->n_controls; i++)
        ret_marks->first[(unsigned char)ret_marks->control[i].bytes[0]] = true;
    return 0;
}

void tl_turn_marks_done(struct tl_turn_marks *marks)
{
    tl_free(marks->control);
    marks->control = NULL;
    marks->n_controls = 0;
}

void tl_turn_marks_open(struct tl_turn_marks *marks, const char *text, size_t n_bytes)
{
    enum tl_turn_sign sign;
    size_t n;
    tl_turn_marks_find(marks, TL_TURN_SIGN_CONTROL, text, 0, n_bytes, true, &sign, &n);
    marks->role = (struct tl_turn_mark){text, n};
    n_bytes = tl_turn_marks_find(marks, TL_TURN_SIGN_THINK, text, 0, n_bytes, true, &sign, &n);
    while (n_bytes && tl_turn_blank(text[n_bytes - 1]))
        n_bytes--;
    marks->opener = (struct tl_turn_mark){text, n_bytes};
}

/* --- finding ---------------------------------------------------------------------------------------------------------------- */

struct found { enum tl_turn_sign sign; size_t n_bytes; bool longer; };        /* longer: more text may make it more */

static void try_mark(struct found *found, struct tl_turn_mark mark, enum tl_turn_sign sign, const char *text, size_t n)
{
    size_t common = n < mark.n_bytes ? n : mark.n_bytes;
    if (!mark.n_bytes || memcmp(mark.bytes, text, common) != 0)
        return;
    if (common < mark.n_bytes)
        found->longer = true;
    else if (mark.n_bytes > found->n_bytes)
        *found = (struct found){sign, mark.n_bytes, found->longer};
}

/* The first of control[lo..hi) whose byte at `depth` is not below `byte`. All of them are longer than depth, the first perhaps excepted. */
static size_t lower(const struct tl_turn_marks *marks, size_t lo, size_t hi, size_t depth, int byte)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct tl_turn_mark *mark = &marks->control[mid];
        int at = depth < mark->n_bytes ? (unsigned char)mark->bytes[depth] : -1;
        if (at < byte)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void try_controls(struct found *found, const struct tl_turn_marks *marks, const char *text, size_t n)
{
    size_t lo = 0, hi = marks->n_controls;
    for (size_t depth = 0; lo < hi; depth++) {
        if (marks->control[lo].n_bytes == depth && depth > found->n_bytes)
            *found = (struct found){TL_TURN_SIGN_CONTROL, depth, found->longer};
        if (depth == n) {
            found->longer |= marks->control[hi - 1].n_bytes > depth;
            return;
        }
        int byte = (unsigned char)text[depth];
        lo = lower(marks, lo, hi, depth, byte);
        hi = lower(marks, lo, hi, depth, byte + 1);
    }
}

static struct found look(const struct tl_turn_marks *marks, unsigned signs, const char *text, size_t n)
{
    struct found found = {0};
    if (signs & TL_TURN_SIGN_THINK)
        try_mark(&found, marks->think, TL_TURN_SIGN_THINK, text, n);
    if (signs & TL_TURN_SIGN_ANSWER)
        try_mark(&found, marks->answer, TL_TURN_SIGN_ANSWER, text, n);
    if (signs & TL_TURN_SIGN_SECTION)
        try_mark(&found, marks->section, TL_TURN_SIGN_SECTION, text, n);
    if (signs & TL_TURN_SIGN_CALL)
        try_mark(&found, marks->call, TL_TURN_SIGN_CALL, text, n);
    if (signs & TL_TURN_SIGN_ALSO)
        try_mark(&found, marks->also, TL_TURN_SIGN_ALSO, text, n);
    if (signs & TL_TURN_SIGN_CONTROL) {
        try_mark(&found, marks->opener, TL_TURN_SIGN_OPENER, text, n);
        try_mark(&found, marks->role, TL_TURN_SIGN_OPENER, text, n);
        try_controls(&found, marks, text, n);
    }
    return found;
}

size_t tl_turn_marks_find(const struct tl_turn_marks *marks, unsigned signs, const char *text, size_t from, size_t n, bool final,
                          enum tl_turn_sign *ret_sign, size_t *ret_bytes)
{
    *ret_sign = 0;
    *ret_bytes = 0;
    for (size_t i = from; i < n; i++) {
        if (!marks->first[(unsigned char)text[i]])
            continue;
        struct found found = look(marks, signs, text + i, n - i);
        if (found.longer && !final)
            return i;
        if (found.sign) {
            *ret_sign = found.sign;
            *ret_bytes = found.n_bytes;
            return i;
        }
    }
    return n;
}
