/* SPDX-License-Identifier: MIT */
/* GLM 5 (Zhipu 2026): the layers of deepseek2, and an indexer that chooses, for each token, index_topk of the positions
 * before it. With no more positions than that it chooses all of them: so far alone such models run, without it. Layers may share
 * that of a layer before them, and have none. */
#include "model/arch.h"
#include "model/latent.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_INDEX_Q, "blk.%u.indexer.attn_q_b.weight", "model.layers.%u.self_attn.indexer.wq_b.weight", 0 },
    { TL_R_INDEX_WEIGHT, "blk.%u.indexer.proj.weight", "model.layers.%u.self_attn.indexer.weights_proj.weight", 0 },
    { TL_R_INDEX_KEY, "blk.%u.indexer.attn_k.weight", "model.layers.%u.self_attn.indexer.wk.weight", 0 },
    { TL_R_INDEX_NORM, "blk.%u.indexer.k_norm.weight", "model.layers.%u.self_attn.indexer.k_norm.weight", 0 },
    { TL_R_INDEX_NORM_BIAS, "blk.%u.indexer.k_norm.bias", "model.layers.%u.self_attn.indexer.k_norm.bias", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_glm_dsa(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = tl_latent_read(file, g);
    g->context_said = g->context;
    if (g->index_top && g->context > g->index_top)
        g->context = g->index_top;
    return status < 0 ? status : tl_router_read_grouped(file, g, TL_ROUTER_SIGMOID);
}

static bool beside(const struct tl_geometry *g, uint32_t nth, struct tl_want *ret_want)
{
    const struct tl_want wants[] = {
        { .role = TL_R_INDEX_Q, .rows = g->index_heads * g->index_dim, .cols = g->q_rank },
        { .role = TL_R_INDEX_WEIGHT, .rows = g->index_heads, .cols = g->width },
        { .role = TL_R_INDEX_KEY, .rows = g->index_dim, .cols = g->width },
        { .role = TL_R_INDEX_NORM, .cols = g->index_dim },
        { .role = TL_R_INDEX_NORM_BIAS, .cols = g->index_dim },
    };
    if (!g->index_top || nth >= sizeof(wants) / sizeof(*wants))
        return false;
    *ret_want = wants[nth];
    ret_want->optional = true;
    return true;
}

const struct tl_arch tl_arch_glm_dsa = { .name = "glm-dsa", .model_types = { "glm_moe_dsa" }, .transformers = "GlmMoeDsaForCausalLM", .names = names,
                                         .read = read_glm_dsa, .beside = beside, .layer = tl_latent_layer };
