/* SPDX-License-Identifier: MIT */
/* Random blocks of a number format: codes are random bits, scales are those of one of a few patterns, such that the values
 * have mean 0 and the standard deviation asked for. Private to this room. */
#ifndef TL_SYNTH_BLOCKS_H
#define TL_SYNTH_BLOCKS_H

#include "number/number.h"
#include "synth/random.h"

enum { TL_PATTERNS = 64 };

struct tl_blocks {
    const struct tl_number *number;
    uint32_t at[2], n[2];                /* runs of scales in a block */
    bool mapped;                         /* codes are looked up in `codes` */
    uint8_t codes[256];
    uint8_t patterns[TL_PATTERNS][TL_NUMBER_MAX_BLOCK_BYTES];
};

bool tl_blocks_known(const struct tl_number *number);                 /* has it blocks that can be made here? */
int tl_blocks_init(struct tl_blocks *blocks, const struct tl_number *number, double sigma);

/* Blocks [first, first + n); first and n are multiples of the unit of random bytes. */
void tl_blocks_fill(const struct tl_blocks *blocks, struct tl_stream_key key, uint64_t first, size_t n, uint8_t *ret_blocks);
/* The same for files that hold codes and scales apart: bytes of codes; scales of so many blocks. */
void tl_blocks_codes(const struct tl_blocks *blocks, struct tl_stream_key key, uint64_t from, size_t n_bytes, uint8_t *ret_codes);
void tl_blocks_scales(const struct tl_blocks *blocks, struct tl_stream_key key, uint64_t first, size_t n, uint8_t *ret_scales);

#endif
