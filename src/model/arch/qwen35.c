/* SPDX-License-Identifier: MIT */
/* Qwen 3.5, dense (2026): the layers of qwen35moe with a gated unit in place of the experts. */
#include "model/arch.h"
#include "model/delta.h"

static const struct tl_name names[] = {
    { TL_R_FFN_NORM, "blk.%u.post_attention_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { 0, NULL, NULL, 0 },
};

static int layer(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    TL_TRY(g->layer_recurrent[b->layer] ? tl_build_delta_net(b) : tl_build_gqa(b, TL_HEAD_NORMS | TL_BIASES));
    return tl_build_dense_ffn(b, 0);
}

const struct tl_arch tl_arch_qwen35 = { .name = "qwen35", .model_types = { "qwen3_5", "qwen3_5_text" }, .transformers = "Qwen3_5ForCausalLM", .names = names, .halves = true, .less_one = true, .ahead_apart = true, .delta_tiled = true, .rope_share = 0.25f,
                                        .read = tl_delta_read, .layer = layer };
