/* SPDX-License-Identifier: MIT */
/* Private to this room: encoders of blocks of 32 codes behind an f16 scale, and where codes begin at a minimum, an f16 of that
 * behind it. Formats differ in how many bits a code has, and where these lie. */
#ifndef TL_NUMBER_FIT_BLOCK_H
#define TL_NUMBER_FIT_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct tl_fit_block {
    uint32_t bytes;                      /* of a block; scale and minimum are its first two or four */
    int32_t high;                        /* the greatest code; without a minimum the codes' offset is (high + 1) / 2 */
    void (*put)(const uint8_t *codes, uint8_t *block);           /* into a block that is all zeros behind its scale */
};

/* ggml's: the value of greatest magnitude becomes code 0; with a minimum the least value becomes code 0, the greatest `high`. */
void tl_fit_block_encode(const struct tl_fit_block *format, const float *values, size_t n_elems, void *ret_bytes);
void tl_fit_block_encode_min(const struct tl_fit_block *format, const float *values, size_t n_elems, void *ret_bytes);
/* With the least weighed error. */
void tl_fit_block_fit(const struct tl_fit_block *format, const float *values, const float *weights, size_t n_elems, void *ret_bytes);
void tl_fit_block_fit_min(const struct tl_fit_block *format, const float *values, const float *weights, size_t n_elems, void *ret_bytes);

#endif
