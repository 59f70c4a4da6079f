/* SPDX-License-Identifier: MIT */
/* Gemma 3, text part (Gemma Team 2025): norms before and behind each block and over the heads of q and k, a sliding window
 * on five of six layers with a rope base of its own, scaled embeddings, GELU.
 * safetensors hold norm weights minus one; GGUF has them whole. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "model/arch.h"
#include "model/rope.h"

static const struct tl_name names[] = {
    { TL_R_ATTN_POST_NORM, "blk.%u.post_attention_norm.weight", "model.layers.%u.post_attention_layernorm.weight", 0 },
    { TL_R_FFN_NORM, "blk.%u.ffn_norm.weight", "model.layers.%u.pre_feedforward_layernorm.weight", 0 },
    { TL_R_FFN_POST_NORM, "blk.%u.post_ffw_norm.weight", "model.layers.%u.post_feedforward_layernorm.weight", 0 },
    { 0, NULL, NULL, 0 },
};

/* All but every pattern-th layer are windowed, unless the file says which ("layer_types", read with the geometry). */
static void set_windows(const struct tl_modelfile *file, struct tl_geometry *g)
{
    uint32_t pattern = g->window_pattern ? g->window_pattern : 6;
    if (tl_modelfile_meta(file, "config.layer_types") || tl_modelfile_meta(file, "config.text_config.layer_types"))
        return;
    for (uint32_t i = 0; i < g->n_layers; i++)
        g->layer_window[i] = (i + 1) % pattern ? g->window : 0;
}

static int read_ropes(const struct tl_modelfile *file, struct tl_geometry *g)
{
    struct tl_rope_facts full = { .base = 1000000.0f }, local = { .base = 10000.0f };
    int status = tl_geometry_f32(file, g, NULL, "rope_theta", &full.base);
    if (status >= 0)
        status = tl_rope_read(file, g, "rope_scaling", &full);
    if (status >= 0 && g->format == TL_MODELFILE_SAFETENSORS)
        status = tl_rope_read(file, g, "rope_parameters.full_attention", &full);
    if (status >= 0)
        status = tl_geometry_f32(file, g, "rope.freq_base_swa", "rope_local_base_freq", &local.base);
    if (status >= 0 && g->format == TL_MODELFILE_SAFETENSORS)
        status = tl_rope_read(file, g, "rope_parameters.sliding_attention", &local);
    if (status >= 0)
        status = tl_rope_make(file, &full, g->n_rot, &g->rope[0]);
    if (status >= 0)
        status = tl_rope_make(file, &local, g->n_rot, &g->rope[1]);
    return status;
}

/* sqrt(width), rounded to the type in which a vendor's file stores the embedding. */
static float embed_scale(const struct tl_modelfile *file, const struct tl_geometry *g)
{
    float scale = sqrtf((float)g->width);
    const struct tl_tensor *embed = tl_modelfile_find(file, "model.embed_tokens.weight");
    if (!embed || !embed->number || embed->number->group)
        return scale;
    uint8_t stored[4];
    embed->number->encode(&scale, 1, stored);
    embed->number->widen(stored, 1, &scale);
    return scale;
}

static int read_gemma3(const struct tl_modelfile *file, struct tl_geometry *g)
{
    float scalar = (float)(g->n_layers == 62 ? g->width / g->n_heads : g->head_dim);   /* the 27B alone differs, and GGUF does not say */
    int status = read_ropes(file, g);
    if (status >= 0)
        status = tl_geometry_f32(file, g, NULL, "query_pre_attn_scalar", &scalar);
    if (status >= 0)
        status = tl_geometry_f32(file, g, "attn_logit_softcapping", "attn_logit_softcapping", &g->attention_softcap);
    if (status >= 0)
        status = tl_geometry_f32(file, g, "final_logit_softcapping", "final_logit_softcapping", &g->logit_softcap);
    if (status < 0)
        return status;
    if (!(scalar > 0))
        return tl_fail(TL_E_FILE, "%s: query_pre_attn_scalar is %g, expected more than 0", tl_modelfile_path(file), (double)scalar);
    set_windows(file, g);
    g->attention_scale = 1.0f / sqrtf(scalar);
    g->embed_scale = embed_scale(file, g);
    g->unit = TL_UNIT_GELU;
    return 0;
}

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_HEAD_NORMS | TL_POST_NORMS));
    return tl_build_dense_ffn(builder, TL_POST_NORMS);
}

const struct tl_arch tl_arch_gemma3 = { .name = "gemma3", .model_types = { "gemma3_text", "gemma3" }, .transformers = "Gemma3ForCausalLM", .names = names, .halves = true, .full_every = 6, .less_one = true, .tied = true,
                                        .read = read_gemma3, .layer = layer };
