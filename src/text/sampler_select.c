/* SPDX-License-Identifier: MIT */
/* Partial orders: quickselect with a heapsort where it goes wrong, heaps, and a threshold scan over the logits. */
#include "text/sampler_select.h"

#include <float.h>
#include <math.h>
#include <string.h>

static bool before(const struct tl_candidate *a, const struct tl_candidate *b)
{
    return a->order > b->order || (a->order == b->order && a->id < b->id);
}

static void swap(struct tl_candidate *a, struct tl_candidate *b)
{
    struct tl_candidate c = *a;
    *a = *b;
    *b = c;
}

/* --- heaps ------------------------------------------------------------------------------------------------------------ */

static void sink(struct tl_candidate *heap, size_t at, size_t n)
{
    const struct tl_candidate moving = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &moving))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

void tl_sampler_select_heap(struct tl_candidate *candidate, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sink(candidate, i, n);
}

void tl_sampler_select_pop(struct tl_candidate *candidate, size_t n)
{
    swap(&candidate[0], &candidate[n - 1]);
    sink(candidate, 0, n - 1);
}

static void turn_around(struct tl_candidate *candidate, size_t n)
{
    for (size_t i = 0; i < n / 2; i++)
        swap(&candidate[i], &candidate[n - 1 - i]);
}

static void heap_sort(struct tl_candidate *candidate, size_t n)
{
    tl_sampler_select_heap(candidate, n);
    for (size_t left = n; left > 1; left--)
        tl_sampler_select_pop(candidate, left);
    turn_around(candidate, n);
}

/* --- quicksort and quickselect ---------------------------------------------------------------------------------------- */

enum { SMALL = 16 };

static void insertion_sort(struct tl_candidate *candidate, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct tl_candidate moving = candidate[i];
        size_t at = i;
        for (; at > 0 && before(&moving, &candidate[at - 1]); at--)
            candidate[at] = candidate[at - 1];
        candidate[at] = moving;
    }
}

/* What belongs before the pivot (the median of three) comes before *ret, nothing that belongs before it behind. */
static size_t partition(struct tl_candidate *candidate, size_t n)
{
    size_t middle = n / 2, last = n - 1, to = 0;
    if (before(&candidate[middle], &candidate[0]))
        swap(&candidate[middle], &candidate[0]);
    if (before(&candidate[last], &candidate[middle]))
        swap(&candidate[last], &candidate[middle]);
    if (before(&candidate[middle], &candidate[0]))
        swap(&candidate[middle], &candidate[0]);
    swap(&candidate[middle], &candidate[last]);
    for (size_t i = 0; i < last; i++)
        if (before(&candidate[i], &candidate[last]))
            swap(&candidate[i], &candidate[to++]);
    swap(&candidate[to], &candidate[last]);
    return to;
}

static unsigned patience(size_t n)
{
    unsigned rounds = 4;
    for (; n; n >>= 1)
        rounds += 2;
    return rounds;
}

static void sort_some(struct tl_candidate *candidate, size_t n, unsigned rounds)
{
    while (n > SMALL) {
        if (rounds-- == 0) {
            heap_sort(candidate, n);
            return;
        }
        size_t pivot = partition(candidate, n), behind = n - pivot - 1;
        if (pivot < behind) {                            /* recurse into the smaller part only */
            sort_some(candidate, pivot, rounds);
            candidate += pivot + 1;
            n = behind;
        } else {
            sort_some(candidate + pivot + 1, behind, rounds);
            n = pivot;
        }
    }
    insertion_sort(candidate, n);
}

void tl_sampler_select_sort(struct tl_candidate *candidate, size_t n)
{
    sort_some(candidate, n, patience(n));
}

/* The k first in order come to the front, in any order among themselves; k < n. */
static void select_nth(struct tl_candidate *candidate, size_t n, size_t k)
{
    for (unsigned rounds = patience(n); n > SMALL; rounds--) {
        if (rounds == 0) {
            heap_sort(candidate, n);
            return;
        }
        size_t pivot = partition(candidate, n);
        if (pivot == k)
            return;
        if (pivot > k) {
            n = pivot;
        } else {
            candidate += pivot + 1;
            n -= pivot + 1;
            k -= pivot + 1;
        }
    }
    insertion_sort(candidate, n);
}

/* --- the scan ----------------------------------------------------------------------------------------------------------- */

enum { BLOCK = 32 };

typedef float four __attribute__((vector_size(16)));
typedef int32_t four_int __attribute__((vector_size(16)));

/* Is any of BLOCK logits at least the threshold? */
static bool any_at_least(const float *logits, float threshold)
{
    const four limit = {threshold, threshold, threshold, threshold};
    four_int found = {0};
    for (int i = 0; i < BLOCK; i += 4) {
        four part;
        memcpy(&part, logits + i, sizeof part);
        found |= part >= limit;
    }
    uint64_t halves[2];
    memcpy(halves, &found, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

struct scan {
    struct tl_candidate *candidate;
    size_t n, cap, k;
    struct tl_candidate worst;           /* a candidate has to come before this one */
};

/* Keeps the k first, and raises the threshold to the last of them. */
static void cut(struct scan *s)
{
    select_nth(s->candidate, s->n, s->k);
    s->n = s->k;
    s->worst = s->candidate[0];
    for (size_t i = 1; i < s->k; i++)
        if (before(&s->worst, &s->candidate[i]))
            s->worst = s->candidate[i];
}

static void offer(struct scan *s, float logit, uint32_t id)
{
    const struct tl_candidate c = {(double)logit, (int32_t)id, logit};
    if (!(logit > -INFINITY) || !before(&c, &s->worst))
        return;
    s->candidate[s->n++] = c;
    if (s->n == s->cap && s->n > s->k)
        cut(s);
}

size_t tl_sampler_select_top(const float *logits, uint32_t n, size_t k, struct tl_candidate *candidate)
{
    struct scan s = {.candidate = candidate, .k = k, .worst = {.order = -INFINITY, .id = INT32_MAX, .logit = -FLT_MAX}};
    s.cap = k < n / 8 ? 4 * k + 64 : n;
    if (s.cap > n)
        s.cap = n;
    uint32_t at = 0;
    for (; at + BLOCK <= n; at += BLOCK)
        if (any_at_least(logits + at, s.worst.logit))
            for (uint32_t i = 0; i < BLOCK; i++)
                offer(&s, logits[at + i], at + i);
    for (; at < n; at++)
        offer(&s, logits[at], at);
    if (s.n > k)
        cut(&s);
    tl_sampler_select_sort(candidate, s.n);
    return s.n;
}

size_t tl_sampler_select_at_least(const float *logits, uint32_t n, float least, struct tl_candidate *candidate)
{
    size_t found = 0;
    least = least < -FLT_MAX ? -FLT_MAX : least;
    for (uint32_t at = 0; at < n; at += BLOCK) {
        if (n - at >= BLOCK && !any_at_least(logits + at, least))
            continue;
        for (uint32_t i = at; i < n && i < at + BLOCK; i++)
            if (logits[i] >= least)
                candidate[found++] = (struct tl_candidate){(double)logits[i], (int32_t)i, logits[i]};
    }
    return found;
}
