/* SPDX-License-Identifier: MIT */
/* GLM-4.5 (Zhipu 2025): grouped-query attention with biases, head norms where the file has them, rotation over a part of
 * each head; leading dense layers; sigmoid router with a bias for the choice; one shared expert. */
#include "base/error.h"
#include "model/arch.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_FFN_NORM, "blk.%u.post_attention_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_glm4moe(const struct tl_modelfile *file, struct tl_geometry *g)
{
    bool norms = tl_modelfile_find(file, "blk.0.attn_q_norm.weight") || tl_modelfile_find(file, "model.layers.0.self_attn.q_norm.weight");
    int status = tl_geometry_is_outline(file) ? tl_meta_bool(file, "config.use_qk_norm", &norms) : 0;
    g->head_norms = norms;
    return status < 0 ? status : tl_router_read_sigmoid(file, g);
}

static int layer(struct tl_builder *builder)
{
    const struct tl_geometry *g = builder->geometry;
    TL_TRY(tl_build_gqa(builder, TL_BIASES | (g->head_norms ? TL_HEAD_NORMS : 0)));
    return builder->layer < g->n_dense ? tl_build_dense_ffn(builder, 0) : tl_build_expert_ffn(builder, 0);
}

const struct tl_arch tl_arch_glm4moe = { .name = "glm4moe", .model_types = { "glm4_moe" }, .transformers = "Glm4MoeForCausalLM", .names = names, .halves = true, .read = read_glm4moe, .layer = layer };
