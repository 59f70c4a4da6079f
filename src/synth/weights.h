/* SPDX-License-Identifier: MIT */
/* The statistics that random weights of a tensor have, so that activations stay sane through any number of layers and
 * tokens spread over the experts as evenly, or unevenly, as asked. Private to this room. */
#ifndef TL_SYNTH_WEIGHTS_H
#define TL_SYNTH_WEIGHTS_H

#include "plan/listing.h"
#include "synth/random.h"

struct tl_spread { double mean, deviation; bool rows_differ; };

int tl_weights_spread(const struct tl_geometry *geometry, const struct tl_want *want, struct tl_spread *ret_spread);

/* How far apart the rows of a router lie, in the logarithm of their lengths, so that the busiest quarter of the experts takes
 * the share `skew` of all choices; 0 where that is a quarter, or less. */
int tl_weights_range(uint32_t n_experts, uint32_t n_used, double skew, double *ret_range);
/* ret_factors [n_experts]: lengths of these rows; each expert's logit is about normal with that deviation. */
void tl_weights_router(uint32_t n_experts, double range, struct tl_stream_key key, float *ret_factors);

#endif
