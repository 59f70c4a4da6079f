/* SPDX-License-Identifier: MIT */
/* The rows of config.def, then what has no row: layers by kind, rotation. What comes out is read again and compared. */
#include "model/geometry_config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "model/arch.h"
#include "model/names.h"
#include "model/rope.h"

#define ALL NULL

/* --- members ------------------------------------------------------------------------------------------------------ */

static bool is_of(const struct tl_geometry *g, const char *families)
{
    char name[64];
    snprintf(name, sizeof(name), " %s ", g->arch->name);
    return !families || strstr(families, name);
}

static void put_key(struct tl_buffer *to, const char *key) { tl_buffer_printf(to, "%s\"%s\":", to->len ? "," : "", key); }

/* The shortest text that reads back as the same float, a point in it. */
static void put_real(struct tl_buffer *to, float value)
{
    char text[64];
    int digits = 1;
    do
        snprintf(text, sizeof(text), "%.*g", digits++, (double)value);
    while (digits < 10 && strtof(text, NULL) != value);
    tl_buffer_printf(to, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static void put_rows(const struct tl_geometry *g, bool biased, struct tl_buffer *to)
{
#define ROW(key, families, condition, put) \
    if (is_of(g, families) && (condition)) { \
        put_key(to, key); \
        put; \
    }
#define NUMBER(key, families, condition, value) ROW(key, families, condition, tl_buffer_printf(to, "%" PRIu32, (uint32_t)(value)))
#define REAL(key, families, condition, value) ROW(key, families, condition, put_real(to, value))
#define FLAG(key, families, condition, value) ROW(key, families, condition, tl_buffer_printf(to, (value) ? "true" : "false"))
#define TEXT(key, families, condition, value) ROW(key, families, condition, tl_buffer_printf(to, "\"%s\"", value))
#include "model/config.def"
#undef NUMBER
#undef REAL
#undef FLAG
#undef TEXT
#undef ROW
}

/* Text models of those that see have a type of their own. */
static void put_type(const struct tl_geometry *g, struct tl_buffer *to)
{
    const char *type = g->arch->model_types[0];
    for (int i = 0; i < 4 && g->arch->model_types[i]; i++)
        type = tl_text_ends(g->arch->model_types[i], "_text") ? g->arch->model_types[i] : type;
    put_key(to, "model_type");
    tl_buffer_printf(to, "\"%s\",\"architectures\":[\"%s\"]", type, g->arch->transformers);
}

static void put_layers(const struct tl_geometry *g, struct tl_buffer *to)
{
    bool several = g->delta_v_heads > 0;
    for (uint32_t i = 0; i < g->n_layers; i++)
        several = several || g->layer_window[i];
    if (!several)
        return;
    put_key(to, "layer_types");
    for (uint32_t i = 0; i < g->n_layers; i++)
        tl_buffer_printf(to, "%s\"%s\"", i ? "," : "[", g->layer_recurrent[i] ? "linear_attention" : g->layer_window[i] ? "sliding_attention" : "full_attention");
    tl_buffer_printf(to, "]");
}

/* Files of the other kind have the tensors under other names, so the source is asked as what it is. */
static void put_indexers(const struct tl_geometry *g, const struct tl_modelfile *file, struct tl_buffer *to)
{
    struct tl_geometry as_read = *g;
    as_read.format = tl_modelfile_format(file);
    if (!g->arch->beside || !g->index_top)
        return;
    put_key(to, "indexer_types");
    for (uint32_t i = 0; i < g->n_layers; i++)
        tl_buffer_printf(to, "%s\"%s\"", i ? "," : "[", tl_name_indexes(file, &as_read, i) ? "full" : "shared");
    tl_buffer_printf(to, "]");
}

/* --- rotation ----------------------------------------------------------------------------------------------------- */

/* Llama 3.1's scaling is in GGUF as the divisors that came of it; which facts give these? */
static int find_llama3(const struct tl_geometry *g, const struct tl_modelfile *file, const struct tl_tensor *tensor, struct tl_rope_facts *facts)
{
    float divisors[TL_MAX_ROT / 2], largest = 0;
    struct tl_rope plain, scaled;
    struct tl_rope_facts unscaled = { .base = facts->base };
    if (tensor->number != tl_number(TL_NUMBER_F32) || tensor->n_elems != g->n_rot / 2)
        return tl_fail(TL_E_FILE, "%s: %s holds other than %u values of f32", tl_modelfile_path(file), tensor->name, g->n_rot / 2);
    int status = tl_modelfile_read(file, tensor, 0, divisors, tensor->n_bytes);
    if (status >= 0)
        status = tl_rope_make(file, &unscaled, g->n_rot, &plain);
    for (uint32_t i = 0; i < g->n_rot / 2 && status >= 0; i++)
        largest = divisors[i] > largest ? divisors[i] : largest;
    for (float context = 32; context <= 1 << 20 && status >= 0; context *= 2) {
        *facts = (struct tl_rope_facts){ .type = "llama3", .base = facts->base, .factor = largest, .original_context = context, .low_freq_factor = 1, .high_freq_factor = 4 };
        status = tl_rope_make(file, facts, g->n_rot, &scaled);
        bool same = true;
        for (uint32_t i = 0; i < g->n_rot / 2 && same; i++)
            same = fabsf(plain.inv_freq[i] / divisors[i] / scaled.inv_freq[i] - 1) < 1e-5f;
        if (same)
            return status;
    }
    return status < 0 ? status : tl_fail(TL_E_USAGE, "%s: %s is of no scaling that config.json can say", tl_modelfile_path(file), tensor->name);
}

static void put_fact(struct tl_buffer *to, const char *key, float value)
{
    if (value > 0) {
        tl_buffer_printf(to, ",\"%s\":", key);
        put_real(to, value);
    }
}

static void put_scaling(const struct tl_geometry *g, const struct tl_rope_facts *facts, struct tl_buffer *to)
{
    bool scaled = facts->type && strcmp(facts->type, "default") != 0 && strcmp(facts->type, "none") != 0;
    if (!scaled && g->temper_beta <= 0)
        return;
    put_key(to, g->temper_beta > 0 ? "rope_parameters" : "rope_scaling");
    tl_buffer_printf(to, "{\"rope_type\":\"%s\"", scaled ? facts->type : "default");
    put_fact(to, "llama_4_scaling_beta", g->temper_beta);
    put_fact(to, "factor", facts->factor);
    put_fact(to, "low_freq_factor", facts->low_freq_factor);
    put_fact(to, "high_freq_factor", facts->high_freq_factor);
    put_fact(to, "beta_fast", facts->beta_fast);
    put_fact(to, "beta_slow", facts->beta_slow);
    put_fact(to, "mscale", facts->mscale);
    put_fact(to, "mscale_all_dim", facts->mscale_all_dim);
    if (facts->original_context > 0)
        tl_buffer_printf(to, ",\"original_max_position_embeddings\":%" PRIu32, (uint32_t)facts->original_context);
    tl_buffer_printf(to, "%s}", !strcmp(g->arch->name, "gpt-oss") ? ",\"truncate\":false" : "");
}

static int put_rope(const struct tl_geometry *g, const struct tl_modelfile *file, struct tl_buffer *to)
{
    const struct tl_tensor *divisors = tl_modelfile_find(file, "rope_freqs.weight");
    struct tl_geometry as_read = *g;                     /* whose keys are GGUF's */
    struct tl_rope_facts facts = { .base = 10000.0f };
    float local = 0, multiplier = 0;
    as_read.format = TL_MODELFILE_GGUF;
    int status = tl_rope_read_set(file, &as_read, &facts);
    if (status >= 0)
        status = tl_geometry_f32(file, &as_read, "rope.scaling.yarn_log_multiplier", NULL, &multiplier);
    if (status >= 0)
        status = tl_geometry_f32(file, &as_read, "rope.freq_base_swa", NULL, &local);
    if (status >= 0 && divisors)
        status = find_llama3(g, file, divisors, &facts);
    if (status < 0)
        return status;
    facts.original_context = g->temper_beta > 0 && facts.original_context <= 0 ? g->temper_length : facts.original_context;
    facts.mscale = facts.mscale_all_dim = roundf(multiplier * 1e5f) / 1e4f;
    put_key(to, "rope_theta");
    put_real(to, facts.base);
    if (!strcmp(g->arch->name, "gemma3")) {
        put_key(to, "rope_local_base_freq");
        put_real(to, local > 0 ? local : 10000.0f);
    }
    put_scaling(g, &facts, to);
    return 0;
}

/* --- read again --------------------------------------------------------------------------------------------------- */

static bool near(float a, float b) { return fabsf(a - b) <= 1e-5f * (fabsf(a) + fabsf(b)); }

/* What differs; NULL: nothing. */
static const char *difference(const struct tl_geometry *a, const struct tl_geometry *b)
{
    const struct { const char *name; bool same; } facts[] = {
        { "the number of layers, heads or experts", a->n_layers == b->n_layers && a->n_heads == b->n_heads && a->n_kv_heads == b->n_kv_heads &&
          a->n_experts == b->n_experts && a->n_used == b->n_used && a->n_dense == b->n_dense && a->n_groups == b->n_groups && a->n_groups_used == b->n_groups_used && !tl_geometry_uneven(a) },
        { "a width", a->width == b->width && a->head_dim == b->head_dim && a->n_rot == b->n_rot && a->ff_shared == b->ff_shared &&
          (!a->n_experts || a->ff_expert == b->ff_expert) && a->context == b->context && a->vocab == b->vocab },
        { "the router", a->router == b->router && a->route_norm == b->route_norm && near(a->route_scale, b->route_scale) && a->shared_switch == b->shared_switch },
        { "attention", near(a->attention_scale, b->attention_scale) && near(a->epsilon, b->epsilon) && a->gated == b->gated && a->head_norms == b->head_norms &&
          near(a->attention_softcap, b->attention_softcap) && near(a->logit_softcap, b->logit_softcap) && near(a->temper_beta, b->temper_beta) },
        { "which layers see only a window", !memcmp(a->layer_window, b->layer_window, sizeof(a->layer_window)) },
        { "which layers are delta nets", !memcmp(a->layer_recurrent, b->layer_recurrent, sizeof(a->layer_recurrent)) },
        { "whether the embedding is the head", a->tied == b->tied },
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
        if (!facts[i].same)
            return facts[i].name;
    return NULL;
}

static bool turns_like(const struct tl_geometry *g, const struct tl_modelfile *file, const struct tl_geometry *again)
{
    bool same = tl_modelfile_find(file, "rope_freqs.weight") || near(g->rope[0].scale, again->rope[0].scale);
    for (uint32_t i = 0; i < g->n_rot / 2 && !tl_modelfile_find(file, "rope_freqs.weight"); i++)
        same = same && near(g->rope[0].inv_freq[i], again->rope[0].inv_freq[i]) && near(g->rope[1].inv_freq[i], again->rope[1].inv_freq[i]);
    return same;
}

static int check(const struct tl_geometry *g, const struct tl_modelfile *file, const struct tl_buffer *members)
{
    struct tl_buffer text;
    struct tl_modelfile *outline = NULL;
    struct tl_geometry again;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "{");
    tl_buffer_append(&text, members->data, members->len);
    int status = tl_buffer_printf(&text, "}");
    if (status >= 0)
        status = tl_modelfile_outline(tl_modelfile_path(file), text.data, text.len, &outline);
    if (status >= 0)
        status = tl_geometry_read(outline, &again);
    const char *differs = status < 0 ? NULL : difference(g, &again);
    if (status >= 0 && (differs || !turns_like(g, file, &again)))
        status = tl_fail(TL_E_USAGE, "%s: config.json of the architecture %s cannot say %s", tl_modelfile_path(file), g->arch->name,
                         differs ? differs : "how heads turn");
    tl_modelfile_close(outline);
    tl_buffer_done(&text);
    return status;
}

int tl_geometry_write_config(const struct tl_geometry *g, const struct tl_modelfile *file, struct tl_buffer *json)
{
    bool biased = tl_modelfile_find(file, "blk.0.attn_q.bias");
    struct tl_buffer to;
    if (!g->arch->transformers)
        return tl_fail(TL_E_USAGE, "%s: config.json of the architecture %s is not known", tl_modelfile_path(file), g->arch->name);
    tl_buffer_init(&to, 0);
    put_type(g, &to);
    put_rows(g, biased, &to);
    put_layers(g, &to);
    put_indexers(g, file, &to);
    int status = put_rope(g, file, &to);
    if (status >= 0)
        status = to.status < 0 ? to.status : check(g, file, &to);
    if (status >= 0)
        status = tl_buffer_append(json, to.data, to.len);
    tl_buffer_done(&to);
    return status;
}
