/* SPDX-License-Identifier: MIT */
/* What bounds a piece of work on this machine: the slower of reading its weights from memory and doing its arithmetic,
 * both at measured peaks. Attention and norms are not counted, so a share is never flattered. */
#ifndef TL_CLI_ROOFLINE_H
#define TL_CLI_ROOFLINE_H

#include <stdint.h>

#include "trill.h"

struct tl_roofline {
    double seconds;          /* that the limit allows; 0: unknown */
    const char *bound;       /* "memory", "arithmetic" or "drive" */
};

/* Of `tokens` computed together, with logits of the last one only. */
struct tl_roofline tl_roofline_prefill(const struct trill_model_figures *figures, const struct trill_peaks *peaks,
                                       uint32_t tokens, uint32_t chunk);
/* Of `tokens` computed one after another. */
struct tl_roofline tl_roofline_decode(const struct trill_model_figures *figures, const struct trill_peaks *peaks,
                                      uint32_t tokens);

/* Where `missed_bytes` of the work had to come from the drive: the larger limit of both. */
struct tl_roofline tl_roofline_streamed(struct tl_roofline limit, double missed_bytes, double drive_bytes_per_s);

#endif
