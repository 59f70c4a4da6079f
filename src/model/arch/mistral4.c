/* SPDX-License-Identifier: MIT */
/* Mistral's models with latent attention (Mistral Large 3, 2025; Small 4, 2026): the layers of deepseek2, softmax over all
 * experts without a bias for the choice, queries that grow with the logarithm of their position. The experts of a layer
 * may be one tensor, gate above up. */
#include "model/arch.h"
#include "model/latent.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_EXPERT_GATE, "", "model.layers.%u.mlp.experts.gate_up_proj", TL_LAYOUT_TOP },
    { TL_R_EXPERT_UP, "", "model.layers.%u.mlp.experts.gate_up_proj", TL_LAYOUT_BOTTOM },
    { TL_R_EXPERT_DOWN, "", "model.layers.%u.mlp.experts.down_proj", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_mistral4(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = tl_latent_read(file, g);
    return status < 0 ? status : tl_router_read_grouped(file, g, TL_ROUTER_SOFTMAX);
}

const struct tl_arch tl_arch_mistral4 = { .name = "mistral4", .model_types = { "mistral4" }, .transformers = "Mistral4ForCausalLM", .names = names, .read = read_mistral4, .layer = tl_latent_layer };
