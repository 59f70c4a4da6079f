/* SPDX-License-Identifier: MIT */
/* Rotation frequencies: inv_freq[i] = base^(-2i / n_rot), and their scaling variants, a row each in `variants`.
 * Sources: RoPE (Su et al. 2021); linear (Chen et al. 2023); YaRN (Peng et al. 2023, section 3); the wavelength bands of
 * Llama 3.1's reference code. Frequencies are rounded to f32 before a variant scales them, as the vendors' models do. */
#include "model/rope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "kernel/kernel.h"

static const double pi = 3.14159265358979323846;

static float natural_log(float x) { return tl_log(x); }

static void scale_linear(const struct tl_rope_facts *facts, uint32_t n_rot, struct tl_rope *rope)
{
    for (uint32_t i = 0; i < n_rot / 2; i++)
        rope->inv_freq[i] /= facts->factor;
}

static void scale_llama3(const struct tl_rope_facts *facts, uint32_t n_rot, struct tl_rope *rope)
{
    float low = facts->low_freq_factor, high = facts->high_freq_factor;
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        float frequency = rope->inv_freq[i];
        float wavelength = (float)(2.0 * pi) / frequency;
        if (wavelength > facts->original_context / low) {
            rope->inv_freq[i] = frequency / facts->factor;
        } else if (wavelength >= facts->original_context / high) {
            float smooth = (facts->original_context / wavelength - low) / (high - low);
            rope->inv_freq[i] = (1.0f - smooth) * (frequency / facts->factor) + smooth * frequency;
        }
    }
}

/* The dimension whose wavelength turns `rotations` times within the original context. */
static double yarn_dimension(const struct tl_rope_facts *facts, uint32_t n_rot, float rotations)
{
    double turns = facts->original_context / (rotations * 2.0 * pi);
    return n_rot * (double)natural_log((float)turns) / (2.0 * (double)natural_log(facts->base));
}

static float yarn_mscale(float factor, float mscale)
{
    return factor <= 1.0f ? 1.0f : 0.1f * mscale * natural_log(factor) + 1.0f;
}

static void scale_yarn(const struct tl_rope_facts *facts, uint32_t n_rot, struct tl_rope *rope)
{
    double low = yarn_dimension(facts, n_rot, facts->beta_fast);
    double high = yarn_dimension(facts, n_rot, facts->beta_slow);
    if (!facts->no_truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = low < 0 ? 0 : low;
    high = high > n_rot - 1 ? n_rot - 1 : high;
    if (low == high)
        high += 0.001;
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        float ramp = (float)((i - low) / (high - low));
        float keep = 1.0f - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp);
        float frequency = rope->inv_freq[i];
        rope->inv_freq[i] = (frequency / facts->factor) * (1.0f - keep) + frequency * keep;
    }
    if (facts->attention_factor > 0)
        rope->scale = facts->attention_factor;
    else if (facts->mscale > 0 && facts->mscale_all_dim > 0)
        rope->scale = yarn_mscale(facts->factor, facts->mscale) / yarn_mscale(facts->factor, facts->mscale_all_dim);
    else
        rope->scale = yarn_mscale(facts->factor, 1.0f);
}

static const struct {
    const char *type;
    bool needs_factor, needs_context;
    void (*scale)(const struct tl_rope_facts *facts, uint32_t n_rot, struct tl_rope *rope);
} variants[] = {
    { "default", false, false, NULL },
    { "none", false, false, NULL },
    { "linear", true, false, scale_linear },
    { "llama3", true, true, scale_llama3 },
    { "yarn", true, true, scale_yarn },
};

int tl_rope_make(const struct tl_modelfile *file, const struct tl_rope_facts *facts, uint32_t n_rot, struct tl_rope *ret_rope)
{
    const char *path = tl_modelfile_path(file), *type = facts->type ? facts->type : "default";
    if (!(facts->base > 1.0f && facts->base < 1e15f))
        return tl_fail(TL_E_FILE, "%s: rope base %g, expected between 1 and 1e15", path, (double)facts->base);
    if (n_rot > TL_MAX_ROT || n_rot % 2)
        return tl_fail(TL_E_FILE, "%s: rope over %u dimensions, expected an even number up to %d", path, n_rot, TL_MAX_ROT);
    for (uint32_t i = 0; i < n_rot / 2; i++)
        ret_rope->inv_freq[i] = (float)(1.0 / tl_pow(facts->base, (double)(2 * i) / n_rot));
    ret_rope->scale = 1.0f;
    for (size_t v = 0; v < TL_COUNT(variants); v++) {
        if (strcmp(variants[v].type, type) != 0)
            continue;
        if (variants[v].needs_factor && !(facts->factor >= 1.0f && facts->factor <= 1e6f))
            return tl_fail(TL_E_FILE, "%s: rope scaling factor %g, expected 1 to 1e6", path, (double)facts->factor);
        if (variants[v].needs_context && !(facts->original_context >= 1.0f))
            return tl_fail(TL_E_FILE, "%s: %s rope scaling without its original context length", path, type);
        if (facts->low_freq_factor == facts->high_freq_factor && !strcmp(type, "llama3"))
            return tl_fail(TL_E_FILE, "%s: llama3 rope scaling with equal low and high frequency factors", path);
        if (variants[v].scale)
            variants[v].scale(facts, n_rot, ret_rope);
        return 0;
    }
    return tl_fail(TL_E_FILE, "%s: rope scaling type \"%.40s\" is not supported", path, type);
}

/* A number of a rope object in config.json, or of rope.scaling in GGUF. */
static int fact(const struct tl_modelfile *file, const struct tl_geometry *g, const char *object, const char *gguf, const char *hf,
                float *ret)
{
    char key[160];
    snprintf(key, sizeof(key), "%s.%s", object, hf);
    return tl_geometry_f32(file, g, gguf, key, ret);
}

int tl_rope_read(const struct tl_modelfile *file, const struct tl_geometry *g, const char *object, struct tl_rope_facts *facts)
{
    const struct { const char *gguf, *hf; float *value; } rows[] = {
        { "rope.freq_base", "rope_theta", &facts->base },
        { "rope.scaling.factor", "factor", &facts->factor },
        { "rope.scaling.original_context_length", "original_max_position_embeddings", &facts->original_context },
        { NULL, "low_freq_factor", &facts->low_freq_factor },
        { NULL, "high_freq_factor", &facts->high_freq_factor },
        { "rope.scaling.yarn_beta_fast", "beta_fast", &facts->beta_fast },
        { "rope.scaling.yarn_beta_slow", "beta_slow", &facts->beta_slow },
        { NULL, "attention_factor", &facts->attention_factor },
        { NULL, "mscale", &facts->mscale },
        { NULL, "mscale_all_dim", &facts->mscale_all_dim },
    };
    char key[160], older[160];
    int status = 0;
    for (size_t i = 0; i < TL_COUNT(rows) && status >= 0; i++)
        status = fact(file, g, object, rows[i].gguf, rows[i].hf, rows[i].value);
    if (status < 0)
        return status;
    snprintf(key, sizeof(key), "%s.rope_type", object);
    snprintf(older, sizeof(older), "%s.type", object);
    status = tl_geometry_text(file, g, "rope.scaling.type", key, &facts->type);
    if (status == 0)
        status = tl_geometry_text(file, g, NULL, older, &facts->type);
    if (status < 0)
        return status;
    snprintf(key, sizeof(key), "%s%s.truncate", g->prefix, object);
    bool truncate = true;
    if (g->format == TL_MODELFILE_SAFETENSORS && (status = tl_meta_bool(file, key, &truncate)) < 0)
        return status;
    facts->no_truncate = !truncate;
    return 0;
}

int tl_rope_read_set(const struct tl_modelfile *file, const struct tl_geometry *g, struct tl_rope_facts *facts)
{
    int status = tl_geometry_f32(file, g, NULL, "rope_theta", &facts->base);
    if (status >= 0)
        status = tl_rope_read(file, g, "rope_scaling", facts);
    if (status >= 0 && g->format == TL_MODELFILE_SAFETENSORS)
        status = tl_rope_read(file, g, "rope_parameters", facts);
    return status;
}
