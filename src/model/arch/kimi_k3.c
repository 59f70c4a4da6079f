/* SPDX-License-Identifier: MIT */
/* Kimi K3 (Moonshot 2026), planned only. Delta nets whose every channel decays by itself (Kimi Linear, 2025), and every
 * fourth layer latent attention without rotation, behind a gate; attention over the residual stream as it was at the
 * borders of blocks of layers; routed experts narrower than the model, between two matrices of their own; a unit of its
 * own. Sources: the model's configuration, and the layout of its GGUF files; names of safetensors are partly inferred. */
#include <stdio.h>

#include "base/error.h"
#include "model/arch.h"
#include "model/latent.h"
#include "model/router.h"

enum { MOST_BLOCKS = 64 };

static const struct tl_name names[] = {
    { TL_R_ATTN_MIX, "blk.%u.attn_res_score.weight", "model.layers.%u.self_attention_res_proj.weight", 0 },
    { TL_R_FFN_MIX, "blk.%u.ffn_res_score.weight", "model.layers.%u.mlp_res_proj.weight", 0 },
    { TL_R_OUT_MIX, "output_res_score.weight", "model.output_attn_res_proj.weight", 0 },
    { TL_R_KDA_CONV_Q, "blk.%u.ssm_conv1d_q.weight", "model.layers.%u.self_attn.q_conv1d.weight", TL_LAYOUT_TAPS },
    { TL_R_KDA_CONV_K, "blk.%u.ssm_conv1d_k.weight", "model.layers.%u.self_attn.k_conv1d.weight", TL_LAYOUT_TAPS },
    { TL_R_KDA_CONV_V, "blk.%u.ssm_conv1d_v.weight", "model.layers.%u.self_attn.v_conv1d.weight", TL_LAYOUT_TAPS },
    { TL_R_KDA_DECAY_A, "blk.%u.ssm_f_a.weight", "model.layers.%u.self_attn.f_a_proj.weight", 0 },
    { TL_R_KDA_DECAY_B, "blk.%u.ssm_f_b.weight", "model.layers.%u.self_attn.f_b_proj.weight", 0 },
    { TL_R_DELTA_BETA, "blk.%u.ssm_beta.weight", "model.layers.%u.self_attn.b_proj.weight", 0 },
    { TL_R_DELTA_RATE, "blk.%u.ssm_a", "model.layers.%u.self_attn.A_log", 0 },
    { TL_R_DELTA_BIAS, "blk.%u.ssm_dt.bias", "model.layers.%u.self_attn.dt_bias", 0 },
    { TL_R_DELTA_Z, "blk.%u.ssm_g.weight", "model.layers.%u.self_attn.g_proj.weight", 0 },
    { TL_R_DELTA_NORM, "blk.%u.ssm_norm.weight", "model.layers.%u.self_attn.o_norm.weight", 0 },
    { TL_R_DELTA_OUT, "blk.%u.attn_output.weight", "model.layers.%u.self_attn.o_proj.weight", 0 },
    { TL_R_ATTN_GATE, "blk.%u.attn_gate.weight", "model.layers.%u.self_attn.g_proj.weight", 0 },
    { TL_R_ROUTER, "blk.%u.ffn_gate_inp.weight", "model.layers.%u.block_sparse_moe.gate.weight", 0 },
    { TL_R_CHOICE_BIAS, "blk.%u.exp_probs_b.bias", "model.layers.%u.block_sparse_moe.gate.e_score_correction_bias", 0 },
    { TL_R_EXPERT_IN, "blk.%u.ffn_routed_down.weight", "model.layers.%u.block_sparse_moe.routed_down_proj.weight", 0 },
    { TL_R_EXPERT_IN_NORM, "blk.%u.ffn_routed_norm.weight", "model.layers.%u.block_sparse_moe.routed_norm.weight", 0 },
    { TL_R_EXPERT_OUT, "blk.%u.ffn_routed_up.weight", "model.layers.%u.block_sparse_moe.routed_up_proj.weight", 0 },
    { TL_R_EXPERT_GATE, "blk.%u.ffn_gate_exps.weight", "model.layers.%u.block_sparse_moe.experts.%e.w1.weight", 0 },
    { TL_R_EXPERT_UP, "blk.%u.ffn_up_exps.weight", "model.layers.%u.block_sparse_moe.experts.%e.w3.weight", 0 },
    { TL_R_EXPERT_DOWN, "blk.%u.ffn_down_exps.weight", "model.layers.%u.block_sparse_moe.experts.%e.w2.weight", 0 },
    { TL_R_SHARED_GATE, "blk.%u.ffn_gate_shexp.weight", "model.layers.%u.block_sparse_moe.shared_experts.gate_proj.weight", 0 },
    { TL_R_SHARED_UP, "blk.%u.ffn_up_shexp.weight", "model.layers.%u.block_sparse_moe.shared_experts.up_proj.weight", 0 },
    { TL_R_SHARED_DOWN, "blk.%u.ffn_down_shexp.weight", "model.layers.%u.block_sparse_moe.shared_experts.down_proj.weight", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_u32(const struct tl_modelfile *file, const struct tl_geometry *g, const char *key, uint32_t most, uint32_t *ret)
{
    char full[160];
    uint64_t value = *ret;
    snprintf(full, sizeof(full), "%s%s", g->prefix, key);
    int status = tl_meta_u64(file, full, most, &value);
    *ret = (uint32_t)value;
    return status;
}

/* "full_attn_layers" counts from 1; without it every fourth layer and the last. */
static int read_layers(const struct tl_modelfile *file, struct tl_geometry *g)
{
    char key[160];
    snprintf(key, sizeof(key), "%slinear_attn_config.full_attn_layers", g->prefix);
    const struct tl_meta *full = tl_modelfile_meta(file, key);
    for (uint32_t i = 0; i < g->n_layers; i++)
        g->layer_recurrent[i] = full || ((i + 1) % 4 != 0 && i + 1 < g->n_layers);
    for (uint64_t i = 0; full && i < full->count; i++) {
        int64_t layer = 0;
        int status = tl_meta_at_i64(full, i, &layer);
        if (status < 0)
            return tl_fail_in(status, "%s: %s", tl_modelfile_path(file), key);
        if (layer >= 1 && layer <= g->n_layers)
            g->layer_recurrent[layer - 1] = 0;
    }
    return 0;
}

static int read_kimi_k3(const struct tl_modelfile *file, struct tl_geometry *g)
{
    uint32_t shared = g->n_shared, block = 0, heads = g->n_heads, dim = 128;
    int status = read_u32(file, g, "num_shared_experts", 64, &shared);
    if (status >= 0)
        status = read_u32(file, g, "attn_res_block_size", 4096, &block);
    if (status >= 0)
        status = read_u32(file, g, "linear_attn_config.num_heads", 4096, &heads);
    if (status >= 0)
        status = read_u32(file, g, "linear_attn_config.head_dim", 1 << 12, &dim);
    if (status >= 0)
        status = read_u32(file, g, "linear_attn_config.short_conv_kernel_size", 16, &g->conv_taps);
    if (status >= 0)
        status = tl_latent_read(file, g);
    if (status >= 0)
        status = read_layers(file, g);
    if (status < 0)
        return status;
    if (!block || !heads || !dim || !g->conv_taps || !g->expert_width || g->n_layers > MOST_BLOCKS * (uint64_t)block)
        return tl_fail(TL_E_FILE, "%s: delta nets of %u heads of %u and %u taps, blocks of %u layers, experts of width %u: of this kind Kimi K3 alone is known",
                       tl_modelfile_path(file), heads, dim, g->conv_taps, block, g->expert_width);
    g->n_shared = shared;
    g->ff_shared = shared * g->ff_expert;
    g->delta_k_heads = g->delta_v_heads = heads;
    g->delta_k_dim = g->delta_v_dim = dim;
    g->n_residuals = (g->n_layers + block - 1) / block;
    g->kda = g->rope_none = g->latent_gate = true;
    return tl_router_read_sigmoid(file, g);
}

static int build_delta(struct tl_builder *b)
{
    static const enum tl_role roles[3][2] = { { TL_R_Q, TL_R_KDA_CONV_Q }, { TL_R_K, TL_R_KDA_CONV_K }, { TL_R_V, TL_R_KDA_CONV_V } };
    const struct tl_geometry *g = b->geometry;
    uint64_t width = tl_stream_width(g, TL_S_DO);
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_ATTN_NORM, 1));
    for (int i = 0; i < 3; i++) {
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DO, roles[i][0], TL_ROLES));
        TL_TRY(tl_build_planned(b, TL_S_DO, TL_S_DC, roles[i][1], g->conv_taps, width));
    }
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_KF, TL_R_KDA_DECAY_A, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_KF, TL_S_KD, TL_R_KDA_DECAY_B, TL_ROLES));
    TL_TRY(tl_build_planned(b, TL_S_KD, TL_S_KD, TL_R_DELTA_RATE, 0, g->delta_v_heads));
    TL_TRY(tl_build_planned(b, TL_S_KD, TL_S_KD, TL_R_DELTA_BIAS, 0, width));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DB, TL_R_DELTA_BETA, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DZ, TL_R_DELTA_Z, TL_ROLES));
    TL_TRY(tl_build_delta_rule(b));
    TL_TRY(tl_build_plain_norm(b, TL_S_DO, TL_S_DO, TL_R_DELTA_NORM, g->delta_v_heads));
    TL_TRY(tl_build_glu(b, TL_S_DZ, TL_S_DO));
    TL_TRY(tl_build_linear(b, TL_S_DZ, TL_S_H, TL_R_DELTA_OUT, TL_ROLES));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

static int build_experts(struct tl_builder *b)
{
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_FFN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_R, TL_R_ROUTER, TL_ROLES));
    TL_TRY(tl_build_route(b, TL_R_CHOICE_BIAS));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_L, TL_R_EXPERT_IN, TL_ROLES));
    TL_TRY(tl_build_experts(b, false));
    TL_TRY(tl_build_norm(b, TL_S_LM, TL_S_LM, TL_R_EXPERT_IN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_LM, TL_S_M, TL_R_EXPERT_OUT, TL_ROLES));
    TL_TRY(tl_build_shared(b));
    return tl_build_add(b, TL_S_M, TL_S_X);
}

static int layer(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(tl_build_planned(b, TL_S_XS, TL_S_X, TL_R_ATTN_MIX, 0, g->width));
    TL_TRY(g->layer_recurrent[b->layer] ? build_delta(b) : tl_build_mla(b));
    TL_TRY(tl_build_planned(b, TL_S_XS, TL_S_X, TL_R_FFN_MIX, 0, g->width));
    TL_TRY(b->layer < g->n_dense ? tl_build_dense_ffn(b, 0) : build_experts(b));
    return b->layer + 1 < g->n_layers ? 0 : tl_build_planned(b, TL_S_XS, TL_S_X, TL_R_OUT_MIX, 0, g->width);
}

const struct tl_arch tl_arch_kimi_k3 = { .name = "kimi-k3", .model_types = { "kimi_k3", "kimi_linear" }, .names = names, .planned = true,
                                         .read = read_kimi_k3, .layer = layer };
