/* SPDX-License-Identifier: MIT */
/* DeepSeek V3 and Kimi K2 (DeepSeek-V3, 2024; GGUF calls them deepseek2): latent attention kept compressed and absorbed,
 * leading dense layers, a sigmoid router with a bias for the choice and groups, shared experts. Rotation pairs
 * neighbours. Yarn multiplies the scale of the scores by mscale squared, and the rotation itself by 1. GGUF files of
 * Mistral Large 3 are of this kind too: softmax over the experts, and queries that grow with their position. */
#include "model/arch.h"
#include "model/latent.h"
#include "model/router.h"

static int read_deepseek2(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = tl_latent_read(file, g);
    return status < 0 ? status : tl_router_read_grouped(file, g, TL_ROUTER_SIGMOID);
}

const struct tl_arch tl_arch_deepseek2 = { .name = "deepseek2", .model_types = { "deepseek_v3", "kimi_k2" }, .transformers = "DeepseekV3ForCausalLM", .read = read_deepseek2, .layer = tl_latent_layer };
