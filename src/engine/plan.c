/* SPDX-License-Identifier: MIT */
/* Fits a model into the budget: the same layouts that will be used, run on counting arenas. What is not asked for by name
 * (context, chunk) shrinks until it fits; what cannot fit is refused with the smallest budget that would do. */
#include "base/cpu.h"
#include "base/error.h"
#include "engine/engine.h"

enum { DEFAULT_CHUNK = 512, LEAST_CHUNK = 32, LEAST_CONTEXT = 256 };
static const uint64_t margin_bytes = 4 << 20;        /* stacks, heap headers, the odd page */

static uint64_t budget_of(const struct tl_engine_options *options)
{
    if (options->ram_bytes)
        return options->ram_bytes;
    uint64_t available = tl_cpu_memory_available() + tl_cpu_peak_rss(), reserve = available / 16;
    return available - (reserve < (256u << 20) ? reserve : 256u << 20);
}

static int total_of(struct tl_engine *engine, const struct tl_model_limits *limits, uint64_t *ret_bytes)
{
    struct tl_model_memory memory;
    int status = tl_model_plan(engine->model, limits, &memory);
    if (status < 0)
        return status;
    uint32_t vocab = tl_model_geometry(engine->model)->vocab;
    uint64_t session = tl_sampler_bytes(vocab) + vocab * sizeof(float) + limits->context * sizeof(int32_t);
    *ret_bytes = memory.total + limits->sessions * session + limits->threads * (uint64_t)tl_model_staging_bytes(engine->model) +
                 tl_cpu_peak_rss() + margin_bytes;
    return 0;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static int refuse(struct tl_engine *engine, struct tl_model_limits limits, const struct tl_engine_options *options, uint64_t budget)
{
    uint64_t needed;
    if (!options->context)
        limits.context = least(limits.context, LEAST_CONTEXT);
    if (!options->chunk)
        limits.chunk = LEAST_CHUNK;
    int status = total_of(engine, &limits, &needed);
    if (status < 0)
        return status;
    return tl_fail(TL_E_BUDGET, "%s needs at least %llu MiB for a context of %u tokens, the budget is %llu MiB",
                   tl_modelfile_path(engine->file), (unsigned long long)((needed + (1u << 20) - 1) >> 20), limits.context,
                   (unsigned long long)(budget >> 20));
}

int tl_engine_plan(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *ret_limits)
{
    uint32_t trained = tl_model_geometry(engine->model)->context;
    struct tl_model_limits limits = {
        .context = options->context ? options->context : trained,
        .sessions = options->sessions ? options->sessions : 1,
        .chunk = options->chunk ? options->chunk : DEFAULT_CHUNK,
        .threads = tl_pool_threads(engine->pool),
    };
    uint64_t budget = engine->budget_bytes = budget_of(options);
    for (;;) {
        limits.chunk = least(limits.chunk, limits.context);
        int status = total_of(engine, &limits, &engine->planned_bytes);
        if (status < 0 && status != TL_E_NOMEM && status != TL_E_BUDGET)
            return status;
        if (status >= 0 && engine->planned_bytes <= budget)
            break;
        if (!options->context && limits.context > LEAST_CONTEXT)
            limits.context = limits.context / 2 > LEAST_CONTEXT ? limits.context / 2 : LEAST_CONTEXT;
        else if (!options->chunk && limits.chunk > LEAST_CHUNK)
            limits.chunk = limits.chunk / 2 > LEAST_CHUNK ? limits.chunk / 2 : LEAST_CHUNK;
        else
            return refuse(engine, limits, options, budget);
    }
    *ret_limits = limits;
    return 0;
}
