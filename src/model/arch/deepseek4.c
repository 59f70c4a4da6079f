/* SPDX-License-Identifier: MIT */
/* DeepSeek V4 (2026), planned only. Several residual streams that a small matrix mixes; attention with one key for all
 * heads, which is the value too, over a window and over packed positions behind it (four to one, of which an indexer
 * chooses some, or 128 to one), its output compressed by groups of heads; the experts of the first layers follow from the
 * token's id. Sources: the model's configuration, and transformers' implementation of it. */
#include "base/error.h"
#include "model/arch.h"
#include "model/router.h"

enum { COARSE = 128 };

static const struct tl_name names[] = {
    { TL_R_ATTN_MIX, "blk.%u.hc_attn_fn.weight", "model.layers.%u.attn_hc.fn", 0 },
    { TL_R_ATTN_MIX_BASE, "blk.%u.hc_attn_base.weight", "model.layers.%u.attn_hc.base", 0 },
    { TL_R_ATTN_MIX_SCALE, "blk.%u.hc_attn_scale.weight", "model.layers.%u.attn_hc.scale", 0 },
    { TL_R_FFN_MIX, "blk.%u.hc_ffn_fn.weight", "model.layers.%u.ffn_hc.fn", 0 },
    { TL_R_FFN_MIX_BASE, "blk.%u.hc_ffn_base.weight", "model.layers.%u.ffn_hc.base", 0 },
    { TL_R_FFN_MIX_SCALE, "blk.%u.hc_ffn_scale.weight", "model.layers.%u.ffn_hc.scale", 0 },
    { TL_R_OUT_MIX, "output_hc_fn.weight", "model.hc_head.hc_fn", 0 },
    { TL_R_OUT_MIX_BASE, "output_hc_base.weight", "model.hc_head.hc_base", 0 },
    { TL_R_OUT_MIX_SCALE, "output_hc_scale.weight", "model.hc_head.hc_scale", 0 },
    { TL_R_KEY, "blk.%u.attn_kv.weight", "model.layers.%u.self_attn.kv_proj.weight", 0 },
    { TL_R_KEY_NORM, "blk.%u.attn_kv_a_norm.weight", "model.layers.%u.self_attn.kv_norm.weight", 0 },
    { TL_R_Q_A_NORM, "blk.%u.attn_q_a_norm.weight", "model.layers.%u.self_attn.q_a_norm.weight", 0 },
    { TL_R_O_A, "blk.%u.attn_output_a.weight", "model.layers.%u.self_attn.o_a_proj.weight", 0 },
    { TL_R_O, "blk.%u.attn_output_b.weight", "model.layers.%u.self_attn.o_b_proj.weight", 0 },
    { TL_R_PACK_KEY, "blk.%u.attn_compressor_kv.weight", "model.layers.%u.self_attn.compressor.kv_proj.weight", 0 },
    { TL_R_PACK_GATE, "blk.%u.attn_compressor_gate.weight", "model.layers.%u.self_attn.compressor.gate_proj.weight", 0 },
    { TL_R_PACK_PLACE, "blk.%u.attn_compressor_ape.weight", "model.layers.%u.self_attn.compressor.position_bias", 0 },
    { TL_R_PACK_NORM, "blk.%u.attn_compressor_norm.weight", "model.layers.%u.self_attn.compressor.kv_norm.weight", 0 },
    { TL_R_INDEX_Q, "blk.%u.indexer.attn_q_b.weight", "model.layers.%u.self_attn.compressor.indexer.q_b_proj.weight", 0 },
    { TL_R_INDEX_WEIGHT, "blk.%u.indexer.proj.weight", "model.layers.%u.self_attn.compressor.indexer.scorer.weights_proj.weight", 0 },
    { TL_R_INDEX_KEY, "blk.%u.indexer_compressor_kv.weight", "model.layers.%u.self_attn.compressor.indexer.kv_proj.weight", 0 },
    { TL_R_INDEX_GATE, "blk.%u.indexer_compressor_gate.weight", "model.layers.%u.self_attn.compressor.indexer.gate_proj.weight", 0 },
    { TL_R_INDEX_PLACE, "blk.%u.indexer_compressor_ape.weight", "model.layers.%u.self_attn.compressor.indexer.position_bias", 0 },
    { TL_R_INDEX_NORM, "blk.%u.indexer_compressor_norm.weight", "model.layers.%u.self_attn.compressor.indexer.kv_norm.weight", 0 },
    { TL_R_HASH, "blk.%u.ffn_gate_tid2eid.weight", "model.layers.%u.mlp.gate.tid2eid", 0 },
    { 0, NULL, NULL, 0 },
};

/* "compress_ratios", one a layer; without it two coarse ones, then fine and coarse by turns. */
static int read_packs(const struct tl_modelfile *file, struct tl_geometry *g)
{
    const struct tl_meta *ratios = tl_modelfile_meta(file, "config.compress_ratios");
    if (ratios && ratios->count < g->n_layers)
        return tl_fail(TL_E_FILE, "%s: config.compress_ratios has %llu entries, expected %u", tl_modelfile_path(file),
                       (unsigned long long)ratios->count, g->n_layers);
    for (uint32_t i = 0; i < g->n_layers; i++) {
        int64_t ratio = i < 2 || i % 2 ? COARSE : TL_INDEXED_PACK;
        int status = ratios ? tl_meta_at_i64(ratios, i, &ratio) : 0;
        if (status < 0 || (ratio != 0 && ratio != TL_INDEXED_PACK && ratio != COARSE))
            return tl_fail(TL_E_FILE, "%s: config.compress_ratios[%u] is %lld, expected 0, 4 or 128", tl_modelfile_path(file), i, (long long)ratio);
        g->layer_pack[i] = (uint16_t)ratio;
        g->layer_window[i] = g->window;
    }
    return 0;
}

static int read_deepseek4(const struct tl_modelfile *file, struct tl_geometry *g)
{
    float rotated = 64;
    int status = tl_geometry_f32(file, g, NULL, "qk_rope_head_dim", &rotated);
    if (status < 0)
        return status;
    if (!g->n_residuals || !g->o_groups || !g->o_rank || !g->q_rank || !g->index_heads || !g->index_dim || !g->window || !g->n_experts ||
        g->n_kv_heads != 1 || g->n_heads * g->head_dim % g->o_groups)
        return tl_fail(TL_E_FILE, "%s: %u residual streams, %u groups of %u, %u KV heads, a window of %u, which cannot be",
                       tl_modelfile_path(file), g->n_residuals, g->o_groups, g->o_rank, g->n_kv_heads, g->window);
    g->n_rot = rotated >= 0 && rotated <= (float)g->head_dim ? (uint32_t)rotated : g->head_dim;
    g->kv_rank = g->head_dim;                            /* the key is the value too */
    g->router = TL_ROUTER_SIGMOID;
    g->n_groups = g->n_groups_used = 1;
    return read_packs(file, g);
}

static int build_mix(struct tl_builder *b, enum tl_role matrix, enum tl_role base, enum tl_role scale)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(tl_build_linear(b, TL_S_XS, TL_S_XM, matrix, TL_ROLES));
    TL_TRY(tl_build_planned(b, TL_S_XM, TL_S_XM, base, 0, tl_stream_width(g, TL_S_XM)));
    return tl_build_planned(b, TL_S_XM, TL_S_X, scale, 0, 3);
}

static int build_packs(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    uint32_t pack = g->layer_pack[b->layer];
    bool fine = pack == TL_INDEXED_PACK;
    enum tl_stream packed = fine ? TL_S_CK : TL_S_K;
    if (!pack)
        return 0;
    TL_TRY(tl_build_linear(b, TL_S_H, packed, TL_R_PACK_KEY, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, packed, TL_R_PACK_GATE, TL_ROLES));
    TL_TRY(tl_build_planned(b, packed, packed, TL_R_PACK_PLACE, pack, tl_stream_width(g, packed)));
    TL_TRY(tl_build_planned(b, packed, packed, TL_R_PACK_NORM, 0, g->head_dim));
    if (!fine)
        return 0;
    TL_TRY(tl_build_linear(b, TL_S_QA, TL_S_IQ, TL_R_INDEX_Q, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_IW, TL_R_INDEX_WEIGHT, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_IK, TL_R_INDEX_KEY, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_IK, TL_R_INDEX_GATE, TL_ROLES));
    TL_TRY(tl_build_planned(b, TL_S_IK, TL_S_IK, TL_R_INDEX_PLACE, pack, tl_stream_width(g, TL_S_IK)));
    return tl_build_planned(b, TL_S_IK, TL_S_IK, TL_R_INDEX_NORM, 0, g->index_dim);
}

static int build_attention(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(build_mix(b, TL_R_ATTN_MIX, TL_R_ATTN_MIX_BASE, TL_R_ATTN_MIX_SCALE));
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_ATTN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_QA, TL_R_Q_A, TL_ROLES));
    TL_TRY(tl_build_norm(b, TL_S_QA, TL_S_QA, TL_R_Q_A_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_QA, TL_S_Q, TL_R_Q_B, TL_ROLES));
    TL_TRY(build_packs(b));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_K, TL_R_KEY, TL_ROLES));
    TL_TRY(tl_build_norm(b, TL_S_K, TL_S_K, TL_R_KEY_NORM, 1));
    TL_TRY(tl_build_rope(b, TL_S_Q, g->n_heads, g->head_dim - g->n_rot));
    TL_TRY(tl_build_rope(b, TL_S_K, 1, g->head_dim - g->n_rot));
    TL_TRY(tl_build_attention(b, TL_R_SINKS));
    TL_TRY(tl_build_groups(b, TL_S_A, TL_S_OA, TL_R_O_A, g->o_groups, g->o_rank, g->n_heads * g->head_dim / g->o_groups));
    TL_TRY(tl_build_linear(b, TL_S_OA, TL_S_H, TL_R_O, TL_ROLES));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

static int build_experts(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    bool hashed = b->layer < g->n_hashed;
    TL_TRY(build_mix(b, TL_R_FFN_MIX, TL_R_FFN_MIX_BASE, TL_R_FFN_MIX_SCALE));
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_FFN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_R, TL_R_ROUTER, TL_ROLES));
    if (hashed)
        TL_TRY(tl_build_planned(b, TL_S_R, TL_S_R, TL_R_HASH, g->n_used, g->vocab));
    TL_TRY(tl_build_route(b, hashed ? TL_ROLES : TL_R_CHOICE_BIAS));
    TL_TRY(tl_build_experts(b, false));
    if (g->ff_shared)
        TL_TRY(tl_build_shared(b));
    return tl_build_add(b, TL_S_M, TL_S_X);
}

static int layer(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(build_attention(b));
    TL_TRY(build_experts(b));
    if (b->layer + 1 < g->n_layers)
        return 0;
    TL_TRY(tl_build_planned(b, TL_S_XS, TL_S_X, TL_R_OUT_MIX, g->n_residuals, g->n_residuals * (uint64_t)g->width));
    TL_TRY(tl_build_planned(b, TL_S_XS, TL_S_X, TL_R_OUT_MIX_BASE, 0, g->n_residuals));
    return tl_build_planned(b, TL_S_XS, TL_S_X, TL_R_OUT_MIX_SCALE, 0, 1);
}

const struct tl_arch tl_arch_deepseek4 = { .name = "deepseek4", .model_types = { "deepseek_v4" }, .names = names, .planned = true,
                                           .read = read_deepseek4, .layer = layer };
