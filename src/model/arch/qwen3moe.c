/* SPDX-License-Identifier: MIT */
/* Qwen 3 with experts (Yang et al. 2025): the attention of qwen3; softmax over all experts, the best few, divided by their sum. */
#include "model/arch.h"
#include "model/router.h"

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_HEAD_NORMS | TL_BIASES));
    return tl_build_expert_ffn(builder, 0);
}

const struct tl_arch tl_arch_qwen3moe = { .name = "qwen3moe", .model_types = { "qwen3_moe" }, .transformers = "Qwen3MoeForCausalLM", .halves = true, .read = tl_router_read_softmax, .layer = layer };
