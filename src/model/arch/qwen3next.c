/* SPDX-License-Identifier: MIT */
/* Qwen3-Next (2025): three layers of gated delta nets to each one of gated attention, whose heads turn in their first
 * quarter; many small experts and a shared one behind a switch. The vendor fuses the inputs of delta nets by key head; GGUF
 * does so only with the gates' logits (and, in older files, with all). */
#include "model/arch.h"
#include "model/delta.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_FFN_NORM, "blk.%u.post_attention_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { TL_R_SHARED_GATE, "", "model.layers.%u.mlp.shared_expert.gate_proj.weight", 0 },
    { TL_R_SHARED_UP, "", "model.layers.%u.mlp.shared_expert.up_proj.weight", 0 },
    { TL_R_SHARED_DOWN, "", "model.layers.%u.mlp.shared_expert.down_proj.weight", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_qwen3next(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = tl_delta_read(file, g);
    if (status >= 0)
        status = tl_router_read_softmax(file, g);
    g->delta_fused = g->delta_fused || tl_modelfile_find(file, "blk.0.ssm_in.weight");
    g->delta_fused_gates = true;
    return status;
}

static int layer(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(g->layer_recurrent[b->layer] ? tl_build_delta_net(b) : tl_build_gqa(b, TL_HEAD_NORMS | TL_BIASES));
    return tl_build_expert_ffn(b, 0);
}

const struct tl_arch tl_arch_qwen3next = { .name = "qwen3next", .model_types = { "qwen3_next" }, .transformers = "Qwen3NextForCausalLM", .names = names, .halves = true, .less_one = true, .ahead_apart = true, .delta_fused = true, .rope_share = 0.25f,
                                           .read = read_qwen3next, .layer = layer };
