/* SPDX-License-Identifier: MIT */
/* Classes of characters as graphs of bytes: each range of code points is cut where its UTF-8 changes length or where a
 * byte does not run through all its values, so that every piece is a sequence of ranges of bytes. Same ends are shared. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "grammar/draft.h"

enum { MOST = 0x10FFFF, SHARED = 64 };

struct class {
    struct tl_draft *draft;
    struct tl_grammar_edge *lead;        /* edges of the first byte */
    uint64_t n_leads, lead_cap;
    struct { uint8_t lo, hi; uint32_t to, node; } shared[SHARED];    /* nodes of later bytes */
    unsigned n_shared;
};

static int compare_ranges(const void *a, const void *b)
{
    const struct tl_range *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Cuts the surrogates out of what is sorted and disjoint; there is room for one range more. */
static size_t cut_surrogates(struct tl_range *range, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (range[i].hi < 0xD800 || range[i].lo > 0xDFFF)
            continue;
        struct tl_range below = {range[i].lo, 0xD7FF}, above = {0xE000, range[i].hi};
        bool has_below = below.lo < 0xD800, has_above = above.hi > 0xDFFF;
        if (has_below && has_above) {
            for (size_t k = n++; k > i + 1; k--)
                range[k] = range[k - 1];
            range[i++] = below;
            range[i] = above;
        } else if (has_below || has_above) {
            range[i] = has_below ? below : above;
        } else {
            for (size_t k = i + 1; k < n; k++)
                range[k - 1] = range[k];
            n--, i--;
        }
    }
    return n;
}

size_t tl_ranges_tidy(struct tl_range *range, size_t n_ranges)
{
    size_t n = 0;
    qsort(range, n_ranges, sizeof *range, compare_ranges);
    for (size_t i = 0; i < n_ranges; i++) {
        struct tl_range next = {range[i].lo, range[i].hi > MOST ? MOST : range[i].hi};
        if (next.lo > next.hi)
            continue;
        if (n > 0 && next.lo <= range[n - 1].hi + 1) {
            if (next.hi > range[n - 1].hi)
                range[n - 1].hi = next.hi;
        } else {
            range[n++] = next;
        }
    }
    return cut_surrogates(range, n);
}

size_t tl_ranges_negate(const struct tl_range *range, size_t n, struct tl_range *ret)
{
    uint32_t at = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (range[i].lo > at)
            ret[count++] = (struct tl_range){at, range[i].lo - 1};
        at = range[i].hi + 1;
    }
    if (at <= 0x10FFFF)
        ret[count++] = (struct tl_range){at, 0x10FFFF};
    return count;
}

static void add_lead(struct class *class, uint8_t lo, uint8_t hi, uint32_t to)
{
    if (class->draft->status < 0 || tl_draft_fail(class->draft, tl_grow((void **)&class->lead, class->n_leads, &class->lead_cap, sizeof *class->lead)) < 0)
        return;
    class->lead[class->n_leads++] = (struct tl_grammar_edge){.lo = lo, .hi = hi, .to = to};
}

static uint32_t later_byte(struct class *class, uint8_t lo, uint8_t hi, uint32_t to)
{
    for (unsigned i = 0; i < class->n_shared; i++)
        if (class->shared[i].lo == lo && class->shared[i].hi == hi && class->shared[i].to == to)
            return class->shared[i].node;
    tl_draft_edge(class->draft, lo, hi, to);
    uint32_t node = tl_draft_node(class->draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_BYTES, .a = (uint32_t)class->draft->grammar->n_edges - 1, .b = 1});
    if (class->n_shared < SHARED) {
        class->shared[class->n_shared].lo = lo, class->shared[class->n_shared].hi = hi;
        class->shared[class->n_shared].to = to, class->shared[class->n_shared++].node = node;
    }
    return node;
}

/* lo and hi have the same length, and every byte behind the first that differs runs from 80 to BF. */
static void add_piece(struct class *class, uint32_t lo, uint32_t hi, uint32_t next)
{
    char first[TL_UTF8_MAX_BYTES], last[TL_UTF8_MAX_BYTES];
    unsigned n = tl_utf8_encode(lo, first);
    tl_utf8_encode(hi, last);
    for (unsigned i = n - 1; i > 0; i--)
        next = later_byte(class, (uint8_t)first[i], (uint8_t)last[i], next);
    add_lead(class, (uint8_t)first[0], (uint8_t)last[0], next);
}

static void add_range(struct class *class, uint32_t lo, uint32_t hi, uint32_t next)
{
    static const uint32_t length_ends[] = {0x7F, 0x7FF, 0xFFFF, MOST};
    while (lo <= hi && class->draft->status >= 0) {
        uint32_t end = hi;
        unsigned length = 0;
        while (lo > length_ends[length])
            length++;
        if (end > length_ends[length])
            end = length_ends[length];
        for (unsigned i = 1; i <= length; i++) {         /* the low 6 i bits run through all values, or all above them are the same */
            uint32_t mask = (1u << 6 * i) - 1;
            if ((lo & ~mask) == (end & ~mask))
                break;
            if (lo & mask)
                end = lo | mask;
            else if ((end & mask) != mask)
                end = (end & ~mask) - 1;
        }
        add_piece(class, lo, end, next);
        lo = end + 1;
    }
}

uint32_t tl_draft_characters(struct tl_draft *draft, const struct tl_range *range, size_t n_ranges, uint32_t next)
{
    struct class class = {.draft = draft};
    for (size_t i = 0; i < n_ranges && draft->status >= 0; i++)
        add_range(&class, range[i].lo, range[i].hi, next);
    uint32_t at = (uint32_t)draft->grammar->n_edges;
    for (uint64_t i = 0; i < class.n_leads; i++)
        tl_draft_edge(draft, class.lead[i].lo, class.lead[i].hi, class.lead[i].to);
    uint32_t node = tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_BYTES, .a = at, .b = (uint32_t)class.n_leads});
    tl_free(class.lead);
    return node;
}
