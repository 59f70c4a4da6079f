/* SPDX-License-Identifier: MIT */
/* Reads the geometry from metadata: the rows of fields.def, then what needs a rule of its own. */
#include "model/geometry.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/arch.h"
#include "model/rope.h"

static const char *key_of(const struct tl_geometry *g, const char *gguf, const char *hf, char *buffer, size_t size)
{
    const char *tail = g->format == TL_MODELFILE_GGUF ? gguf : hf;
    if (!tail || !*tail)
        return NULL;
    snprintf(buffer, size, "%s%s", g->prefix, tail);
    return buffer;
}

int tl_geometry_f32(const struct tl_modelfile *file, const struct tl_geometry *g, const char *gguf, const char *hf, float *ret)
{
    char buffer[256];
    double value;
    const char *key = key_of(g, gguf, hf, buffer, sizeof(buffer));
    int status = key ? tl_meta_f64(file, key, &value) : 0;
    if (status > 0)
        *ret = (float)value;
    return status;
}

int tl_geometry_text(const struct tl_modelfile *file, const struct tl_geometry *g, const char *gguf, const char *hf, const char **ret)
{
    char buffer[256];
    size_t n_bytes;
    const char *key = key_of(g, gguf, hf, buffer, sizeof(buffer));
    return key ? tl_meta_string(file, key, ret, &n_bytes) : 0;
}

/* One row of fields.def. Where the metadata holds one value a layer (a few GGUF files), all must be equal. */
static int read_field(const struct tl_modelfile *file, const struct tl_geometry *g, const char *gguf, const char *hf, uint32_t least,
                      uint32_t most, bool needed, uint32_t *ret)
{
    char buffer[256];
    const char *key = key_of(g, gguf, hf, buffer, sizeof(buffer));
    if (!key)
        return 0;
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    if (!meta)
        return needed ? tl_fail(TL_E_FILE, "%s: %s is missing", tl_modelfile_path(file), key) : 0;
    for (uint64_t i = 0; i < meta->count; i++) {
        int64_t value = 0;
        int status = tl_meta_at_i64(meta, i, &value);
        if (status < 0)
            return tl_fail_in(status, "%s", tl_modelfile_path(file));
        if (value < least || value > most)
            return tl_fail(TL_E_FILE, "%s: %s is %lld, expected %u to %u", tl_modelfile_path(file), key, (long long)value, least, most);
        if (i > 0 && (uint32_t)value != *ret)
            return tl_fail(TL_E_FILE, "%s: %s differs between layers, which is not supported", tl_modelfile_path(file), key);
        *ret = (uint32_t)value;
    }
    return 0;
}

static int read_fields(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = 0;
#define FIELD(member, gguf, hf, least, most, needed) \
    if (status >= 0) \
        status = read_field(file, g, gguf, hf, least, most, needed, &g->member);
#include "model/fields.def"
#undef FIELD
    return status;
}

/* One number of experts for all layers, or one a layer: such a file is trill's own (trill prune --uneven). */
static int read_counts(const struct tl_modelfile *file, struct tl_geometry *g, const char *gguf, const char *hf)
{
    enum { MOST = 1 << 16 };
    char buffer[256];
    const char *key = key_of(g, gguf, hf, buffer, sizeof(buffer)), *path = tl_modelfile_path(file);
    const struct tl_meta *meta = key ? tl_modelfile_meta(file, key) : NULL;
    if (!meta)
        return 0;
    if (meta->count != 1 && meta->count < g->n_layers)
        return tl_fail(TL_E_FILE, "%s: %s has %" PRIu64 " entries, expected one for each of %u layers", path, key, meta->count, g->n_layers);
    g->n_experts = 0;
    for (uint32_t i = 0; i <= TL_MAX_LAYERS; i++) {
        int64_t value = g->n_experts;
        int status = i < meta->count ? tl_meta_at_i64(meta, i, &value) : 0;
        if (status < 0)
            return tl_fail_in(status, "%s", path);
        if (value < 0 || value > MOST)
            return tl_fail(TL_E_FILE, "%s: %s is %" PRId64 ", expected 0 to %d", path, key, value, MOST);
        g->layer_experts[i] = (uint32_t)value;
        g->n_experts = g->layer_experts[i] > g->n_experts ? g->layer_experts[i] : g->n_experts;
    }
    return 0;
}

/* Families spell it differently in config.json. */
static int read_experts(const struct tl_modelfile *file, struct tl_geometry *g)
{
    int status = read_counts(file, g, "expert_count", "n_routed_experts");
    if (status >= 0)
        status = read_counts(file, g, NULL, "num_local_experts");
    return status < 0 ? status : read_counts(file, g, NULL, "num_experts");
}

bool tl_geometry_uneven(const struct tl_geometry *g)
{
    for (uint32_t i = 0; i < g->n_layers; i++)
        if (g->layer_experts[i] != g->n_experts)
            return true;
    return false;
}

static int check_experts(const struct tl_modelfile *file, const struct tl_geometry *g)
{
    for (uint32_t i = 0; i < g->n_layers; i++) {
        uint32_t n = g->layer_experts[i];
        if (n && (!g->n_used || g->n_used > n || !g->ff_expert))
            return tl_fail(TL_E_FILE, "%s: %u of %u experts of width %u are used for a token, which cannot be", tl_modelfile_path(file), g->n_used, n,
                           g->ff_expert);
    }
    if (g->n_stored > g->n_experts)
        return tl_fail(TL_E_FILE, "%s: %u experts are stored of %u, which cannot be", tl_modelfile_path(file), g->n_stored, g->n_experts);
    return 0;
}

static int derive(const struct tl_modelfile *file, struct tl_geometry *g)
{
    const char *path = tl_modelfile_path(file);
    if (!g->n_kv_heads)
        g->n_kv_heads = g->n_heads;
    if (g->n_heads % g->n_kv_heads)
        return tl_fail(TL_E_FILE, "%s: %u heads are no multiple of %u KV heads", path, g->n_heads, g->n_kv_heads);
    if (!g->head_dim && !g->kv_rank && g->width % g->n_heads)
        return tl_fail(TL_E_FILE, "%s: width %u is no multiple of %u heads", path, g->width, g->n_heads);
    if (!g->head_dim)
        g->head_dim = g->width / g->n_heads;
    if (!g->v_dim)
        g->v_dim = g->head_dim;
    if (!g->n_rot)
        g->n_rot = g->head_dim;
    if (g->n_rot > g->head_dim)
        return tl_fail(TL_E_FILE, "%s: rope over %u dimensions of heads of %u", path, g->n_rot, g->head_dim);
    if (!g->context)
        g->context = 2048;
    if ((uint64_t)g->n_heads * g->head_dim > 1u << 24 || (uint64_t)g->n_heads * g->v_dim > 1u << 24)
        return tl_fail(TL_E_FILE, "%s: %u heads of %u dimensions are beyond what is supported", path, g->n_heads, g->head_dim);
    g->attention_scale = 1.0f / sqrtf((float)g->head_dim);
    g->epsilon = 1e-6f;
    if (!g->n_experts && !g->ff)
        return tl_fail(TL_E_FILE, "%s: %s%s is missing", path, g->prefix, g->format == TL_MODELFILE_GGUF ? "feed_forward_length" : "intermediate_size");
    if (!g->ff_expert)
        g->ff_expert = g->ff;
    g->ff_shared = g->n_shared * g->ff_expert;
    TL_TRY(check_experts(file, g));
    if (!g->n_stored)
        g->n_stored = g->n_experts;
    if (g->n_heads_ahead >= g->n_layers)
        return tl_fail(TL_E_FILE, "%s: %u of %u layers predict further tokens", path, g->n_heads_ahead, g->n_layers);
    if (g->format == TL_MODELFILE_GGUF)
        g->n_layers -= g->n_heads_ahead;         /* counted among the blocks there, and not needed */
    g->route_scale = 1.0f;
    int status = tl_geometry_f32(file, g, "attention.layer_norm_rms_epsilon", "rms_norm_eps", &g->epsilon);
    if (status >= 0 && !(g->epsilon >= 0 && g->epsilon < 1))
        return tl_fail(TL_E_FILE, "%s: epsilon of the norms is %g, expected 0 to 1", path, (double)g->epsilon);
    return status;
}

static int read_vocab(const struct tl_modelfile *file, struct tl_geometry *g)
{
    uint64_t vocab = 0;
    if (g->format == TL_MODELFILE_SAFETENSORS) {
        char key[96];
        snprintf(key, sizeof(key), "%svocab_size", g->prefix);
        int status = tl_meta_u64(file, key, 1u << 24, &vocab);
        if (status < 0)
            return status;
    } else {
        const struct tl_tensor *embed = tl_modelfile_find(file, "token_embd.weight");
        if (!embed)
            return tl_fail(TL_E_FILE, "%s: tensor token_embd.weight is missing", tl_modelfile_path(file));
        vocab = embed->n_dims == 2 ? embed->shape[0] : 0;
    }
    if (vocab < 1 || vocab > 1u << 24)
        return tl_fail(TL_E_FILE, "%s: a vocabulary of %llu tokens, expected 1 to %u", tl_modelfile_path(file),
                       (unsigned long long)vocab, 1u << 24);
    g->vocab = (uint32_t)vocab;
    return 0;
}

/* Keys that families spell differently in config.json, and partial rotation as a share of the head. */
static int read_others(const struct tl_modelfile *file, struct tl_geometry *g)
{
    char key[96];
    float share = g->arch->rope_share;
    uint64_t n_used = g->n_used;
    snprintf(key, sizeof(key), "%snum_experts_per_token", g->prefix);
    if (g->format == TL_MODELFILE_SAFETENSORS)
        TL_TRY(tl_meta_u64(file, key, 1024, &n_used));
    g->n_used = (uint32_t)n_used;
    int status = tl_geometry_f32(file, g, NULL, "partial_rotary_factor", &share);
    if (status == 0)
        status = tl_geometry_f32(file, g, NULL, "rope_parameters.partial_rotary_factor", &share);
    if (status >= 0 && g->format == TL_MODELFILE_SAFETENSORS && share > 0 && share <= 1 && !g->n_rot)
        g->n_rot = (uint32_t)(share * (float)(g->head_dim ? g->head_dim : g->width / g->n_heads));
    return status < 0 ? status : 0;
}

static int read_rope(const struct tl_modelfile *file, struct tl_geometry *g)
{
    struct tl_rope_facts facts = { .base = 10000.0f, .low_freq_factor = 1, .high_freq_factor = 4, .beta_fast = 32, .beta_slow = 1,
                                   .original_context = (float)g->context };
    int status = tl_rope_read_set(file, g, &facts);
    if (status >= 0)
        status = tl_rope_make(file, &facts, g->n_rot, &g->rope[0]);
    if (status >= 0)
        g->rope[1] = g->rope[0];
    return status;
}

/* "layer_types" of config.json: which layers see only a window. */
static int read_windows(const struct tl_modelfile *file, struct tl_geometry *g)
{
    char key[96];
    snprintf(key, sizeof(key), "%slayer_types", g->prefix);
    const struct tl_meta *types = g->format == TL_MODELFILE_SAFETENSORS ? tl_modelfile_meta(file, key) : NULL;
    if (!types)
        return 0;
    if (types->count != g->n_layers)
        return tl_fail(TL_E_FILE, "%s: %s has %llu entries, expected %u", tl_modelfile_path(file), key,
                       (unsigned long long)types->count, g->n_layers);
    for (uint32_t i = 0; i < g->n_layers; i++) {
        const char *text = "";
        size_t n_bytes;
        int status = tl_meta_at_string(types, i, &text, &n_bytes);
        if (status < 0)
            return tl_fail_in(status, "%s: %s", tl_modelfile_path(file), key);
        g->layer_window[i] = !strcmp(text, "sliding_attention") ? g->window : 0;
    }
    return 0;
}

/* The tensors tell whether the head is one of its own; where there are none, the configuration. */
static int read_tied(const struct tl_modelfile *file, struct tl_geometry *g)
{
    g->tied = !tl_modelfile_find(file, "output.weight") && !tl_modelfile_find(file, "lm_head.weight") &&
              !tl_modelfile_find(file, "language_model.lm_head.weight");
    if (!tl_geometry_is_outline(file))
        return 0;
    g->tied = g->arch->tied;
    return tl_meta_bool(file, "config.tie_word_embeddings", &g->tied);
}

/* DeepSeek V4: an indexer chooses among the finely packed ones. */
uint32_t tl_geometry_packed(const struct tl_geometry *g, uint32_t layer)
{
    uint32_t pack = g->layer_pack[layer];
    return pack ? (g->head_dim + (pack == TL_INDEXED_PACK ? g->index_dim : 0) + pack - 1) / pack : 0;
}

void tl_geometry_ahead(const struct tl_geometry *g, struct tl_geometry *ret)
{
    *ret = *g;
    ret->ahead = g->n_layers;
    ret->n_layers = 1;
    ret->n_dense = ret->n_hashed = 0;
    ret->layer_experts[0] = g->layer_experts[g->n_layers];
    memset(ret->layer_window, 0, sizeof(ret->layer_window));
    memset(ret->layer_pack, 0, sizeof(ret->layer_pack));
    memset(ret->layer_recurrent, 0, sizeof(ret->layer_recurrent));
}

/* What weights look like in this kind of file. */
static void set_kind(struct tl_geometry *g)
{
    bool gguf = g->format == TL_MODELFILE_GGUF;
    g->rope_halves = !g->kv_rank && (g->arch->halves || !gguf);
    g->norm_add = g->arch->less_one && !gguf ? 1.0f : 0.0f;
    g->rate_log = g->delta_v_heads && !gguf;
    g->delta_fused = g->arch->delta_fused && !gguf;
    g->delta_tiled = g->arch->delta_tiled && gguf;
}

void tl_geometry_as(const struct tl_geometry *g, enum tl_modelfile_format format, struct tl_geometry *ret)
{
    *ret = *g;
    ret->format = format;
    if (format != g->format)
        set_kind(ret);
}

bool tl_geometry_is_outline(const struct tl_modelfile *file) { return tl_modelfile_tensors(file) == 0; }

static void set_prefix(const struct tl_modelfile *file, struct tl_geometry *g)
{
    if (g->format == TL_MODELFILE_GGUF)
        snprintf(g->prefix, sizeof(g->prefix), "%s.", g->arch->name);
    else if (tl_modelfile_meta(file, "config.text_config.hidden_size"))
        snprintf(g->prefix, sizeof(g->prefix), "config.text_config.");
    else
        snprintf(g->prefix, sizeof(g->prefix), "config.");
}

int tl_geometry_read(const struct tl_modelfile *file, struct tl_geometry *g)
{
    memset(g, 0, sizeof(*g));
    g->arch = tl_arch_find(file);
    if (!g->arch)
        return TL_E_FILE;
    g->format = tl_modelfile_format(file);
    if (g->arch->planned && !tl_geometry_is_outline(file))
        return tl_fail(TL_E_FILE, "%s: trill plans models of the architecture %s (by name, or from their config.json) but does not run them yet",
                       tl_modelfile_path(file), g->arch->name);
    set_prefix(file, g);
    g->embed_scale = 1.0f;
    int status = read_fields(file, g);
    set_kind(g);
    if (status >= 0)
        status = read_experts(file, g);
    if (status >= 0)
        status = read_others(file, g);
    if (status >= 0)
        status = derive(file, g);
    if (status >= 0)
        status = read_vocab(file, g);
    if (status >= 0)
        status = read_rope(file, g);
    if (status >= 0)
        status = read_tied(file, g);
    if (status >= 0)
        status = read_windows(file, g);
    if (status >= 0 && g->arch->read)
        status = g->arch->read(file, g);
    return status;
}
