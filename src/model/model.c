/* SPDX-License-Identifier: MIT */
/* Opens a model from a file's headers, plans and places its memory, loads its weights. */
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "model/bind.h"
#include "model/model_impl.h"
#include "model/names.h"

/* GGUF keeps llama3's scaling as a tensor of divisors of the frequencies. */
static int apply_rope_factors(struct tl_model *model)
{
    struct tl_geometry *g = &model->geometry;
    char name[TL_NAME_BYTES];
    const struct tl_name *row;
    float factors[TL_MAX_ROT / 2];
    const struct tl_tensor *tensor = tl_name_find(model->file, g, TL_R_ROPE_FACTORS, 0, 0, &row, name);
    if (!tensor)
        return 0;
    if (tensor->number != tl_number(TL_NUMBER_F32) || tensor->n_elems != g->n_rot / 2)
        return tl_fail(TL_E_FILE, "%s: %s holds %llu values, expected %u of f32", tl_modelfile_path(model->file), name,
                       (unsigned long long)tensor->n_elems, g->n_rot / 2);
    int status = tl_modelfile_read(model->file, tensor, 0, factors, tensor->n_bytes);
    for (uint32_t i = 0; i < g->n_rot / 2 && status >= 0; i++) {
        if (!(factors[i] > 0))
            return tl_fail(TL_E_FILE, "%s: %s[%u] is %g, expected more than 0", tl_modelfile_path(model->file), name, i,
                           (double)factors[i]);
        g->rope[0].inv_freq[i] /= factors[i];
        g->rope[1].inv_freq[i] /= factors[i];
    }
    return status;
}

static const struct tl_number *default_kv(const struct tl_modelfile *file, const struct tl_geometry *geometry)
{
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++)
        if (tl_modelfile_tensor(file, i)->number != tl_number(TL_NUMBER_F32))
            return tl_number(geometry->kv_rank ? TL_NUMBER_BF16 : TL_NUMBER_F16);
    return tl_number(TL_NUMBER_F32);
}

/* Names, shapes, formats and places of all tensors, and what changes the state's bits. */
static uint64_t fingerprint(const struct tl_model *model, bool exact)
{
    uint64_t total = tl_modelfile_bytes(model->file), hash = tl_hash_bytes(&total, sizeof(total), exact);
    hash = tl_hash_bytes(model->cache.format->name, strlen(model->cache.format->name), hash);
    for (uint64_t i = 0; i < tl_modelfile_tensors(model->file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(model->file, i);
        hash = tl_hash_bytes(tensor->name, strlen(tensor->name), hash);
        hash = tl_hash_bytes(tensor->shape, sizeof(tensor->shape), hash);
        hash = tl_hash_bytes(tensor->type_name, strlen(tensor->type_name), hash);
        hash = tl_hash_bytes(&tensor->offset, sizeof(tensor->offset), hash);
    }
    return hash;
}

static int build(struct tl_model *model, const struct tl_model_choices *choices)
{
    struct tl_file_binding binding = { .file = model->file, .geometry = &model->geometry };
    int status = 0;
    if (choices->geometry)
        model->geometry = *choices->geometry;
    else
        status = tl_geometry_read(model->file, &model->geometry);
    const struct tl_number *kv = choices->kv ? choices->kv : default_kv(model->file, &model->geometry);
    if (status >= 0)
        status = apply_rope_factors(model);
    if (status >= 0 && kv->id == TL_NUMBER_Q8_0 && (model->geometry.head_dim % 32 || model->geometry.v_dim % 32))
        status = tl_fail(TL_E_USAGE, "q8_0 keys and values need heads of a multiple of 32 dimensions, this model has %u",
                         model->geometry.head_dim);
    if (status >= 0)
        status = tl_store_new(model->file, model->meters, &model->store);
    if (status >= 0)
        status = tl_store_choose(model->store, choices->io, choices->policy, choices->lookahead);
    if (status >= 0)
        tl_store_log(model->store, choices->log, choices->log_context);
    binding.store = model->store;
    struct tl_binder binder = tl_bind_file(&binding);
    if (status >= 0)
        status = tl_program_build(&model->geometry, &binder, choices->exact, &model->program);
    if (status >= 0)
        status = tl_cache_init(&model->cache, &model->geometry, kv);
    if (status >= 0 && choices->ahead)
        status = tl_ahead_new(model, choices->exact);
    if (status >= 0)
        status = tl_model_order(model, choices->walked_back);
    if (status >= 0)
        model->cache.fingerprint = fingerprint(model, choices->exact);
    if (status >= 0 && choices->n_adapters)
        status = tl_adapt_new(model->file, &model->geometry, &model->program, choices->adapters, choices->n_adapters, &model->adapt);
    if (model->adapt)
        model->program.product_bytes += model->adapt->n_bytes;
    return status;
}

int tl_model_new(const struct tl_modelfile *file, const struct tl_model_choices *choices, struct tl_meters *meters,
                 struct tl_model **ret_model)
{
    struct tl_model *model = tl_alloc(1, sizeof(*model));
    if (!model)
        return TL_E_NOMEM;
    model->file = file;
    model->meters = meters;
    int status = build(model, choices);
    if (status < 0) {
        tl_model_free(model);
        return status;
    }
    *ret_model = model;
    return 0;
}

void tl_model_free(struct tl_model *model)
{
    if (!model)
        return;
    tl_ahead_free(model);
    tl_program_done(&model->program);
    tl_adapt_free(model->adapt);
    tl_store_free(model->store);
    tl_cache_done(&model->cache);
    tl_arena_done(&model->weights);
    tl_arena_done(&model->states);
    tl_arena_done(&model->batch);
    tl_free(model);
}

/* The one layout: on counting arenas for plans, on real ones for use. */
static int lay_out(struct tl_model *model, const struct tl_model_limits *limits, struct tl_arena *weights, struct tl_arena *states,
                   struct tl_arena *batch)
{
    struct tl_store_limits store = { .frames = limits->frames, .threads = limits->threads, .n_used = model->geometry.n_used,
                                      .trunk_bytes = limits->trunk_bytes };
    int status = tl_store_layout(model->store, &store, weights);
    if (status >= 0)
        status = tl_cache_share(&model->cache, limits->sweep);
    if (status >= 0)
        status = tl_cache_layout(&model->cache, limits->context, limits->sessions, limits->chunk, states);
    if (status >= 0)
        status = tl_step_layout(&model->step, &model->geometry, &model->program, limits, batch);
    if (status >= 0 && model->ahead)
        status = tl_ahead_layout(model, limits, states, batch);
    if (status >= 0 && model->adapt)
        tl_adapt_layout(model->adapt, model->step.max_block > model->step.max_out ? model->step.max_block : model->step.max_out,
                        limits->threads, weights, batch);
    if (status >= 0 && (weights->overflow || states->overflow || batch->overflow))
        status = tl_fail(TL_E_NOMEM, "the memory for a context of %u tokens does not fit", limits->context);
    return status;
}

int tl_model_plan(struct tl_model *model, const struct tl_model_limits *limits, struct tl_model_memory *ret_memory)
{
    struct tl_arena weights, states, batch;
    tl_arena_count(&weights);
    tl_arena_count(&states);
    tl_arena_count(&batch);
    int status = lay_out(model, limits, &weights, &states, &batch);
    if (status < 0)
        return status;
    *ret_memory = (struct tl_model_memory){ weights.used_bytes, states.used_bytes, batch.used_bytes,
                                            weights.used_bytes + states.used_bytes + batch.used_bytes };
    return 0;
}

int tl_model_place(struct tl_model *model, const struct tl_model_limits *limits)
{
    struct tl_model_memory memory;
    int status = tl_model_plan(model, limits, &memory);
    if (status >= 0 && tl_modelfile_outlined(model->file))
        status = tl_fail(TL_E_USAGE, "%s is an outline without weights: it can be planned and not run", tl_model_path(model));
    if (status >= 0)
        status = tl_arena_init(&model->weights, memory.weights);
    if (status >= 0)
        status = tl_arena_init(&model->states, memory.states);
    if (status >= 0)
        status = tl_arena_init(&model->batch, memory.batch);
    if (status >= 0)
        status = lay_out(model, limits, &model->weights, &model->states, &model->batch);
    if (status >= 0) {
        model->limits = *limits;
        model->step.model = model;
        model->step.store = model->store;
        model->step.adapt = model->adapt;
    }
    return status;
}

int tl_model_plan_weights(struct tl_model *model, const struct tl_store_limits *limits, uint64_t *ret_bytes)
{
    struct tl_arena weights;
    tl_arena_count(&weights);
    int status = tl_store_layout(model->store, limits, &weights);
    *ret_bytes = weights.used_bytes;
    return status;
}

int tl_model_place_weights(struct tl_model *model, const struct tl_store_limits *limits)
{
    uint64_t n_bytes;
    int status = tl_model_plan_weights(model, limits, &n_bytes);
    if (status >= 0)
        status = tl_arena_init(&model->weights, n_bytes);
    return status < 0 ? status : tl_store_layout(model->store, limits, &model->weights);
}

int tl_model_load(struct tl_model *model, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress, void *context)
{
    int status = tl_store_load(model->store, pool, cancel, progress, context);
    return status < 0 || !model->adapt ? status : tl_adapt_load(model->adapt, &model->cache.fingerprint);
}

const struct tl_geometry *tl_model_geometry(const struct tl_model *model) { return &model->geometry; }
const struct tl_program *tl_model_program(const struct tl_model *model) { return &model->program; }
struct tl_cache *tl_model_cache(struct tl_model *model) { return &model->cache; }
const struct tl_model_limits *tl_model_limits(const struct tl_model *model) { return &model->limits; }
const struct tl_modelfile *tl_model_file(const struct tl_model *model) { return model->file; }
const char *tl_model_path(const struct tl_model *model) { return tl_modelfile_path(model->file); }
uint64_t tl_model_weight_bytes(const struct tl_model *model) { return tl_store_bytes(model->store); }
struct tl_store *tl_model_store(const struct tl_model *model) { return model->store; }
uint32_t tl_model_logit_rows(const struct tl_model *model) { return model->step.max_out; }
const struct tl_adapt *tl_model_adapt(const struct tl_model *model) { return model->adapt; }

uint64_t tl_model_staging_bytes(const struct tl_model *model)
{
    uint64_t bytes = tl_store_staging_bytes(model->store);
    return model->adapt && model->adapt->staging_bytes > bytes ? model->adapt->staging_bytes : bytes;
}
