/* SPDX-License-Identifier: MIT */
/* What families with latent attention share: heads as the cache sees them, rotation with yarn's factor on the scores, the
 * growth of late queries. */
#include "model/latent.h"

#include <math.h>

#include "base/error.h"
#include "kernel/kernel.h"
#include "model/arch.h"
#include "model/rope.h"

static int read_u32(const struct tl_modelfile *file, const struct tl_geometry *g, const char *gguf, const char *hf, uint32_t *ret)
{
    float value = 0;
    int status = tl_geometry_f32(file, g, gguf, hf, &value);
    if (status > 0 && value >= 0 && value <= 1 << 14)
        *ret = (uint32_t)value;
    return status;
}

/* The heads as the cache sees them: one KV head, whose key is the latent and the rotated part, and whose value is the latent. */
static int read_heads(const struct tl_modelfile *file, struct tl_geometry *g)
{
    uint32_t key = 0;
    int status = read_u32(file, g, NULL, "qk_rope_head_dim", &g->n_rot);
    if (status >= 0)
        status = read_u32(file, g, "attention.key_length_mla", NULL, &key);
    if (status < 0)
        return status;
    if (g->format == TL_MODELFILE_GGUF)
        g->nope = key > g->n_rot ? key - g->n_rot : 0;
    if (!g->kv_rank || !g->nope || !g->v_head || !g->n_rot)
        return tl_fail(TL_E_FILE, "%s: latent attention of rank %u, heads of %u + %u and %u, which cannot be", tl_modelfile_path(file),
                       g->kv_rank, g->nope, g->n_rot, g->v_head);
    g->n_kv_heads = 1;
    g->head_dim = g->kv_rank + g->n_rot;
    g->v_dim = g->kv_rank;
    return 0;
}

static int read_rope(const struct tl_modelfile *file, struct tl_geometry *g)
{
    struct tl_rope_facts facts = { .base = 10000.0f, .beta_fast = 32, .beta_slow = 1, .original_context = (float)g->context };
    float log_multiplier = 0;
    int status = tl_rope_read_set(file, g, &facts);
    if (status >= 0)
        status = tl_rope_make(file, &facts, g->n_rot, &g->rope[0]);
    if (status >= 0)
        status = tl_geometry_f32(file, g, "rope.scaling.yarn_log_multiplier", NULL, &log_multiplier);
    if (status < 0)
        return status;
    if (facts.mscale_all_dim > 0)
        log_multiplier = 0.1f * facts.mscale_all_dim;
    float mscale = facts.factor > 1 ? log_multiplier * tl_log(facts.factor) + 1.0f : 1.0f;
    if (g->format == TL_MODELFILE_GGUF)
        g->rope[0].scale = 1.0f;
    g->rope[1] = g->rope[0];
    g->attention_scale = mscale * mscale / sqrtf((float)(g->nope + g->n_rot));
    return 0;
}

/* Llama 4's growth of queries, as Mistral's models have it. */
static int read_temper(const struct tl_modelfile *file, struct tl_geometry *g)
{
    float length = 0;
    int status = tl_geometry_f32(file, g, "attention.temperature_scale", "rope_parameters.llama_4_scaling_beta", &g->temper_beta);
    if (status >= 0 && g->temper_beta > 0)
        status = tl_geometry_f32(file, g, "attention.temperature_length", "rope_parameters.original_max_position_embeddings", &length);
    if (status == 0 && g->temper_beta > 0)
        status = tl_geometry_f32(file, g, "rope.scaling.original_context_length", NULL, &length);
    if (status >= 0 && g->temper_beta > 0 && !(length >= 1 && length <= 1e9f))
        return tl_fail(TL_E_FILE, "%s: queries grow with their position, from %g tokens on, which cannot be", tl_modelfile_path(file),
                       (double)length);
    g->temper_length = length;
    return status < 0 ? status : 0;
}

int tl_latent_read(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = read_heads(file, g);
    if (status >= 0)
        status = read_rope(file, g);
    return status < 0 ? status : read_temper(file, g);
}

int tl_latent_layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_mla(builder));
    return builder->layer < builder->geometry->n_dense ? tl_build_dense_ffn(builder, 0) : tl_build_expert_ffn(builder, 0);
}
