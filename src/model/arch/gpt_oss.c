/* SPDX-License-Identifier: MIT */
/* gpt-oss (OpenAI 2025): grouped-query attention with biases and sinks, a window on every other layer, yarn whose ramp is
 * not rounded to whole dimensions (the metadata of GGUF does not say so: it belongs to the architecture); experts with
 * biases, a softmax over the chosen ones, a clamped unit. */
#include "base/error.h"
#include "model/arch.h"
#include "model/rope.h"

static const struct tl_name names[] = {
    { TL_R_FFN_NORM, "blk.%u.post_attention_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { TL_R_ROUTER, "blk.%u.ffn_gate_inp.weight", "model.layers.%u.mlp.router.weight", 0 },
    { TL_R_EXPERT_GATE, "blk.%u.ffn_gate_exps.weight", "model.layers.%u.mlp.experts.gate_up_proj", TL_LAYOUT_EVEN | TL_LAYOUT_TRANSPOSED },
    { TL_R_EXPERT_UP, "blk.%u.ffn_up_exps.weight", "model.layers.%u.mlp.experts.gate_up_proj", TL_LAYOUT_ODD | TL_LAYOUT_TRANSPOSED },
    { TL_R_EXPERT_DOWN, "blk.%u.ffn_down_exps.weight", "model.layers.%u.mlp.experts.down_proj", TL_LAYOUT_TRANSPOSED },
    { TL_R_EXPERT_GATE_BIAS, "blk.%u.ffn_gate_exps.bias", "model.layers.%u.mlp.experts.gate_up_proj_bias", TL_LAYOUT_EVEN },
    { TL_R_EXPERT_UP_BIAS, "blk.%u.ffn_up_exps.bias", "model.layers.%u.mlp.experts.gate_up_proj_bias", TL_LAYOUT_ODD },
    { TL_R_EXPERT_DOWN_BIAS, "blk.%u.ffn_down_exps.bias", "model.layers.%u.mlp.experts.down_proj_bias", 0 },
    { 0, NULL, NULL, 0 },
};

static int read_rope(const struct tl_modelfile *file, struct tl_geometry *g)
{
    struct tl_rope_facts facts = { .base = 150000.0f, .beta_fast = 32, .beta_slow = 1, .original_context = 4096 };
    int status = tl_rope_read_set(file, g, &facts);
    facts.no_truncate = true;
    if (status >= 0)
        status = tl_rope_make(file, &facts, g->n_rot, &g->rope[0]);
    g->rope[1] = g->rope[0];
    return status;
}

static int read_gpt_oss(const struct tl_modelfile *file, struct tl_geometry *g)
{
    g->router = TL_ROUTER_CHOSEN;
    g->unit = TL_UNIT_CLAMPED;
    if (!tl_modelfile_meta(file, "config.layer_types"))
        for (uint32_t i = 0; i < g->n_layers; i++)
            g->layer_window[i] = i % 2 == 0 ? g->window : 0;
    return read_rope(file, g);
}

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_BIASES | TL_SINKS));
    return tl_build_expert_ffn(builder, TL_EXPERT_BIASES);
}

const struct tl_arch tl_arch_gpt_oss = { .name = "gpt-oss", .model_types = { "gpt_oss" }, .transformers = "GptOssForCausalLM", .names = names, .halves = true, .full_every = 2,
                                         .biases = { TL_R_Q_BIAS, TL_R_K_BIAS, TL_R_V_BIAS, TL_R_O_BIAS, TL_R_ROUTER_BIAS },
                                         .read = read_gpt_oss, .layer = layer };
