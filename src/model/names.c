/* SPDX-License-Identifier: MIT */
/* What tensors are called: the names that GGUF files and the vendors' safetensors share between families. Several rows of
 * one role are tried in their order. Models with a vision tower keep the text model under a longer prefix. */
#include "model/names.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

static const struct tl_name common[] = {
    { TL_R_EMBED, "token_embd.weight", "model.embed_tokens.weight", 0 },
    { TL_R_HEAD, "output.weight", "lm_head.weight", 0 },
    { TL_R_OUT_NORM, "output_norm.weight", "model.norm.weight", 0 },
    { TL_R_ROPE_FACTORS, "rope_freqs.weight", "", 0 },
    { TL_R_ATTN_NORM, "blk.%u.attn_norm.weight", "model.layers.%u.input_layernorm.weight", 0 },
    { TL_R_QKV, "blk.%u.attn_qkv.weight", "model.layers.%u.self_attn.qkv_proj.weight", 0 },
    { TL_R_Q, "blk.%u.attn_q.weight", "model.layers.%u.self_attn.q_proj.weight", 0 },
    { TL_R_K, "blk.%u.attn_k.weight", "model.layers.%u.self_attn.k_proj.weight", 0 },
    { TL_R_V, "blk.%u.attn_v.weight", "model.layers.%u.self_attn.v_proj.weight", 0 },
    { TL_R_O, "blk.%u.attn_output.weight", "model.layers.%u.self_attn.o_proj.weight", 0 },
    { TL_R_Q_BIAS, "blk.%u.attn_q.bias", "model.layers.%u.self_attn.q_proj.bias", 0 },
    { TL_R_K_BIAS, "blk.%u.attn_k.bias", "model.layers.%u.self_attn.k_proj.bias", 0 },
    { TL_R_V_BIAS, "blk.%u.attn_v.bias", "model.layers.%u.self_attn.v_proj.bias", 0 },
    { TL_R_O_BIAS, "blk.%u.attn_output.bias", "model.layers.%u.self_attn.o_proj.bias", 0 },
    { TL_R_Q_NORM, "blk.%u.attn_q_norm.weight", "model.layers.%u.self_attn.q_norm.weight", 0 },
    { TL_R_K_NORM, "blk.%u.attn_k_norm.weight", "model.layers.%u.self_attn.k_norm.weight", 0 },
    { TL_R_Q_A, "blk.%u.attn_q_a.weight", "model.layers.%u.self_attn.q_a_proj.weight", 0 },
    { TL_R_Q_A_NORM, "blk.%u.attn_q_a_norm.weight", "model.layers.%u.self_attn.q_a_layernorm.weight", 0 },
    { TL_R_Q_B, "blk.%u.attn_q_b.weight", "model.layers.%u.self_attn.q_b_proj.weight", 0 },
    { TL_R_KV_A, "blk.%u.attn_kv_a_mqa.weight", "model.layers.%u.self_attn.kv_a_proj_with_mqa.weight", 0 },
    { TL_R_KV_A_NORM, "blk.%u.attn_kv_a_norm.weight", "model.layers.%u.self_attn.kv_a_layernorm.weight", 0 },
    { TL_R_K_B, "blk.%u.attn_k_b.weight", "model.layers.%u.self_attn.kv_b_proj.weight", TL_LAYOUT_LATENT_K },
    { TL_R_V_B, "blk.%u.attn_v_b.weight", "model.layers.%u.self_attn.kv_b_proj.weight", TL_LAYOUT_LATENT_V },
    { TL_R_SINKS, "blk.%u.attn_sinks.weight", "model.layers.%u.self_attn.sinks", 0 },
    { TL_R_DELTA_QKVZ, "blk.%u.ssm_in.weight", "model.layers.%u.linear_attn.in_proj_qkvz.weight", 0 },
    { TL_R_DELTA_QKV, "blk.%u.attn_qkv.weight", "model.layers.%u.linear_attn.in_proj_qkv.weight", 0 },
    { TL_R_DELTA_Z, "blk.%u.attn_gate.weight", "model.layers.%u.linear_attn.in_proj_z.weight", 0 },
    { TL_R_DELTA_GATES, "blk.%u.ssm_ba.weight", "model.layers.%u.linear_attn.in_proj_ba.weight", 0 },
    { TL_R_DELTA_BETA, "blk.%u.ssm_beta.weight", "model.layers.%u.linear_attn.in_proj_b.weight", 0 },
    { TL_R_DELTA_DECAY, "blk.%u.ssm_alpha.weight", "model.layers.%u.linear_attn.in_proj_a.weight", 0 },
    { TL_R_DELTA_CONV, "blk.%u.ssm_conv1d.weight", "model.layers.%u.linear_attn.conv1d.weight", TL_LAYOUT_TAPS },
    { TL_R_DELTA_RATE, "blk.%u.ssm_a", "model.layers.%u.linear_attn.A_log", 0 },
    { TL_R_DELTA_BIAS, "blk.%u.ssm_dt.bias", "model.layers.%u.linear_attn.dt_bias", 0 },
    { TL_R_DELTA_NORM, "blk.%u.ssm_norm.weight", "model.layers.%u.linear_attn.norm.weight", 0 },
    { TL_R_DELTA_OUT, "blk.%u.ssm_out.weight", "model.layers.%u.linear_attn.out_proj.weight", 0 },
    { TL_R_FFN_NORM, "blk.%u.ffn_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { TL_R_FFN_NORM, "blk.%u.post_attention_norm.weight", "", 0 },
    { TL_R_GATE, "blk.%u.ffn_gate.weight", "model.layers.%u.mlp.gate_proj.weight", 0 },
    { TL_R_UP, "blk.%u.ffn_up.weight", "model.layers.%u.mlp.up_proj.weight", 0 },
    { TL_R_DOWN, "blk.%u.ffn_down.weight", "model.layers.%u.mlp.down_proj.weight", 0 },
    { TL_R_ROUTER, "blk.%u.ffn_gate_inp.weight", "model.layers.%u.mlp.gate.weight", 0 },
    { TL_R_ROUTER, "", "model.layers.%u.mlp.router.weight", 0 },
    { TL_R_ROUTER_BIAS, "blk.%u.ffn_gate_inp.bias", "model.layers.%u.mlp.router.bias", 0 },
    { TL_R_CHOICE_BIAS, "blk.%u.exp_probs_b.bias", "model.layers.%u.mlp.gate.e_score_correction_bias", 0 },
    { TL_R_EXPERT_GATE, "blk.%u.ffn_gate_exps.weight", "model.layers.%u.mlp.experts.%e.gate_proj.weight", 0 },
    { TL_R_EXPERT_UP, "blk.%u.ffn_up_exps.weight", "model.layers.%u.mlp.experts.%e.up_proj.weight", 0 },
    { TL_R_EXPERT_DOWN, "blk.%u.ffn_down_exps.weight", "model.layers.%u.mlp.experts.%e.down_proj.weight", 0 },
    { TL_R_EXPERT_GATE_BIAS, "blk.%u.ffn_gate_exps.bias", "", 0 },
    { TL_R_EXPERT_UP_BIAS, "blk.%u.ffn_up_exps.bias", "", 0 },
    { TL_R_EXPERT_DOWN_BIAS, "blk.%u.ffn_down_exps.bias", "", 0 },
    { TL_R_SHARED_GATE, "blk.%u.ffn_gate_shexp.weight", "model.layers.%u.mlp.shared_experts.gate_proj.weight", 0 },
    { TL_R_SHARED_UP, "blk.%u.ffn_up_shexp.weight", "model.layers.%u.mlp.shared_experts.up_proj.weight", 0 },
    { TL_R_SHARED_DOWN, "blk.%u.ffn_down_shexp.weight", "model.layers.%u.mlp.shared_experts.down_proj.weight", 0 },
    { TL_R_SHARED_SWITCH, "blk.%u.ffn_gate_inp_shexp.weight", "model.layers.%u.mlp.shared_expert_gate.weight", 0 },
    { TL_R_AHEAD_EMBED_NORM, "blk.%u.nextn.enorm.weight", "model.layers.%u.enorm.weight", 0 },
    { TL_R_AHEAD_EMBED_NORM, "", "mtp.pre_fc_norm_embedding.weight", 0 },
    { TL_R_AHEAD_STATE_NORM, "blk.%u.nextn.hnorm.weight", "model.layers.%u.hnorm.weight", 0 },
    { TL_R_AHEAD_STATE_NORM, "", "mtp.pre_fc_norm_hidden.weight", 0 },
    { TL_R_AHEAD_JOIN, "blk.%u.nextn.eh_proj.weight", "model.layers.%u.eh_proj.weight", 0 },
    { TL_R_AHEAD_JOIN, "", "mtp.fc.weight", 0 },
    { TL_R_AHEAD_NORM, "blk.%u.nextn.shared_head_norm.weight", "model.layers.%u.shared_head.norm.weight", 0 },
    { TL_R_AHEAD_NORM, "", "mtp.norm.weight", 0 },
    { TL_R_AHEAD_NORM, "output_norm.weight", "model.norm.weight", 0 },
    { 0, NULL, NULL, 0 },
};

/* Writes `pattern` with %u as the layer and %e as the expert. */
static void fill_in(const char *pattern, uint32_t layer, uint32_t expert, char *name)
{
    size_t at = 0;
    for (; *pattern && at < TL_NAME_BYTES - 1; pattern++) {
        if (pattern[0] == '%' && (pattern[1] == 'u' || pattern[1] == 'e')) {
            at += (size_t)snprintf(name + at, TL_NAME_BYTES - at, "%u", pattern[1] == 'u' ? layer : expert);
            at = at < TL_NAME_BYTES ? at : TL_NAME_BYTES - 1;
            pattern++;
        } else {
            name[at++] = *pattern;
        }
    }
    name[at] = 0;
}

static const struct tl_tensor *look_up(const struct tl_modelfile *file, const char *name)
{
    static const char *const prefixes[][2] = { { "", "" }, { "model.", "model.language_model." }, { "", "language_model." } };
    const struct tl_tensor *tensor = NULL;
    for (size_t i = 0; i < TL_COUNT(prefixes) && !tensor; i++) {
        char longer[TL_NAME_BYTES + 32];
        size_t cut = strlen(prefixes[i][0]);
        if (i > 0 && tl_modelfile_format(file) == TL_MODELFILE_GGUF)
            break;
        if (strncmp(name, prefixes[i][0], cut) != 0)
            continue;
        snprintf(longer, sizeof(longer), "%s%s", prefixes[i][1], name + cut);
        tensor = tl_modelfile_find(file, longer);
    }
    return tensor;
}

/* What the name of a tensor of codes goes on with, where scales are a tensor of their own (apart.c); ended by NULL. */
static const char *const endings[] = { "", "_packed", "_blocks", NULL };

/* By its name, or by that with one of the endings. */
static const struct tl_tensor *look_up_any(const struct tl_modelfile *file, char name[TL_NAME_BYTES])
{
    const struct tl_tensor *tensor = look_up(file, name);
    size_t n = strlen(name);
    for (int i = 1; endings[i] && !tensor && tl_modelfile_format(file) == TL_MODELFILE_SAFETENSORS; i++) {
        snprintf(name + n, TL_NAME_BYTES - n, "%s", endings[i]);
        tensor = look_up(file, name);
    }
    return tensor;
}

/* The name of a tensor of a layer that predicts further tokens, where these are numbered by themselves. False: it is none of a layer. */
static bool fill_in_apart(const char *pattern, uint32_t expert, char *name)
{
    static const char layers[] = "model.layers.%u.";
    char own[TL_NAME_BYTES];
    if (!tl_text_begins(pattern, layers))
        return false;
    snprintf(own, sizeof(own), "mtp.layers.0.%s", pattern + strlen(layers));
    fill_in(own, 0, expert, name);
    return true;
}

static const struct tl_tensor *look_up_ahead(const struct tl_modelfile *file, const struct tl_geometry *g, const char *pattern, uint32_t expert, char *name)
{
    bool may = g->ahead && g->format == TL_MODELFILE_SAFETENSORS && fill_in_apart(pattern, expert, name);
    return may ? look_up_any(file, name) : NULL;
}

static const struct tl_tensor *search(const struct tl_modelfile *file, const struct tl_geometry *g, const struct tl_name *row,
                                      enum tl_role role, uint32_t layer, uint32_t expert, const struct tl_name **ret_name, char *tried)
{
    for (; row && row->gguf; row++) {
        const char *pattern = g->format == TL_MODELFILE_GGUF ? row->gguf : row->hf;
        char name[TL_NAME_BYTES];
        if (row->role != role || !*pattern)
            continue;
        fill_in(pattern, layer, expert, name);
        if (!tried[0])
            memcpy(tried, name, sizeof(name));
        const struct tl_tensor *tensor = look_up_any(file, name);
        if (!tensor)
            tensor = look_up_ahead(file, g, pattern, expert, name);
        *ret_name = row;
        if (tensor)
            return tensor;
    }
    return NULL;
}

const struct tl_tensor *tl_name_find(const struct tl_modelfile *file, const struct tl_geometry *g, enum tl_role role, uint32_t layer,
                                     uint32_t expert, const struct tl_name **ret_name, char ret_tried[TL_NAME_BYTES])
{
    ret_tried[0] = 0;
    const struct tl_tensor *tensor = search(file, g, g->arch->names, role, layer, expert, ret_name, ret_tried);
    return tensor ? tensor : search(file, g, common, role, layer, expert, ret_name, ret_tried);
}

const struct tl_tensor *tl_name_find_expert(const struct tl_modelfile *file, const struct tl_geometry *g, const struct tl_tensor *first,
                                            const struct tl_name *name, uint32_t layer, uint32_t expert, char ret_tried[TL_NAME_BYTES])
{
    const char *mark = strstr(name->hf, "%e"), *tail = mark ? strstr(first->name, mark + 2) : NULL;
    const struct tl_name *found;
    if (tail && tail > first->name && tail[-1] == '0' && strlen(first->name) + 10 < TL_NAME_BYTES) {     /* behind the same prefix, with the same ending */
        snprintf(ret_tried, TL_NAME_BYTES, "%.*s%u%s", (int)(tail - 1 - first->name), first->name, expert, tail);
        const struct tl_tensor *tensor = tl_modelfile_find(file, ret_tried);
        if (tensor)
            return tensor;
    }
    return tl_name_find(file, g, name->role, layer, expert, &found, ret_tried);
}

const struct tl_name *tl_name_each(const struct tl_arch *arch, enum tl_modelfile_format format, enum tl_role role, uint32_t layer,
                                   uint32_t expert, uint32_t nth, char ret_name[TL_NAME_BYTES])
{
    const struct tl_name *tables[] = { arch->names, common };
    for (int i = 0; i < 2; i++)
        for (const struct tl_name *row = tables[i]; row && row->gguf; row++) {
            const char *pattern = format == TL_MODELFILE_GGUF ? row->gguf : row->hf;
            if (row->role != role || !*pattern || nth-- > 0)
                continue;
            fill_in(pattern, layer, expert, ret_name);
            return row;
        }
    return NULL;
}

const struct tl_name *tl_name_write(const struct tl_geometry *g, enum tl_role role, uint32_t layer, uint32_t expert,
                                    char ret_name[TL_NAME_BYTES])
{
    bool apart = g->arch->ahead_apart && g->format == TL_MODELFILE_SAFETENSORS && layer >= (g->ahead ? g->ahead : g->n_layers);
    const struct tl_name *row;
    for (uint32_t nth = 0; apart && (row = tl_name_each(g->arch, g->format, role, layer, expert, nth, ret_name)); nth++)
        if (tl_text_begins(row->hf, "mtp."))
            return row;
    row = tl_name_each(g->arch, g->format, role, layer, expert, 0, ret_name);
    if (row && apart)
        (void)fill_in_apart(row->hf, expert, ret_name);
    return row;
}

bool tl_name_same(const char *name, const char *found)
{
    static const char longer[] = "model.language_model.", outer[] = "language_model.";
    if (tl_text_begins(found, longer))
        return tl_text_begins(name, "model.") && strcmp(name + 6, found + strlen(longer)) == 0;
    return strcmp(name, tl_text_begins(found, outer) ? found + strlen(outer) : found) == 0;
}

bool tl_name_indexes(const struct tl_modelfile *file, const struct tl_geometry *g, uint32_t layer)
{
    const struct tl_name *row;
    char tried[TL_NAME_BYTES];
    return tl_name_find(file, g, TL_R_INDEX_Q, layer, 0, &row, tried) != NULL;
}

unsigned tl_name_layout(const struct tl_geometry *g, const struct tl_name *name)
{
    return g->format == TL_MODELFILE_SAFETENSORS ? name->layout : name->layout & TL_LAYOUT_TAPS;
}
