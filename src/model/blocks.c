/* SPDX-License-Identifier: MIT */
/* Blocks that families share: grouped-query attention, gated delta nets, the gated unit, the routed experts. */
#include <math.h>

#include "model/program.h"

static enum tl_role when(unsigned features, unsigned feature, enum tl_role role) { return features & feature ? role : TL_ROLES; }

static int build_qkv(struct tl_builder *b, unsigned features)
{
    const struct tl_geometry *g = b->geometry;
    uint32_t q = g->n_heads * g->head_dim, k = g->n_kv_heads * g->head_dim, v = g->n_kv_heads * g->v_dim;
    if (!g->fused_qkv) {
        TL_TRY(tl_build_linear(b, TL_S_H, g->gated ? TL_S_QG : TL_S_Q, TL_R_Q, when(features, TL_BIASES, TL_R_Q_BIAS)));
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_K, TL_R_K, when(features, TL_BIASES, TL_R_K_BIAS)));
        return tl_build_linear(b, TL_S_H, TL_S_V, TL_R_V, when(features, TL_BIASES, TL_R_V_BIAS));
    }
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_QKV, TL_R_QKV, TL_ROLES));
    TL_TRY(tl_build_copy(b, TL_S_QKV, TL_S_Q, (struct tl_copy){ 1, 0, q, 0, 0 }));
    TL_TRY(tl_build_copy(b, TL_S_QKV, TL_S_K, (struct tl_copy){ 1, q, k, 0, 0 }));
    return tl_build_copy(b, TL_S_QKV, TL_S_V, (struct tl_copy){ 1, q + k, v, 0, 0 });
}

int tl_build_gqa(struct tl_builder *b, unsigned features)
{
    const struct tl_geometry *g = b->geometry;
    enum tl_stream query = g->gated ? TL_S_QG : TL_S_Q;
    bool rows = features & TL_ROW_NORMS;
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_ATTN_NORM, 1));
    TL_TRY(build_qkv(b, features));
    if (features & (TL_HEAD_NORMS | TL_ROW_NORMS)) {
        TL_TRY(tl_build_norm(b, query, TL_S_Q, TL_R_Q_NORM, rows ? 1 : g->n_heads));
        TL_TRY(tl_build_norm(b, TL_S_K, TL_S_K, TL_R_K_NORM, rows ? 1 : g->n_kv_heads));
    }
    TL_TRY(tl_build_rope(b, TL_S_Q, g->n_heads, 0));
    TL_TRY(tl_build_rope(b, TL_S_K, g->n_kv_heads, 0));
    TL_TRY(tl_build_attention(b, when(features, TL_SINKS, TL_R_SINKS)));
    if (g->gated)
        TL_TRY(tl_build_gate(b, TL_S_QG, TL_S_A, g->n_heads));
    TL_TRY(tl_build_linear(b, TL_S_A, TL_S_H, TL_R_O, when(features, TL_BIASES, TL_R_O_BIAS)));
    if (features & TL_POST_NORMS)
        TL_TRY(tl_build_norm(b, TL_S_H, TL_S_H, TL_R_ATTN_POST_NORM, 1));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

int tl_build_mla(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_ATTN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_KA, TL_R_KV_A, TL_ROLES));
    if (g->latent_gate)
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_AG, TL_R_ATTN_GATE, TL_ROLES));
    if (g->q_rank) {
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_QA, TL_R_Q_A, TL_ROLES));
        TL_TRY(tl_build_norm(b, TL_S_QA, TL_S_QA, TL_R_Q_A_NORM, 1));
        TL_TRY(tl_build_linear(b, TL_S_QA, TL_S_QB, TL_R_Q_B, TL_ROLES));
    } else {
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_QB, TL_R_Q, TL_ROLES));
    }
    TL_TRY(tl_build_norm_part(b, TL_S_KA, TL_S_K, TL_R_KV_A_NORM, g->kv_rank));
    TL_TRY(tl_build_copy(b, TL_S_KA, TL_S_K, (struct tl_copy){ 1, g->kv_rank, g->n_rot, g->kv_rank, 0 }));
    if (!g->rope_none)
        TL_TRY(tl_build_rope(b, TL_S_K, 1, g->kv_rank));
    TL_TRY(tl_build_heads(b, TL_S_QB, TL_S_Q, TL_R_K_B, g->kv_rank, g->nope));
    TL_TRY(tl_build_copy(b, TL_S_QB, TL_S_Q, (struct tl_copy){ g->n_heads, g->nope, g->n_rot, g->kv_rank, g->head_dim }));
    if (!g->rope_none)
        TL_TRY(tl_build_rope(b, TL_S_Q, g->n_heads, g->kv_rank));
    if (g->temper_length > 0)
        TL_TRY(tl_build_temper(b, TL_S_Q));
    TL_TRY(tl_build_attention(b, TL_ROLES));
    TL_TRY(tl_build_heads(b, TL_S_A, TL_S_AV, TL_R_V_B, g->v_head, g->kv_rank));
    if (g->latent_gate)
        TL_TRY(tl_build_gate(b, TL_S_AG, TL_S_AV, 1));
    TL_TRY(tl_build_linear(b, TL_S_AV, TL_S_H, TL_R_O, TL_ROLES));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

/* q, k, v -> DI, z -> DZ, logits of the gates -> DB and DA; where they are fused, each key head has its own of all. */
static int build_delta_inputs(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    uint32_t heads = g->delta_k_heads, key = g->delta_k_dim, ratio = g->delta_v_heads / heads, value = ratio * g->delta_v_dim;
    TL_TRY(tl_build_linear(b, TL_S_H, g->delta_fused ? TL_S_DF : TL_S_DI, g->delta_fused ? TL_R_DELTA_QKVZ : TL_R_DELTA_QKV, TL_ROLES));
    if (!g->delta_fused)
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DZ, TL_R_DELTA_Z, TL_ROLES));
    if (g->delta_fused_gates) {
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DG, TL_R_DELTA_GATES, TL_ROLES));
        TL_TRY(tl_build_copy(b, TL_S_DG, TL_S_DB, (struct tl_copy){ heads, 0, ratio, 0, ratio }));
        TL_TRY(tl_build_copy(b, TL_S_DG, TL_S_DA, (struct tl_copy){ heads, ratio, ratio, 0, ratio }));
    } else {
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DB, TL_R_DELTA_BETA, TL_ROLES));
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_DA, TL_R_DELTA_DECAY, TL_ROLES));
    }
    if (!g->delta_fused)
        return 0;
    TL_TRY(tl_build_copy(b, TL_S_DF, TL_S_DI, (struct tl_copy){ heads, 0, key, 0, key }));
    TL_TRY(tl_build_copy(b, TL_S_DF, TL_S_DI, (struct tl_copy){ heads, key, key, heads * key, key }));
    TL_TRY(tl_build_copy(b, TL_S_DF, TL_S_DI, (struct tl_copy){ heads, 2 * key, value, 2 * heads * key, value }));
    return tl_build_copy(b, TL_S_DF, TL_S_DZ, (struct tl_copy){ heads, 2 * key + value, value, 0, value });
}

int tl_build_delta_net(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    uint32_t keys = g->delta_k_heads * g->delta_k_dim;
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_ATTN_NORM, 1));
    TL_TRY(build_delta_inputs(b));
    TL_TRY(tl_build_conv(b));
    TL_TRY(tl_build_unit_norm(b, TL_S_DC, 0, g->delta_k_heads, g->delta_k_dim, 1.0f / sqrtf((float)g->delta_k_dim)));
    TL_TRY(tl_build_unit_norm(b, TL_S_DC, keys, g->delta_k_heads, g->delta_k_dim, 1.0f));
    TL_TRY(tl_build_decay(b));
    TL_TRY(tl_build_delta_rule(b));
    TL_TRY(tl_build_plain_norm(b, TL_S_DO, TL_S_DO, TL_R_DELTA_NORM, g->delta_v_heads));
    TL_TRY(tl_build_glu(b, TL_S_DZ, TL_S_DO));
    TL_TRY(tl_build_linear(b, TL_S_DZ, TL_S_H, TL_R_DELTA_OUT, TL_ROLES));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

/* DeepSeek-V3 (2024), section 2.2: both are normed and joined by a matrix, the embedding first. */
int tl_build_join(struct tl_builder *b)
{
    uint32_t width = b->geometry->width;
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_AHEAD_EMBED_NORM, 1));
    TL_TRY(tl_build_copy(b, TL_S_H, TL_S_EH, (struct tl_copy){ 1, 0, width, 0, 0 }));
    TL_TRY(tl_build_norm(b, TL_S_AH, TL_S_H, TL_R_AHEAD_STATE_NORM, 1));
    TL_TRY(tl_build_copy(b, TL_S_H, TL_S_EH, (struct tl_copy){ 1, 0, width, width, 0 }));
    return tl_build_linear(b, TL_S_EH, TL_S_X, TL_R_AHEAD_JOIN, TL_ROLES);
}

int tl_build_dense_ffn(struct tl_builder *b, unsigned features)
{
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_FFN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_G, TL_R_GATE, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_U, TL_R_UP, TL_ROLES));
    TL_TRY(tl_build_glu(b, TL_S_G, TL_S_U));
    TL_TRY(tl_build_linear(b, TL_S_G, TL_S_H, TL_R_DOWN, TL_ROLES));
    if (features & TL_POST_NORMS)
        TL_TRY(tl_build_norm(b, TL_S_H, TL_S_H, TL_R_FFN_POST_NORM, 1));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

/* T = the shared expert, switched by a gate of its own where the family has one; M += T. */
int tl_build_shared(struct tl_builder *b)
{
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_SG, TL_R_SHARED_GATE, TL_ROLES));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_SU, TL_R_SHARED_UP, TL_ROLES));
    if (b->geometry->shared_switch)
        TL_TRY(tl_build_linear(b, TL_S_H, TL_S_S1, TL_R_SHARED_SWITCH, TL_ROLES));
    TL_TRY(tl_build_glu(b, TL_S_SG, TL_S_SU));
    TL_TRY(tl_build_linear(b, TL_S_SG, TL_S_T, TL_R_SHARED_DOWN, TL_ROLES));
    if (b->geometry->shared_switch)
        TL_TRY(tl_build_switch(b, TL_S_S1, TL_S_T));
    return tl_build_add(b, TL_S_T, TL_S_M);
}

int tl_build_expert_ffn(struct tl_builder *b, unsigned features)
{
    const struct tl_geometry *g = b->geometry;
    bool sigmoid = g->router == TL_ROUTER_SIGMOID;
    TL_TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_FFN_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_H, TL_S_R, TL_R_ROUTER, when(features, TL_EXPERT_BIASES, TL_R_ROUTER_BIAS)));
    TL_TRY(tl_build_route(b, sigmoid ? TL_R_CHOICE_BIAS : TL_ROLES));
    TL_TRY(tl_build_experts(b, features & TL_EXPERT_BIASES));
    if (g->ff_shared)
        TL_TRY(tl_build_shared(b));
    return tl_build_add(b, TL_S_M, TL_S_X);
}
