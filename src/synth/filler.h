/* SPDX-License-Identifier: MIT */
/* The random bytes of a tensor, any part of them by any thread. Private to this room. */
#ifndef TL_SYNTH_FILLER_H
#define TL_SYNTH_FILLER_H

#include "plan/entries.h"
#include "synth/blocks.h"
#include "synth/weights.h"

enum { TL_FILLER_KEPT = 16 };

struct tl_filler {
    const struct tl_geometry *geometry;
    uint64_t seed;
    double range;                        /* of routers' rows */
    struct { struct tl_blocks *blocks; double sigma; } kept[TL_FILLER_KEPT];     /* those in use lately */
    uint32_t next;
    float *factors;                      /* of the rows of the router being written [n_experts] */
};

/* What the pieces of one entry need; good until TL_FILLER_KEPT other entries, or another router, were begun. */
struct tl_fill {
    const struct tl_entry *entry;
    struct tl_spread spread;
    const struct tl_blocks *blocks;      /* of a format with scales; NULL: values one by one */
    const float *factors;
    struct tl_stream_key key;
    uint64_t unit_bytes;                 /* pieces begin at multiples of it */
};

/* Fails where it is not known what the values of an entry are to be. */
int tl_filler_init(struct tl_filler *filler, const struct tl_geometry *geometry, const struct tl_entries *entries, uint64_t seed,
                   double skew);
void tl_filler_done(struct tl_filler *filler);
bool tl_filler_rows_differ(const struct tl_entry *entry);             /* a router, whose rows have lengths of their own */
int tl_filler_begin(struct tl_filler *filler, const struct tl_entry *entry, struct tl_fill *ret_fill);
/* Bytes [from, from + n_bytes) of the entry; from a multiple of the unit. ret_bytes has room for whole units. */
void tl_fill_piece(const struct tl_fill *fill, uint64_t from, size_t n_bytes, uint8_t *ret_bytes);

#endif
