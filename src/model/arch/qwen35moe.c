/* SPDX-License-Identifier: MIT */
/* Qwen 3.5 and 3.8 with experts (2026): the layers of qwen3next, the inputs of delta nets apart. GGUF orders value heads by
 * their number within a key head first. The experts of a layer may be one tensor, gate above up. */
#include "model/arch.h"
#include "model/delta.h"
#include "model/router.h"

static const struct tl_name names[] = {
    { TL_R_FFN_NORM, "blk.%u.post_attention_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { TL_R_EXPERT_GATE, "", "model.layers.%u.mlp.experts.gate_up_proj", TL_LAYOUT_TOP },
    { TL_R_EXPERT_UP, "", "model.layers.%u.mlp.experts.gate_up_proj", TL_LAYOUT_BOTTOM },
    { TL_R_EXPERT_DOWN, "", "model.layers.%u.mlp.experts.down_proj", 0 },
    { TL_R_SHARED_GATE, "", "model.layers.%u.mlp.shared_expert.gate_proj.weight", 0 },
    { TL_R_SHARED_UP, "", "model.layers.%u.mlp.shared_expert.up_proj.weight", 0 },
    { TL_R_SHARED_DOWN, "", "model.layers.%u.mlp.shared_expert.down_proj.weight", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_qwen35moe(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = tl_delta_read(file, g);
    return status < 0 ? status : tl_router_read_softmax(file, g);
}

static int layer(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(g->layer_recurrent[b->layer] ? tl_build_delta_net(b) : tl_build_gqa(b, TL_HEAD_NORMS | TL_BIASES));
    return tl_build_expert_ffn(b, 0);
}

const struct tl_arch tl_arch_qwen35moe = { .name = "qwen35moe", .model_types = { "qwen3_5_moe", "qwen3_5_moe_text" }, .transformers = "Qwen3_5MoeForCausalLM", .names = names,
                                           .halves = true, .less_one = true, .ahead_apart = true, .delta_tiled = true, .rope_share = 0.25f, .read = read_qwen35moe, .layer = layer };
