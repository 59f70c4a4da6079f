/* SPDX-License-Identifier: MIT */
/* Values of latent attention, which lie in the tiles of keys [dimension][16 positions]: some dimensions of a page at a time
 * are turned into rows of f32 [position][dimension], exactly, once for all rows of a call. They stay in the nearest cache
 * while all blocks of rows add them. For attend_lanes.h only. */
#ifndef TL_KERNEL_LATENT_LANES_H
#define TL_KERNEL_LATENT_LANES_H

#include "kernel/attend_loops.h"

enum { STRIP_DIMS = 64 };

struct strip { _Alignas(64) float at[TL_PAGE_TOKENS][STRIP_DIMS]; };

/* x[i] lane j <-> x[j] lane i: an index of eight bits turned by four, one a round. */
ATTEND_INLINE void transpose(struct lanes x[LANES])
{
    for (int round = 0; round < 4; round += 2) {
        struct lanes y[LANES];
        TL_UNROLL
        for (int i = 0; i < LANES / 2; i++)
            lanes_unzip(x[2 * i], x[2 * i + 1], &y[i], &y[i + LANES / 2]);
        TL_UNROLL
        for (int i = 0; i < LANES / 2; i++)
            lanes_unzip(y[2 * i], y[2 * i + 1], &x[i], &x[i + LANES / 2]);
    }
}

/* Dimension d of the positions of a tile. */
ATTEND_INLINE struct lanes load_dimension(const enum tl_number_id id, const uint8_t *tile, size_t scale_bytes, size_t d)
{
    const uint8_t *elems = tile + scale_bytes + d * (LANES * page_elem_bytes(id));
    if (id != TL_NUMBER_Q8_0)
        return load_plain(id, elems);
    return load_scaled(lanes_load_f16(tile + d / TL_PAGE_Q8_BLOCK * (LANES * 2)), elems);
}

/* Dimensions from..to-1 of a page of keys; a last partial sixteen is filled up with zeros. */
ATTEND_INLINE void open_strip_of(const enum tl_number_id id, size_t head_dim, const uint8_t *page, size_t from, size_t to,
                                 struct strip *ret_strip)
{
    size_t tile_bytes = page_tile_bytes(id, head_dim), scale_bytes = page_scale_bytes(id, head_dim);
    for (size_t slot = 0; slot < TL_PAGE_TOKENS; slot += LANES, page += tile_bytes)
        for (size_t d = from; d < to; d += LANES) {
            struct lanes x[LANES];
            TL_UNROLL
            for (size_t i = 0; i < LANES / 2; i++) {
                x[i] = d + i < to ? load_dimension(id, page, scale_bytes, d + i) : lanes_set(0.0f);
                x[i + 8] = d + i + 8 < to ? load_dimension(id, page, scale_bytes, d + i + 8) : lanes_set(0.0f);
            }
            transpose(x);
            TL_UNROLL
            for (size_t i = 0; i < LANES / 2; i++) {
                lanes_store(&ret_strip->at[slot + i][d - from], x[i]);
                lanes_store(&ret_strip->at[slot + i + 8][d - from], x[i + 8]);
            }
        }
}

static void open_strip(enum tl_number_id id, size_t head_dim, const uint8_t *page, size_t from, size_t to,
                       struct strip *ret_strip)
{
    switch (id) {
    case TL_NUMBER_F32: open_strip_of(TL_NUMBER_F32, head_dim, page, from, to, ret_strip); break;
    case TL_NUMBER_F16: open_strip_of(TL_NUMBER_F16, head_dim, page, from, to, ret_strip); break;
    case TL_NUMBER_BF16: open_strip_of(TL_NUMBER_BF16, head_dim, page, from, to, ret_strip); break;
    default: open_strip_of(TL_NUMBER_Q8_0, head_dim, page, from, to, ret_strip); break;
    }
}

#endif
