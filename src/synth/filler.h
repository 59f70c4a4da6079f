/* SPDX-License-Identifier: MIT */
/* The random bytes of a tensor, any part of them by any thread. Private to this room. */
#ifndef TL_SYNTH_FILLER_H
#define TL_SYNTH_FILLER_H

#include "synth/blocks.h"
#include "synth/entries.h"

enum { TL_FILLER_KEPT = 16 };

struct tl_filler {
    const struct tl_geometry *geometry;
    uint64_t seed;
    double skew;
    struct { struct tl_blocks *blocks; double sigma; } kept[TL_FILLER_KEPT];     /* those in use lately */
    uint32_t next;
    float *factors;                      /* of the rows of the router being written [n_experts] */
};

/* What the pieces of one entry need; good until TL_FILLER_KEPT other entries, or another router, were begun. */
struct tl_fill {
    const struct tl_entry *entry;
    const struct tl_blocks *blocks;
    const float *factors;
    struct tl_stream_key key;
    uint64_t unit_bytes;                 /* pieces begin at multiples of it */
};

int tl_filler_init(struct tl_filler *filler, const struct tl_geometry *geometry, uint64_t seed, double skew);
void tl_filler_done(struct tl_filler *filler);
int tl_filler_begin(struct tl_filler *filler, const struct tl_entry *entry, struct tl_fill *ret_fill);
/* Bytes [from, from + n_bytes) of the entry; from a multiple of the unit. ret_bytes has room for whole units. */
void tl_fill_piece(const struct tl_fill *fill, uint64_t from, size_t n_bytes, uint8_t *ret_bytes);

#endif
