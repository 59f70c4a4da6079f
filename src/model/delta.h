/* SPDX-License-Identifier: MIT */
/* Gated delta nets (Yang et al. 2024, arXiv 2412.06464) as the Qwen3-Next line has them. */
#ifndef TL_MODEL_DELTA_H
#define TL_MODEL_DELTA_H

#include "model/geometry.h"

/* For architectures: the facts of their recurrent layers, and which layers those are. */
int tl_delta_read(const struct tl_modelfile *file, struct tl_geometry *geometry);

#endif
