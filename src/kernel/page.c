/* SPDX-License-Identifier: MIT */
/* KV pages: their size, how a key and its value enter them, and the scratch that attention over them needs.
 * Every stored byte comes from the format's own encode; a page is written position by position and never converted. */
#include "kernel/page.h"

#include <string.h>

uint64_t tl_page_bytes(const struct tl_number *format, uint32_t head_dim, uint32_t v_dim)
{
    uint64_t bytes = page_values_offset(format->id, head_dim) + TL_PAGE_TOKENS * page_value_bytes(format->id, v_dim);
    return (bytes + 63) & ~(uint64_t)63;
}

/* A key goes into lane `lane` of its tile: plain formats element by element. */
static void put_key_plain(const struct tl_number *format, const float *key, uint32_t head_dim, uint8_t *tile,
                          uint32_t lane)
{
    size_t width = page_elem_bytes(format->id);
    _Alignas(float) uint8_t stored[TL_PAGE_Q8_BLOCK * sizeof(float)];
    for (uint32_t from = 0; from < head_dim; from += TL_PAGE_Q8_BLOCK) {
        uint32_t count = head_dim - from < TL_PAGE_Q8_BLOCK ? head_dim - from : TL_PAGE_Q8_BLOCK;
        format->encode(key + from, count, stored);
        for (uint32_t i = 0; i < count; i++)
            memcpy(tile + ((from + i) * TL_TILE_TOKENS + lane) * width, stored + i * width, width);
    }
}

/* Copies up to 32 floats from `from` on, the rest zero. */
static uint32_t padded_block(const float *values, uint32_t count, uint32_t from, float *ret_block)
{
    uint32_t here = count - from < TL_PAGE_Q8_BLOCK ? count - from : TL_PAGE_Q8_BLOCK;
    memcpy(ret_block, values + from, here * sizeof(float));
    memset(ret_block + here, 0, (TL_PAGE_Q8_BLOCK - here) * sizeof(float));
    return here;
}

static void put_key_q8(const struct tl_number *format, const float *key, uint32_t head_dim, uint8_t *tile, uint32_t lane)
{
    float block[TL_PAGE_Q8_BLOCK];
    uint8_t stored[TL_PAGE_Q8_BYTES], *codes = tile + page_scale_bytes(format->id, head_dim);
    for (uint32_t from = 0; from < head_dim; from += TL_PAGE_Q8_BLOCK) {
        uint32_t here = padded_block(key, head_dim, from, block);
        format->encode(block, TL_PAGE_Q8_BLOCK, stored);
        memcpy(tile + (from / TL_PAGE_Q8_BLOCK * TL_TILE_TOKENS + lane) * 2, stored, 2);
        for (uint32_t i = 0; i < here; i++)
            codes[(from + i) * TL_TILE_TOKENS + lane] = stored[2 + i];
    }
}

static void put_value_q8(const struct tl_number *format, const float *value, uint32_t v_dim, uint8_t *row)
{
    float block[TL_PAGE_Q8_BLOCK];
    for (uint32_t from = 0; from < v_dim; from += TL_PAGE_Q8_BLOCK, row += TL_PAGE_Q8_BYTES) {
        padded_block(value, v_dim, from, block);
        format->encode(block, TL_PAGE_Q8_BLOCK, row);
    }
}

void tl_page_put(const struct tl_number *format, uint32_t head_dim, uint32_t v_dim, void *page, uint32_t slot,
                 const float *key, const float *value)
{
    uint8_t *tile = (uint8_t *)page + slot / TL_TILE_TOKENS * page_tile_bytes(format->id, head_dim);
    uint8_t *row = (uint8_t *)page + page_values_offset(format->id, head_dim) + slot * page_value_bytes(format->id, v_dim);
    if (format->id == TL_NUMBER_Q8_0) {
        put_key_q8(format, key, head_dim, tile, slot % TL_TILE_TOKENS);
        put_value_q8(format, value, v_dim, row);
    } else {
        put_key_plain(format, key, head_dim, tile, slot % TL_TILE_TOKENS);
        if (v_dim > 0)
            format->encode(value, v_dim, row);
    }
}

uint64_t tl_attend_scratch_bytes(uint32_t n_rows, uint32_t n_positions)
{
    uint64_t row_bytes = page_row_tiles(n_positions) * TL_TILE_TOKENS * sizeof(float), bytes;
    return __builtin_mul_overflow(row_bytes, n_rows, &bytes) ? UINT64_MAX : bytes;
}
