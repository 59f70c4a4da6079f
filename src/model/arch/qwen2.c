/* SPDX-License-Identifier: MIT */
/* Qwen 2 and 2.5 (Yang et al. 2024): the llama layer with biases on q, k and v. */
#include "model/arch.h"

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_BIASES));
    return tl_build_dense_ffn(builder, 0);
}

const struct tl_arch tl_arch_qwen2 = { .name = "qwen2", .model_types = { "qwen2" }, .transformers = "Qwen2ForCausalLM", .halves = true, .biases = { TL_R_Q_BIAS, TL_R_K_BIAS, TL_R_V_BIAS }, .layer = layer };
