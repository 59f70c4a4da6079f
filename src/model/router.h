/* SPDX-License-Identifier: MIT */
/* Routers: from a token's logits to its experts and their weights. */
#ifndef TL_MODEL_ROUTER_H
#define TL_MODEL_ROUTER_H

#include "kernel/kernel.h"
#include "model/geometry.h"

/* For architectures: the facts of sigmoid routers (DeepSeek V3, Kimi, GLM). */
int tl_router_read_sigmoid(const struct tl_modelfile *file, struct tl_geometry *geometry);
/* The same, by what the file says of the scores: sigmoid with a bias for the choice, or softmax; `usual` where it says nothing. */
int tl_router_read_grouped(const struct tl_modelfile *file, struct tl_geometry *geometry, enum tl_router usual);
/* Softmax over all experts, and a shared expert behind a switch where the file has one (Qwen3, Qwen3-Next). */
int tl_router_read_softmax(const struct tl_modelfile *file, struct tl_geometry *geometry);

/* Chooses n_used of the layer's experts: ids ascending, weights beside them. `logits` [experts] is used as scratch; `bias`
 * [experts] may be NULL; `scratch` [experts]. Ties go to the lower expert. */
void tl_router_choose(const struct tl_kernel *kernel, const struct tl_geometry *geometry, uint32_t layer, float *logits, const float *bias,
                      float *scratch, uint32_t *ret_experts, float *ret_weights);

#endif
