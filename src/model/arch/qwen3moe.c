/* SPDX-License-Identifier: MIT */
/* Qwen 3 with experts (Yang et al. 2025): the attention of qwen3; softmax over all experts, the best few, divided by their sum. */
#include "base/error.h"
#include "model/arch.h"

static int read_qwen3moe(const struct tl_modelfile *file, struct tl_geometry *g)
{
    bool norm = true;
    int status = g->format == TL_MODELFILE_SAFETENSORS ? tl_meta_bool(file, "config.norm_topk_prob", &norm) : 0;
    g->router = TL_ROUTER_SOFTMAX;
    g->route_norm = norm;
    if (status >= 0 && !g->n_experts)
        return tl_fail(TL_E_FILE, "%s: the number of experts is missing", tl_modelfile_path(file));
    return status;
}

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_HEAD_NORMS | TL_BIASES));
    return tl_build_expert_ffn(builder, 0);
}

const struct tl_arch tl_arch_qwen3moe = { .name = "qwen3moe", .model_types = { "qwen3_moe" }, .halves = true, .read = read_qwen3moe, .layer = layer };
