/* SPDX-License-Identifier: MIT */
/* The statistics that random weights of a tensor have, so that activations stay sane through any number of layers and
 * tokens spread over the experts as evenly, or unevenly, as asked. Private to this room. */
#ifndef TL_SYNTH_WEIGHTS_H
#define TL_SYNTH_WEIGHTS_H

#include "plan/listing.h"
#include "synth/random.h"

struct tl_spread { double mean, deviation; bool rows_differ; };

int tl_weights_spread(const struct tl_geometry *geometry, const struct tl_want *want, struct tl_spread *ret_spread);

/* skew: the share of choices that the busiest quarter of the experts shall take, 0.25 (even) and more. ret_factors
 * [n_experts]: of the router's rows of that layer; each expert's logit is about normal with that deviation. */
int tl_weights_router(uint32_t n_experts, uint32_t n_used, double skew, struct tl_stream_key key, float *ret_factors);

#endif
