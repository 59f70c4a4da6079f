/* SPDX-License-Identifier: MIT */
/* Every tensor is a random stream of its own, keyed by the seed and its name: its bytes depend on nothing else, not on
 * threads, pieces, or how many layers there are. */
#include "synth/filler.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

enum { VALUES = 256 };                   /* at a time; whole units of random bytes at two a value */

bool tl_filler_rows_differ(const struct tl_entry *entry) { return entry->listed && entry->listed->want.role == TL_R_ROUTER; }

int tl_filler_init(struct tl_filler *filler, const struct tl_geometry *geometry, const struct tl_entries *entries, uint64_t seed,
                   double skew)
{
    struct tl_spread spread;
    *filler = (struct tl_filler){.geometry = geometry, .seed = seed};
    for (uint64_t i = 0; i < entries->n; i++)
        if (entries->entry[i].listed) {
            int r = tl_weights_spread(geometry, &entries->entry[i].listed->want, &spread);
            if (r < 0)
                return r;
        }
    filler->factors = tl_alloc(geometry->n_experts + 1u, sizeof(*filler->factors));
    return filler->factors ? tl_weights_range(geometry->n_experts, geometry->n_used, skew, &filler->range) : TL_E_NOMEM;
}

void tl_filler_done(struct tl_filler *filler)
{
    for (int i = 0; i < TL_FILLER_KEPT; i++)
        tl_free(filler->kept[i].blocks);
    tl_free(filler->factors);
}

static int find_blocks(struct tl_filler *filler, const struct tl_number *number, double sigma, const struct tl_blocks **ret_blocks)
{
    for (int i = 0; i < TL_FILLER_KEPT; i++)
        if (filler->kept[i].blocks && filler->kept[i].blocks->number == number && filler->kept[i].sigma == sigma) {
            *ret_blocks = filler->kept[i].blocks;
            return 0;
        }
    uint32_t slot = filler->next++ % TL_FILLER_KEPT;
    if (!filler->kept[slot].blocks && !(filler->kept[slot].blocks = tl_alloc(1, sizeof(struct tl_blocks))))
        return TL_E_NOMEM;
    filler->kept[slot].sigma = sigma;
    *ret_blocks = filler->kept[slot].blocks;
    return tl_blocks_init(filler->kept[slot].blocks, number, sigma);
}

int tl_filler_begin(struct tl_filler *filler, const struct tl_entry *entry, struct tl_fill *ret)
{
    struct tl_fill fill = {.entry = entry, .key = {filler->seed, tl_hash_bytes(entry->name, strlen(entry->name), 0)}};
    uint64_t each = entry->n_elems ? entry->n_bytes / entry->n_elems : 1;
    bool whole = entry->kind == TL_ENTRY_WHOLE, blocks = whole && tl_blocks_known(entry->number);
    int r = entry->listed ? tl_weights_spread(filler->geometry, &entry->listed->want, &fill.spread) : 0;
    fill.unit_bytes = blocks ? (uint64_t)entry->number->block_bytes * TL_RANDOM_UNIT : whole ? each * VALUES : each * TL_RANDOM_UNIT;
    if (r >= 0 && whole && !blocks && fill.spread.rows_differ) {
        tl_weights_router(entry->listed->want.rows, filler->range, fill.key, filler->factors);
        fill.factors = filler->factors;
    }
    if (r >= 0 && (blocks || entry->kind == TL_ENTRY_CODES || entry->kind == TL_ENTRY_SCALES))
        r = find_blocks(filler, entry->number, fill.spread.deviation, &fill.blocks);
    if (r >= 0)
        *ret = fill;
    return r;
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

/* Evenly distributed about the mean. */
static void fill_values(const struct tl_fill *fill, uint64_t first, size_t n, uint8_t *ret_bytes)
{
    const struct tl_entry *e = fill->entry;
    uint64_t cols = e->shape[e->n_dims - 1];
    float width = (float)(fill->spread.deviation * sqrt(12.0)), mean = (float)fill->spread.mean;
    for (size_t at = 0; at < n; at += VALUES) {
        uint16_t random[VALUES];
        float values[VALUES];
        size_t count = n - at < VALUES ? n - at : VALUES;
        tl_random_bytes(fill->key, 2 * (first + at), random, sizeof random);
        for (size_t i = 0; i < count; i++)
            values[i] = mean + width * (((float)random[i] + 0.5f) * 0x1p-16f - 0.5f);
        for (size_t i = 0; i < count && fill->factors; i++)
            values[i] *= fill->factors[(first + at + i) / cols];
        e->number->encode(values, count, ret_bytes + at * e->number->block_bytes);
    }
}

static uint64_t up(uint64_t n) { return (n + TL_RANDOM_UNIT - 1) / TL_RANDOM_UNIT * TL_RANDOM_UNIT; }

void tl_fill_piece(const struct tl_fill *fill, uint64_t from, size_t n_bytes, uint8_t *ret_bytes)
{
    const struct tl_entry *e = fill->entry;
    uint64_t each = e->n_bytes / e->n_elems, block = e->number->block_bytes;
    switch (e->kind) {
    case TL_ENTRY_WHOLE:
        if (fill->blocks)
            tl_blocks_fill(fill->blocks, fill->key, from / block, up(n_bytes / block), ret_bytes);
        else
            fill_values(fill, from / each, n_bytes / each, ret_bytes);
        break;
    case TL_ENTRY_CODES:  tl_blocks_codes(fill->blocks, fill->key, from, up(n_bytes), ret_bytes); break;
    case TL_ENTRY_SCALES: tl_blocks_scales(fill->blocks, fill->key, from / each, n_bytes / each, ret_bytes); break;
    case TL_ENTRY_GIVEN:  memcpy(ret_bytes, (const uint8_t *)e->given + from, n_bytes); break;
    }
}
