/* SPDX-License-Identifier: MIT */
/* Private to this room: what iq1_s and iq1_m share. Runs of 8 values are points of a grid of 2048 with coordinates -1, 0, 1, to
 * which an eighth is added or from which it is taken; scales are d * (2 step + 1), step 0 .. 7. In codes: eighths, and 9 more. */
#ifndef TL_NUMBER_IQ1_H
#define TL_NUMBER_IQ1_H

#include <stddef.h>
#include <stdint.h>

enum { TL_IQ1_ELEMS = 256, TL_IQ1_RUNS = TL_IQ1_ELEMS / 8, TL_IQ1_OFFSET = 9, TL_IQ1_STEPS = 8 };

/* What goes into a block. */
struct tl_iq1_fit {
    float d;                             /* as f16 holds it */
    uint8_t steps[16];
    uint8_t minus[TL_IQ1_RUNS];          /* the eighth is taken */
    uint16_t points[TL_IQ1_RUNS];
};

/* A format's fit, block after block, written by `put`; groups of `group` values share a scale, runs of `shared` values the sign
 * of the eighth. weights may be NULL. */
void tl_iq1_blocks_fit(const float *values, const float *weights, size_t n_elems, uint32_t group, uint32_t shared,
                       void (*put)(const struct tl_iq1_fit *fit, uint8_t *block), uint32_t block_bytes, void *ret_bytes);
void tl_iq1_codes(uint32_t point, uint32_t minus, uint8_t *ret_codes);

#endif
