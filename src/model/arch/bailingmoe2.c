/* SPDX-License-Identifier: MIT */
/* Ling 2.0 (Ant Group 2025; Bailing in its files): grouped-query attention whose q, k and v are one matrix, norms of each
 * head, rotation of half of it; leading dense layers; a sigmoid router with a bias for the choice and groups, shared
 * experts. */
#include "base/error.h"
#include "model/arch.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_EMBED, "token_embd.weight", "model.word_embeddings.weight", 0 },
    { TL_R_QKV, "blk.%u.attn_qkv.weight", "model.layers.%u.attention.query_key_value.weight", 0 },
    { TL_R_O, "blk.%u.attn_output.weight", "model.layers.%u.attention.dense.weight", 0 },
    { TL_R_Q_NORM, "blk.%u.attn_q_norm.weight", "model.layers.%u.attention.query_layernorm.weight", 0 },
    { TL_R_K_NORM, "blk.%u.attn_k_norm.weight", "model.layers.%u.attention.key_layernorm.weight", 0 },
    { TL_R_CHOICE_BIAS, "blk.%u.exp_probs_b.bias", "model.layers.%u.mlp.gate.expert_bias", 0 },
    { TL_R_AHEAD_NORM, "blk.%u.layer_output_norm.weight", "model.layers.%u.final_layernorm.weight", 0 },
    { 0, NULL, NULL, 0 },
};

/* The shared expert is as wide as a routed one, times their number, unless the file says otherwise. */
static int read_shared(const struct tl_modelfile *file, struct tl_geometry *g)
{
    float number = (float)g->n_shared, width = 0;
    int status = tl_geometry_f32(file, g, NULL, "num_shared_experts", &number);
    if (status >= 0)
        status = tl_geometry_f32(file, g, "expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size", &width);
    if (status >= 0 && (!(number >= 0 && number <= 64) || !(width >= 0 && width <= 1 << 22)))
        return tl_fail(TL_E_FILE, "%s: %g shared experts of width %g, which cannot be", tl_modelfile_path(file), (double)number, (double)width);
    g->n_shared = (uint32_t)number;
    g->ff_one_shared = g->ff_shared = width > 0 && g->n_shared ? (uint32_t)width : g->n_shared * g->ff_expert;
    return status < 0 ? status : 0;
}

static int read_bailingmoe2(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = read_shared(file, g);
    g->fused_qkv = true;
    return status < 0 ? status : tl_router_read_sigmoid(file, g);
}

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_HEAD_NORMS));
    return builder->layer < builder->geometry->n_dense ? tl_build_dense_ffn(builder, 0) : tl_build_expert_ffn(builder, 0);
}

const struct tl_arch tl_arch_bailingmoe2 = { .name = "bailingmoe2", .model_types = { "bailing_moe_v2", "bailing_moe" }, .transformers = "BailingMoeV2ForCausalLM", .names = names, .rope_share = 0.5f,
                                             .halves = true, .read = read_bailingmoe2, .layer = layer };
