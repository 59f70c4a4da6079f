/* SPDX-License-Identifier: MIT */
/* Writes the rows of fields.def under their GGUF names, then what has no row: rope, router, epsilon. */
#include "model/geometry_gguf.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "kernel/kernel.h"
#include "model/arch.h"
#include "model/names.h"
#include "model/rope.h"

struct target { struct tl_writer *writer; const char *arch; };

static const char *key_of(const struct target *target, const char *tail, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s.%s", target->arch, tail);
    return buffer;
}

static int put_u32(const struct target *target, const char *tail, uint32_t value)
{
    char key[160];
    return *tail && value ? tl_writer_u64(target->writer, key_of(target, tail, key, sizeof(key)), value) : 0;
}

static int put_f32(const struct target *target, const char *tail, float value)
{
    char key[160];
    return tl_writer_f64(target->writer, key_of(target, tail, key, sizeof(key)), (double)value);
}

/* Which layers attend, of those that are delta nets else: one in so many. */
static uint32_t interval_of(const struct tl_geometry *g)
{
    uint32_t first = 0;
    while (g->delta_v_heads && first < g->n_layers && g->layer_recurrent[first])
        first++;
    return g->delta_v_heads ? first + 1 : g->full_interval;
}

/* Other programs take experts for what the file says of them, so a model without has none of their keys. */
static struct tl_geometry plain(const struct tl_geometry *geometry, bool ahead)
{
    struct tl_geometry g = *geometry;
    g.n_heads_ahead = ahead;
    g.context = g.context_said ? g.context_said : g.context;
    g.n_layers += ahead;                 /* counted among the blocks */
    g.n_stored = g.n_stored == g.n_experts ? 0 : g.n_stored;
    g.ff_expert = g.n_experts ? g.ff_expert : 0;
    g.full_interval = interval_of(&g);
    g.delta_width = g.delta_v_heads * g.delta_v_dim;
    return g;
}

static int put_experts(const struct target *target, const struct tl_geometry *g)
{
    char key[160];
    if (!tl_geometry_uneven(g))
        return put_u32(target, "expert_count", g->n_experts);
    return tl_writer_i32s(target->writer, key_of(target, "expert_count", key, sizeof(key)), (const int32_t *)g->layer_experts, g->n_layers);
}

static int put_fields(const struct target *target, const struct tl_geometry *g)
{
    int status = 0;
#define FIELD(member, gguf, hf, least, most, needed) \
    if (status >= 0) \
        status = put_u32(target, gguf, g->member);
#include "model/fields.def"
#undef FIELD
    if (status >= 0)
        status = put_experts(target, g);
    if (status >= 0 && g->kv_rank)
        status = put_u32(target, "attention.key_length_mla", g->nope + g->n_rot);
    return status < 0 ? status : put_u32(target, "vocab_size", g->vocab);
}

/* The facts as config.json has them, whichever of its ways it uses. */
static int read_rope(const struct tl_geometry *g, const struct tl_modelfile *config, struct tl_rope_facts *facts)
{
    static const char *const objects[] = { "rope_scaling", "rope_parameters", "rope_parameters.full_attention" };
    *facts = (struct tl_rope_facts){ .base = 10000.0f };
    int status = tl_geometry_f32(config, g, NULL, "rope_theta", &facts->base);
    for (int i = 0; i < 3 && status >= 0; i++)
        status = tl_rope_read(config, g, objects[i], facts);
    return status;
}

static bool is_type(const struct tl_rope_facts *facts, const char *type) { return facts->type && !strcmp(facts->type, type); }

static int put_scaling(const struct target *target, const struct tl_rope_facts *facts)
{
    char key[160];
    int status = tl_writer_string(target->writer, key_of(target, "rope.scaling.type", key, sizeof(key)), facts->type, strlen(facts->type));
    if (status >= 0)
        status = put_f32(target, "rope.scaling.factor", facts->factor);
    if (status >= 0)
        status = put_u32(target, "rope.scaling.original_context_length", (uint32_t)facts->original_context);
    if (status >= 0 && facts->beta_fast > 0)
        status = put_f32(target, "rope.scaling.yarn_beta_fast", facts->beta_fast);
    if (status >= 0 && facts->beta_slow > 0)
        status = put_f32(target, "rope.scaling.yarn_beta_slow", facts->beta_slow);
    if (status >= 0 && facts->mscale_all_dim > 0)
        status = put_f32(target, "rope.scaling.yarn_log_multiplier", 0.1f * facts->mscale_all_dim);
    return status;
}

static int put_rope(const struct target *target, const struct tl_geometry *g, const struct tl_modelfile *config)
{
    struct tl_rope_facts facts;
    float local = 0;
    int status = read_rope(g, config, &facts);
    if (status >= 0)
        status = put_f32(target, "rope.freq_base", facts.base);
    if (status >= 0 && (is_type(&facts, "yarn") || is_type(&facts, "linear")))
        status = put_scaling(target, &facts);
    if (status >= 0)
        status = tl_geometry_f32(config, g, NULL, "rope_local_base_freq", &local);
    if (status == 0)
        status = tl_geometry_f32(config, g, NULL, "rope_parameters.sliding_attention.rope_theta", &local);
    return status <= 0 ? status : put_f32(target, "rope.freq_base_swa", local);
}

/* Of models that see: how many pairs of a head turn with time, height and width, which for text are one. */
static int put_sections(const struct target *target, const struct tl_geometry *g, const struct tl_modelfile *config)
{
    char key[160];
    int32_t sections[4] = { 11, 11, 10, 0 };
    snprintf(key, sizeof(key), "%srope_parameters.mrope_section", g->prefix);
    const struct tl_meta *meta = tl_modelfile_meta(config, key);
    for (uint64_t i = 0; meta && i < 3 && i < meta->count; i++) {
        int64_t value = 0;
        int status = tl_meta_at_i64(meta, i, &value);
        if (status < 0)
            return tl_fail_in(status, "%s: %s", tl_modelfile_path(config), key);
        sections[i] = (int32_t)value;
    }
    return tl_writer_i32s(target->writer, key_of(target, "rope.dimension_sections", key, sizeof(key)), sections, 4);
}

static int put_router(const struct target *target, const struct tl_geometry *g)
{
    char key[160];
    static const uint32_t functions[] = { [TL_ROUTER_SOFTMAX] = 1, [TL_ROUTER_SIGMOID] = 2, [TL_ROUTER_CHOSEN] = 3 };
    int status = put_u32(target, "expert_gating_func", functions[g->router]);
    if (status >= 0 && (g->router == TL_ROUTER_SIGMOID || g->route_scale != 1))
        status = put_f32(target, "expert_weights_scale", g->route_scale);
    return status < 0 ? status : tl_writer_bool(target->writer, key_of(target, "expert_weights_norm", key, sizeof(key)), g->route_norm);
}

/* In which layers an indexer is. */
static int put_indexers(const struct target *target, const struct tl_geometry *g, const struct tl_modelfile *config)
{
    char key[160];
    bool own[TL_MAX_LAYERS + 1];
    for (uint32_t i = 0; i < g->n_layers; i++)
        own[i] = tl_name_indexes(config, g, i);
    return tl_writer_bools(target->writer, key_of(target, "attention.indexer.types", key, sizeof(key)), own, g->n_layers);
}

int tl_geometry_write_gguf(const struct tl_geometry *geometry, const struct tl_modelfile *config, bool ahead, struct tl_writer *writer)
{
    struct target target = { writer, geometry->arch->name };
    struct tl_geometry g = plain(geometry, ahead);
    int status = tl_writer_string(writer, "general.architecture", target.arch, strlen(target.arch));
    if (status >= 0)
        status = put_fields(&target, &g);
    if (status >= 0)
        status = put_f32(&target, "attention.layer_norm_rms_epsilon", g.epsilon);
    if (status >= 0)
        status = put_rope(&target, &g, config);
    if (status >= 0 && g.arch->delta_tiled)
        status = put_sections(&target, geometry, config);
    if (status >= 0 && g.arch->beside && g.index_top)
        status = put_indexers(&target, &g, config);
    if (status >= 0 && g.n_experts)
        status = put_router(&target, &g);
    if (status >= 0 && g.temper_length > 0)
        status = put_f32(&target, "attention.temperature_scale", g.temper_beta);
    if (status >= 0 && g.temper_length > 0)
        status = put_u32(&target, "attention.temperature_length", (uint32_t)g.temper_length);
    if (status >= 0 && g.attention_softcap > 0)
        status = put_f32(&target, "attn_logit_softcapping", g.attention_softcap);
    if (status >= 0 && g.logit_softcap > 0)
        status = put_f32(&target, "final_logit_softcapping", g.logit_softcap);
    return status;
}

int tl_geometry_check_gguf(const struct tl_geometry *g, const struct tl_modelfile *config)
{
    uint32_t every = g->window_pattern ? g->window_pattern : g->arch->full_every, interval = interval_of(g);
    for (uint32_t i = 0; i < g->n_layers; i++) {
        bool windowed = g->arch->full_every && (i + 1) % every != 0, recurrent = g->delta_v_heads && (i + 1) % interval != 0;
        bool sees_less = g->layer_window[i] && g->layer_window[i] < g->context;
        if (recurrent != g->layer_recurrent[i] || (windowed ? g->layer_window[i] != g->window : sees_less))
            return tl_fail(TL_E_USAGE, "%s: GGUF files of the architecture %s cannot say what layer %u is: %s", tl_modelfile_path(config), g->arch->name, i,
                           recurrent != g->layer_recurrent[i] ? "a delta net or attention" : "its window");
    }
    return 0;
}

int tl_geometry_gguf_factors(const struct tl_geometry *g, const struct tl_modelfile *config, float *ret_factors)
{
    struct tl_rope_facts facts;
    struct tl_rope plain_rope;
    int status = read_rope(g, config, &facts);
    if (status < 0 || !is_type(&facts, "llama3"))
        return status < 0 ? status : 0;
    struct tl_rope_facts unscaled = { .base = facts.base };
    status = tl_rope_make(config, &unscaled, g->n_rot, &plain_rope);
    for (uint32_t i = 0; i < g->n_rot / 2 && status >= 0; i++)
        ret_factors[i] = plain_rope.inv_freq[i] / g->rope[0].inv_freq[i];
    return status < 0 ? status : 1;
}
