/* SPDX-License-Identifier: MIT */
/* Qwen 3, dense (Yang et al. 2025): the llama layer with a norm over each head of q and k. */
#include "model/arch.h"

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_HEAD_NORMS | TL_BIASES));
    return tl_build_dense_ffn(builder, 0);
}

const struct tl_arch tl_arch_qwen3 = { .name = "qwen3", .model_types = { "qwen3" }, .transformers = "Qwen3ForCausalLM", .halves = true, .layer = layer };
