/* SPDX-License-Identifier: MIT */
/* GLM 5 (Zhipu 2026): the layers of deepseek2, and an indexer that chooses, for each token, index_topk of the positions
 * before it. With no more positions than that it chooses all of them: so far alone such models run, without it. */
#include "model/arch.h"
#include "model/latent.h"
#include "model/router.h"

static int read_glm_dsa(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = tl_latent_read(file, g);
    if (g->index_top && g->context > g->index_top)
        g->context = g->index_top;
    return status < 0 ? status : tl_router_read_grouped(file, g, TL_ROUTER_SIGMOID);
}

const struct tl_arch tl_arch_glm_dsa = { .name = "glm-dsa", .model_types = { "glm_moe_dsa" }, .transformers = "GlmMoeDsaForCausalLM", .read = read_glm_dsa, .layer = tl_latent_layer };
