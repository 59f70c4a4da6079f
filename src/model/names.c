/* SPDX-License-Identifier: MIT */
/* What tensors are called: the names that GGUF files and the vendors' safetensors share between the dense families. */
#include "model/names.h"

#include <stdio.h>
#include <string.h>

static const struct tl_name common[] = {
    { TL_R_EMBED, "token_embd.weight", "model.embed_tokens.weight" },
    { TL_R_HEAD, "output.weight", "lm_head.weight" },
    { TL_R_OUT_NORM, "output_norm.weight", "model.norm.weight" },
    { TL_R_ROPE_FACTORS, "rope_freqs.weight", "" },
    { TL_R_ATTN_NORM, "blk.%u.attn_norm.weight", "model.layers.%u.input_layernorm.weight" },
    { TL_R_Q, "blk.%u.attn_q.weight", "model.layers.%u.self_attn.q_proj.weight" },
    { TL_R_K, "blk.%u.attn_k.weight", "model.layers.%u.self_attn.k_proj.weight" },
    { TL_R_V, "blk.%u.attn_v.weight", "model.layers.%u.self_attn.v_proj.weight" },
    { TL_R_O, "blk.%u.attn_output.weight", "model.layers.%u.self_attn.o_proj.weight" },
    { TL_R_Q_BIAS, "blk.%u.attn_q.bias", "model.layers.%u.self_attn.q_proj.bias" },
    { TL_R_K_BIAS, "blk.%u.attn_k.bias", "model.layers.%u.self_attn.k_proj.bias" },
    { TL_R_V_BIAS, "blk.%u.attn_v.bias", "model.layers.%u.self_attn.v_proj.bias" },
    { TL_R_O_BIAS, "blk.%u.attn_output.bias", "model.layers.%u.self_attn.o_proj.bias" },
    { TL_R_Q_NORM, "blk.%u.attn_q_norm.weight", "model.layers.%u.self_attn.q_norm.weight" },
    { TL_R_K_NORM, "blk.%u.attn_k_norm.weight", "model.layers.%u.self_attn.k_norm.weight" },
    { TL_R_FFN_NORM, "blk.%u.ffn_norm.weight", "model.layers.%u.post_attention_layernorm.weight" },
    { TL_R_GATE, "blk.%u.ffn_gate.weight", "model.layers.%u.mlp.gate_proj.weight" },
    { TL_R_UP, "blk.%u.ffn_up.weight", "model.layers.%u.mlp.up_proj.weight" },
    { TL_R_DOWN, "blk.%u.ffn_down.weight", "model.layers.%u.mlp.down_proj.weight" },
    { 0, NULL, NULL },
};

static const char *look_up(const struct tl_name *names, enum tl_role role, enum tl_modelfile_format format)
{
    for (; names && names->gguf; names++)
        if (names->role == role)
            return format == TL_MODELFILE_GGUF ? names->gguf : names->hf;
    return NULL;
}

void tl_name_of(const struct tl_geometry *g, enum tl_role role, uint32_t layer, char *ret_name, size_t size)
{
    const char *pattern = look_up(g->arch->names, role, g->format);
    if (!pattern)
        pattern = look_up(common, role, g->format);
    ret_name[0] = 0;
    if (pattern) {
        const char *mark = strstr(pattern, "%u");
        if (mark)
            snprintf(ret_name, size, "%.*s%u%s", (int)(mark - pattern), pattern, layer, mark + 2);
        else
            snprintf(ret_name, size, "%s", pattern);
    }
}
