/* SPDX-License-Identifier: MIT */
/* Records of recurrent layers: the pool, and which of a sequence's older records are worth their place. */
#include "model/record.h"

#include <string.h>

#include "base/error.h"
#include "kernel/kernel.h"

enum { LARGE_RECORD = 48 << 20, HUGE_RECORD = 256 << 20, ALIGN_FLOATS = 16 };

static uint64_t aligned(uint64_t n_floats) { return (n_floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS; }

/* --- the pool --- */

void tl_record_pool_init(struct tl_record_pool *pool, const struct tl_geometry *g, bool one_layer)
{
    memset(pool, 0, sizeof(*pool));
    for (uint32_t layer = 0; layer < g->n_layers; layer++)
        pool->n_layers = g->layer_recurrent[layer] ? one_layer ? 1 : pool->n_layers + 1 : pool->n_layers;
    uint64_t channels = 2 * (uint64_t)g->delta_k_heads * g->delta_k_dim + (uint64_t)g->delta_v_heads * g->delta_v_dim;
    pool->tail_floats = pool->n_layers ? aligned((g->conv_taps - 1) * channels) : 0;
    pool->head_floats = aligned(g->delta_v_dim) * g->delta_k_dim;
    pool->layer_floats = pool->tail_floats + g->delta_v_heads * pool->head_floats;
    pool->record_bytes = pool->n_layers * pool->layer_floats * sizeof(float);
    pool->a_sequence = one_layer ? 2 : pool->record_bytes > HUGE_RECORD ? 3 : pool->record_bytes > LARGE_RECORD ? 4 : TL_MOST_RECORDS;
}

int tl_record_pool_layout(struct tl_record_pool *pool, uint32_t sequences, struct tl_arena *arena)
{
    uint64_t n = pool->n_layers ? (uint64_t)sequences * pool->a_sequence : 0;
    if (n > UINT32_MAX)
        return tl_fail(TL_E_BUDGET, "%u sessions have too many recurrent states", sequences);
    pool->n_records = pool->n_free = (uint32_t)n;
    pool->records = tl_arena_take(arena, n, pool->record_bytes);
    pool->free = tl_arena_take(arena, n, sizeof(*pool->free));
    pool->users = tl_arena_take(arena, n, sizeof(*pool->users));
    for (uint32_t i = 0; pool->free && i < pool->n_free; i++)
        pool->free[i] = pool->n_records - 1 - i;
    return 0;
}

static uint32_t number_of(const struct tl_record_pool *pool, const float *record)
{
    return (uint32_t)((uint64_t)((const uint8_t *)record - pool->records) / pool->record_bytes);
}

static int take(struct tl_record_pool *pool, float **ret_record)
{
    if (pool->n_free == 0)
        return tl_fail(TL_E_BUDGET, "the memory for recurrent states is used up (%u of %llu bytes)", pool->n_records,
                       (unsigned long long)pool->record_bytes);
    uint32_t number = pool->free[--pool->n_free];
    pool->users[number] = 1;
    *ret_record = (float *)(pool->records + number * pool->record_bytes);
    return 0;
}

static void drop(struct tl_record_pool *pool, struct tl_record_at *at)
{
    if (at->record) {
        uint32_t number = number_of(pool, at->record);
        if (--pool->users[number] == 0)
            pool->free[pool->n_free++] = number;
    }
    at->record = NULL;
}

/* --- the kept ones --- */

static void forget(struct tl_record_pool *pool, struct tl_records *r, uint32_t index)
{
    drop(pool, &r->kept[index]);
    r->n_kept--;
    memmove(&r->kept[index], &r->kept[index + 1], (r->n_kept - index) * sizeof(*r->kept));
}

/* Whom to do without: first the oldest that is no border; then, the latest two left aside (the end of the last prompt and
 * the page border before it are where the next one most likely departs), the one with the smallest gap behind its
 * predecessor for its distance from the end: going far back is rare. Of these two the page border serves for both. */
static uint32_t least_of(const struct tl_records *r)
{
    uint64_t best_gap = UINT32_MAX, best_distance = 1;
    uint32_t best = 0, n = r->n_kept, spared = n > 2 ? 2 : 1;
    for (uint32_t i = 0; i < n; i++)
        if (!r->kept[i].border)
            return i;
    if (n == 2 && !r->now.border && r->kept[1].length - r->kept[0].length <= TL_PAGE_TOKENS)
        return 1;
    for (uint32_t i = 0; i + spared < n; i++) {
        uint64_t gap = r->kept[i].length - (i ? r->kept[i - 1].length : 0), distance = r->now.length - r->kept[i].length;
        if (gap * best_distance < best_gap * distance) {
            best = i;
            best_gap = gap;
            best_distance = distance;
        }
    }
    return best;
}

static void thin(struct tl_record_pool *pool, struct tl_records *r, uint32_t most)
{
    while (r->n_kept > most)
        forget(pool, r, least_of(r));
}

static void keep(struct tl_record_pool *pool, struct tl_records *r, struct tl_record_at at)
{
    if (!at.record)
        return;
    if (at.length == 0 || r->n_kept == TL_MOST_RECORDS)       /* nothing is computed there */
        drop(pool, &at);
    else
        r->kept[r->n_kept++] = at;
}

/* --- steps --- */

static int need(struct tl_record_pool *pool, struct tl_record_at *at)
{
    return at->record ? 0 : take(pool, &at->record);
}

int tl_records_reserve(struct tl_record_pool *pool, struct tl_records *r, uint32_t length, uint32_t n_tokens)
{
    uint32_t border = (length + n_tokens - 1) / TL_PAGE_TOKENS * TL_PAGE_TOKENS;
    bool middle = pool->a_sequence > 2 && n_tokens > 1 && border > length, fresh = !r->now.record;
    if (!pool->n_layers || n_tokens == 0)
        return 0;
    if (!middle)
        drop(pool, &r->middle);
    thin(pool, r, pool->a_sequence - 2 - middle);
    int status = need(pool, &r->now);
    if (status >= 0 && fresh) {
        memset(r->now.record, 0, pool->record_bytes);
        r->now.length = 0;
    }
    if (status >= 0 && middle)
        status = need(pool, &r->middle);
    if (status >= 0)
        status = need(pool, &r->next);
    r->middle.length = border;
    r->middle.border = true;
    r->next.length = length + n_tokens;
    r->next.border = n_tokens > 1 && !r->passing;
    return status;
}

void tl_records_append(struct tl_record_pool *pool, struct tl_records *r)
{
    if (!r->next.record)
        return;
    keep(pool, r, r->now);
    keep(pool, r, r->middle);
    r->now = r->next;
    r->middle.record = r->next.record = NULL;
}

uint32_t tl_records_nearest(const struct tl_records *r, uint32_t length)
{
    if (r->now.record && r->now.length <= length)
        return r->now.length;
    for (uint32_t i = r->n_kept; i > 0; i--)
        if (r->kept[i - 1].length <= length)
            return r->kept[i - 1].length;
    return 0;
}

void tl_records_truncate(struct tl_record_pool *pool, struct tl_records *r, uint32_t length)
{
    drop(pool, &r->middle);
    drop(pool, &r->next);
    if (r->now.record && r->now.length <= length)
        return;
    drop(pool, &r->now);
    while (r->n_kept && r->kept[r->n_kept - 1].length > length)
        forget(pool, r, r->n_kept - 1);
    if (r->n_kept)
        r->now = r->kept[--r->n_kept];
}

static void share(struct tl_record_pool *pool, const struct tl_record_at *at)
{
    if (at->record)
        pool->users[number_of(pool, at->record)]++;
}

void tl_records_fork(struct tl_record_pool *pool, const struct tl_records *r, struct tl_records *ret_copy)
{
    *ret_copy = *r;
    ret_copy->middle.record = ret_copy->next.record = NULL;
    share(pool, &r->now);
    for (uint32_t i = 0; i < r->n_kept; i++)
        share(pool, &r->kept[i]);
}

void tl_records_drop(struct tl_record_pool *pool, struct tl_records *r)
{
    drop(pool, &r->now);
    drop(pool, &r->middle);
    drop(pool, &r->next);
    while (r->n_kept)
        forget(pool, r, r->n_kept - 1);
}

uint64_t tl_records_bytes(const struct tl_record_pool *pool, const struct tl_records *r)
{
    return pool->record_bytes * (r->n_kept + (r->now.record != NULL) + (r->middle.record != NULL) + (r->next.record != NULL));
}

int tl_records_add(struct tl_record_pool *pool, struct tl_records *r, uint32_t length, bool border)
{
    struct tl_record_at at = { .length = length, .border = border };
    thin(pool, r, pool->a_sequence - 2);
    int status = take(pool, &at.record);
    if (status < 0)
        return status;
    memset(at.record, 0, pool->record_bytes);
    keep(pool, r, r->now);
    r->now = at;
    return 0;
}
