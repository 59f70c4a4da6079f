/* SPDX-License-Identifier: MIT */
/* MiniMax M2 (2025): grouped-query attention with a norm over all heads of q together and over all of k, rotation of half
 * of each head; every layer has experts, a sigmoid router with a bias for the choice, none shared. */
#include "model/arch.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_ROUTER, "blk.%u.ffn_gate_inp.weight", "model.layers.%u.block_sparse_moe.gate.weight", 0 },
    { TL_R_CHOICE_BIAS, "blk.%u.exp_probs_b.bias", "model.layers.%u.block_sparse_moe.e_score_correction_bias", 0 },
    { TL_R_EXPERT_GATE, "blk.%u.ffn_gate_exps.weight", "model.layers.%u.block_sparse_moe.experts.%e.w1.weight", 0 },
    { TL_R_EXPERT_UP, "blk.%u.ffn_up_exps.weight", "model.layers.%u.block_sparse_moe.experts.%e.w3.weight", 0 },
    { TL_R_EXPERT_DOWN, "blk.%u.ffn_down_exps.weight", "model.layers.%u.block_sparse_moe.experts.%e.w2.weight", 0 },
    { 0, NULL, NULL, 0 },
};

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_ROW_NORMS));
    return tl_build_expert_ffn(builder, 0);
}

const struct tl_arch tl_arch_minimax_m2 = { .name = "minimax-m2", .model_types = { "minimax_m2", "minimax" }, .transformers = "MiniMaxM2ForCausalLM", .names = names, .rope_share = 0.5f, .halves = true,
                                            .read = tl_router_read_sigmoid, .layer = layer };
