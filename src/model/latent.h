/* SPDX-License-Identifier: MIT */
/* For architectures with latent attention (DeepSeek-V2, section 2.1): what they share of geometry and layers. */
#ifndef TL_MODEL_LATENT_H
#define TL_MODEL_LATENT_H

#include "model/program.h"

int tl_latent_read(const struct tl_modelfile *file, struct tl_geometry *geometry);
/* Attention, then the gated unit in leading dense layers and experts in all others. */
int tl_latent_layer(struct tl_builder *builder);

#endif
