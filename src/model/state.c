/* SPDX-License-Identifier: MIT */
/* Pages, page tables and their references. */
#include "model/state.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "kernel/kernel.h"

static uint32_t pages_of(uint64_t positions) { return (uint32_t)((positions + TL_PAGE_TOKENS - 1) / TL_PAGE_TOKENS); }

/* --- the pools --- */

static int group_of(struct tl_cache *cache, uint32_t window)
{
    for (uint32_t i = 0; i < cache->n_groups; i++)
        if (cache->group[i].window == window)
            return (int)i;
    if (cache->n_groups == TL_MAX_GROUPS)
        return tl_fail(TL_E_FILE, "more than %d different attention windows are not supported", TL_MAX_GROUPS);
    cache->group[cache->n_groups].window = window;
    return (int)cache->n_groups++;
}

static int cut_groups(struct tl_cache *cache)
{
    const struct tl_geometry *g = cache->geometry;
    memset(cache->group, 0, sizeof(cache->group));
    cache->n_groups = 0;
    cache->packed_bytes = 0;
    tl_record_pool_init(&cache->records, g, cache->one_layer);
    for (uint32_t layer = 0, recurrent = 0; layer < g->n_layers; layer++) {
        if (g->layer_recurrent[layer]) {
            cache->layer_slot[layer] = cache->one_layer ? 0 : (uint16_t)recurrent++;
            continue;
        }
        cache->packed_bytes += tl_geometry_packed(g, layer) * (uint64_t)cache->format->block_bytes / cache->format->block_elems;
        int group = group_of(cache, cache->one_layer ? 0 : g->layer_window[layer]);
        if (group < 0)
            return group;
        cache->layer_group[layer] = (uint8_t)group;
        cache->layer_slot[layer] = cache->one_layer ? 0 : (uint16_t)cache->group[group].n_layers++;
    }
    for (uint32_t i = 0; i < cache->n_groups; i++) {
        struct tl_page_group *group = &cache->group[i];
        group->n_layers = cache->one_layer ? 1 : group->n_layers;
        group->head_bytes = tl_page_bytes(cache->format, g->head_dim, tl_cache_v_dim(g));
        group->page_bytes = group->head_bytes * g->n_kv_heads * group->n_layers;
    }
    return 0;
}

int tl_cache_init(struct tl_cache *cache, const struct tl_geometry *g, const struct tl_number *format)
{
    memset(cache, 0, sizeof(*cache));
    cache->geometry = g;
    cache->format = format;
    cache->layer_group = tl_alloc(g->n_layers, sizeof(*cache->layer_group));
    cache->layer_slot = tl_alloc(g->n_layers, sizeof(*cache->layer_slot));
    return cache->layer_group && cache->layer_slot ? cut_groups(cache) : TL_E_NOMEM;
}

int tl_cache_share(struct tl_cache *cache, bool one_layer)
{
    cache->one_layer = one_layer;
    return cut_groups(cache);
}

void tl_cache_done(struct tl_cache *cache)
{
    tl_free(cache->layer_group);
    tl_free(cache->layer_slot);
    cache->layer_group = NULL;
    cache->layer_slot = NULL;
}

int tl_cache_layout(struct tl_cache *cache, uint32_t context, uint32_t sequences, uint32_t chunk, struct tl_arena *arena)
{
    cache->context = context;
    cache->slack = chunk;
    cache->table_pages = pages_of(context);
    for (uint32_t i = 0; i < cache->n_groups; i++) {
        struct tl_page_group *group = &cache->group[i];
        uint64_t held = context;
        if (group->window && (uint64_t)group->window + 2 * (uint64_t)chunk < context)
            held = group->window + 2 * (uint64_t)chunk;
        uint64_t n_pages = (uint64_t)sequences * (pages_of(held) + 1);
        if (cache->one_layer)
            n_pages = (uint64_t)pages_of(chunk) + sequences;
        if (n_pages > UINT32_MAX)
            return tl_fail(TL_E_BUDGET, "a context of %u tokens for %u sessions has too many pages", context, sequences);
        group->n_pages = group->n_free = (uint32_t)n_pages;
        group->pages = tl_arena_take(arena, n_pages, group->page_bytes);
        group->free = tl_arena_take(arena, n_pages, sizeof(*group->free));
        group->users = tl_arena_take(arena, n_pages, sizeof(*group->users));
        for (uint32_t page = 0; group->free && page < group->n_free; page++)
            group->free[page] = group->n_pages - 1 - page;
    }
    if (cache->packed_bytes)                 /* of architectures that are planned only */
        tl_arena_take(arena, (uint64_t)sequences * context, cache->packed_bytes);
    return tl_record_pool_layout(&cache->records, sequences, arena);
}

uint64_t tl_cache_token_bytes(const struct tl_cache *cache)
{
    uint64_t bytes = cache->packed_bytes;
    for (uint32_t i = 0; i < cache->n_groups; i++)
        bytes += cache->group[i].window ? 0 : cache->group[i].page_bytes / TL_PAGE_TOKENS;
    return bytes;
}

static void *page_at(struct tl_page_group *group, uint32_t page) { return group->pages + (uint64_t)page * group->page_bytes; }

static uint32_t page_number(const struct tl_page_group *group, const void *page)
{
    return (uint32_t)((uint64_t)((const uint8_t *)page - group->pages) / group->page_bytes);
}

static void *page_take(struct tl_page_group *group)
{
    if (group->n_free == 0)
        return NULL;
    uint32_t page = group->free[--group->n_free];
    group->users[page] = 1;
    return page_at(group, page);
}

static void page_drop(struct tl_page_group *group, void *page)
{
    uint32_t number = page_number(group, page);
    if (--group->users[number] == 0)
        group->free[group->n_free++] = number;
}

/* --- one state --- */

int tl_state_new(struct tl_cache *cache, struct tl_state **ret_state)
{
    struct tl_state *state = tl_alloc(1, sizeof(*state));
    if (!state)
        return TL_E_NOMEM;
    state->cache = cache;
    for (uint32_t i = 0; i < cache->n_groups; i++) {
        state->table[i] = tl_alloc(cache->table_pages, sizeof(void *));
        if (!state->table[i]) {
            tl_state_free(state);
            return TL_E_NOMEM;
        }
    }
    *ret_state = state;
    return 0;
}

static void drop_pages(struct tl_state *state, uint32_t i, uint32_t from, uint32_t to)
{
    for (uint32_t p = from; p < to; p++) {
        if (state->table[i][p])
            page_drop(&state->cache->group[i], state->table[i][p]);
        state->table[i][p] = NULL;
    }
}

void tl_state_free(struct tl_state *state)
{
    if (!state)
        return;
    for (uint32_t i = 0; i < state->cache->n_groups; i++) {
        if (state->table[i])
            drop_pages(state, i, 0, state->cache->table_pages);
        tl_free(state->table[i]);
    }
    tl_records_drop(&state->cache->records, &state->records);
    tl_free(state);
}

/* The page that holds the first new position may be shared: then this state gets its own copy. */
static int own_page(struct tl_page_group *group, void **slot)
{
    if (*slot && group->users[page_number(group, *slot)] == 1)
        return 0;
    void *page = page_take(group);
    if (!page)
        return tl_fail(TL_E_BUDGET, "the memory for context is used up (%u pages of %d tokens)", group->n_pages, TL_PAGE_TOKENS);
    if (*slot) {
        memcpy(page, *slot, group->page_bytes);
        page_drop(group, *slot);
    }
    *slot = page;
    return 0;
}

int tl_state_reserve(struct tl_state *state, uint32_t n_tokens)
{
    struct tl_cache *cache = state->cache;
    if (n_tokens > cache->context - state->length)
        return tl_fail(TL_E_USAGE, "the context is full: %u tokens are in it, %u more do not fit in %u", state->length, n_tokens,
                       cache->context);
    uint32_t from = state->length / TL_PAGE_TOKENS, to = pages_of((uint64_t)state->length + n_tokens);
    for (uint32_t i = 0; i < cache->n_groups; i++)
        for (uint32_t p = from; p < to; p++) {
            int status = own_page(&cache->group[i], &state->table[i][p]);
            if (status < 0)
                return status;
        }
    return tl_records_reserve(&cache->records, &state->records, state->length, n_tokens);
}

void tl_state_append(struct tl_state *state, uint32_t n_tokens)
{
    struct tl_cache *cache = state->cache;
    state->length += n_tokens;
    tl_records_append(&cache->records, &state->records);
    for (uint32_t i = 0; i < cache->n_groups; i++) {
        uint64_t keep = (uint64_t)cache->group[i].window + cache->slack;
        if (!cache->group[i].window || state->length <= keep)
            continue;
        uint32_t first = (uint32_t)(state->length - keep) / TL_PAGE_TOKENS;
        drop_pages(state, i, state->floor[i] / TL_PAGE_TOKENS, first);
        if (first * TL_PAGE_TOKENS > state->floor[i])
            state->floor[i] = first * TL_PAGE_TOKENS;
    }
}

/* Position `length` sees length - window + 1 and later. */
bool tl_cache_reaches(const struct tl_cache *cache, const uint32_t floor[TL_MAX_GROUPS], uint32_t length)
{
    for (uint32_t i = 0; i < cache->n_groups; i++)
        if (floor[i] > 0 && (uint64_t)length + 1 < (uint64_t)floor[i] + cache->group[i].window)
            return false;
    return true;
}

uint32_t tl_state_nearest(const struct tl_state *state, uint32_t length)
{
    if (length >= state->length)
        return state->length;
    if (state->cache->records.n_layers)
        length = tl_records_nearest(&state->records, length);
    return tl_cache_reaches(state->cache, state->floor, length) ? length : 0;
}

uint32_t tl_state_truncate(struct tl_state *state, uint32_t length)
{
    struct tl_cache *cache = state->cache;
    if (length >= state->length)
        return state->length;
    length = tl_state_nearest(state, length);
    tl_records_truncate(&cache->records, &state->records, length);
    for (uint32_t i = 0; i < cache->n_groups; i++) {
        drop_pages(state, i, pages_of(length), pages_of(state->length));
        if (length == 0)
            state->floor[i] = 0;
    }
    state->length = length;
    return length;
}

int tl_state_fork(const struct tl_state *state, struct tl_state **ret_state)
{
    struct tl_state *copy;
    int status = tl_state_new(state->cache, &copy);
    if (status < 0)
        return status;
    copy->length = state->length;
    memcpy(copy->floor, state->floor, sizeof(copy->floor));
    for (uint32_t i = 0; i < state->cache->n_groups; i++) {
        struct tl_page_group *group = &state->cache->group[i];
        for (uint32_t p = 0; p < pages_of(state->length); p++) {
            copy->table[i][p] = state->table[i][p];
            if (copy->table[i][p])
                group->users[page_number(group, copy->table[i][p])]++;
        }
    }
    tl_records_fork(&state->cache->records, &state->records, &copy->records);
    *ret_state = copy;
    return 0;
}

uint64_t tl_state_bytes(const struct tl_state *state)
{
    uint64_t bytes = tl_records_bytes(&state->cache->records, &state->records);
    for (uint32_t i = 0; i < state->cache->n_groups; i++)
        for (uint32_t p = 0; p < state->cache->table_pages; p++)
            bytes += state->table[i][p] ? state->cache->group[i].page_bytes : 0;
    return bytes;
}
