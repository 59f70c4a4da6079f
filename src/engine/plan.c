/* SPDX-License-Identifier: MIT */
/* Fits a model into the budget: the same layouts that will be used, run on counting arenas. All is resident where that
 * leaves a useful context; else routed experts are streamed, and what the trunk, the states and the step leave becomes
 * frames; where even the trunk leaves no useful context, it is streamed too, and gets all that is left. What is not asked
 * for by name (context, chunk), or only wished for (sessions too), shrinks until it fits; what cannot fit is refused with
 * the smallest budget that would do. */
#include "base/cpu.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/plan_sweep.h"

enum { DEFAULT_CHUNK = 512, LEAST_CHUNK = 32, LEAST_CONTEXT = 256 };
enum { USEFUL_CONTEXT = 4096, STREAMED_CONTEXT = 8192, STREAMED_CHUNK = 4096, FEW_SESSIONS = 4, CHUNK_SHARE = 16 };
enum { STEP_TOKEN_BYTES = 48 };                      /* the scheduler's lists, a token */
static const uint64_t margin_bytes = 4 << 20;        /* stacks, heap headers, the odd page */

static uint64_t budget_of(const struct tl_engine_options *options)
{
    if (options->ram_bytes)
        return options->ram_bytes;
    uint64_t available = tl_cpu_memory_available() + tl_cpu_rss(), reserve = available / 16;
    return available - (reserve < (256u << 20) ? reserve : 256u << 20);
}

int tl_plan_total(struct tl_engine *engine, const struct tl_model_limits *limits, uint64_t *ret_bytes)
{
    struct tl_model_memory memory;
    int status = tl_model_plan(engine->model, limits, &memory);
    if (status < 0)
        return status;
    uint32_t vocab = tl_model_geometry(engine->model)->vocab;
    uint64_t session = tl_sampler_bytes(vocab) + vocab * sizeof(float) + limits->context * sizeof(int32_t);
    uint64_t users = limits->sweep ? tl_sweep_bytes(engine, limits) : limits->sessions * session;
    *ret_bytes = memory.total + users + limits->chunk * (uint64_t)STEP_TOKEN_BYTES +
                 limits->threads * (uint64_t)tl_model_staging_bytes(engine->model) + tl_cpu_rss() + margin_bytes;
    return 0;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Is the context a demand? */
static bool fixed_context(const struct tl_engine_options *options) { return options->context && !options->shorter_context; }

int tl_plan_refuse(struct tl_engine *engine, const struct tl_model_limits *limits, uint64_t needed)
{
    return tl_fail(TL_E_BUDGET, "%s needs at least %llu MiB for a context of %u tokens, the budget is %llu MiB",
                   tl_modelfile_path(engine->file), (unsigned long long)((needed + (1u << 20) - 1) >> 20), limits->context,
                   (unsigned long long)(engine->budget_bytes >> 20));
}

static int refuse(struct tl_engine *engine, struct tl_model_limits limits, const struct tl_engine_options *options)
{
    uint64_t needed;
    if (!fixed_context(options))
        limits.context = least(limits.context, LEAST_CONTEXT);
    if (options->fewer_sessions)
        limits.sessions = 1;
    if (!options->chunk)
        limits.chunk = LEAST_CHUNK;
    int status = tl_plan_total(engine, &limits, &needed);
    return status < 0 ? status : tl_plan_refuse(engine, &limits, needed);
}

/* Shrinks what was not asked for until the limits fit. 1: they do; 0: they do not with a context of least_context. */
static int shrink(struct tl_engine *engine, const struct tl_engine_options *options, uint32_t least_context, struct tl_model_limits *limits)
{
    for (;;) {
        uint64_t most = (uint64_t)limits->context * limits->sessions;        /* that can wait to be computed */
        limits->chunk = limits->chunk < most ? limits->chunk : (uint32_t)most;
        int status = tl_plan_total(engine, limits, &engine->planned_bytes);
        if (status < 0 && status != TL_E_NOMEM && status != TL_E_BUDGET)
            return status;
        if (status >= 0 && engine->planned_bytes <= engine->budget_bytes)
            return 1;
        if (options->fewer_sessions && limits->sessions > FEW_SESSIONS)
            limits->sessions -= limits->sessions / 16 + 1;
        else if (!fixed_context(options) && limits->context > least_context)
            limits->context = limits->context / 2 > least_context ? limits->context / 2 : least_context;
        else if (!options->chunk && limits->chunk > LEAST_CHUNK)
            limits->chunk = limits->chunk / 2 > LEAST_CHUNK ? limits->chunk / 2 : LEAST_CHUNK;
        else if (options->fewer_sessions && limits->sessions > 1)
            limits->sessions--;
        else
            return 0;
    }
}

/* What the budget leaves becomes frames, up to one less than there are experts. */
int tl_plan_widen(struct tl_engine *engine, struct tl_model_limits *limits)
{
    struct tl_store *store = tl_model_store(engine->model);
    uint64_t left = (engine->budget_bytes - engine->planned_bytes) / tl_store_frame_bytes(store), most = tl_store_experts(store);
    uint32_t frames = limits->frames;
    left = left < most - frames ? left : most - frames;
    for (int fits = 0; !fits; left -= left / 256 + 1) {       /* what belongs to a frame takes a little too */
        limits->frames = frames + (uint32_t)left;
        int status = tl_plan_total(engine, limits, &engine->planned_bytes);
        if (status < 0 || left == 0)
            return status;
        fits = engine->planned_bytes <= engine->budget_bytes;
    }
    return 0;
}

/* What the budget leaves becomes memory for the trunk. */
int tl_plan_widen_trunk(struct tl_engine *engine, struct tl_model_limits *limits)
{
    uint64_t left = engine->budget_bytes - engine->planned_bytes, all = tl_store_trunk_bytes(tl_model_store(engine->model));
    uint64_t low = limits->trunk_bytes, high = low + left < all ? all : low + left;
    high = high < all ? high : all - 1;
    while (low < high) {
        struct tl_model_limits tried = *limits;
        tried.trunk_bytes = low + (high - low + 1) / 2;
        int status = tl_plan_total(engine, &tried, &engine->planned_bytes);
        if (status < 0)
            return status;
        if (engine->planned_bytes <= engine->budget_bytes)
            low = tried.trunk_bytes;
        else
            high = tried.trunk_bytes - 1;
    }
    limits->trunk_bytes = low;
    return tl_plan_total(engine, limits, &engine->planned_bytes);
}

/* A long chunk saves sweeps over what is streamed, and costs memory: at most a share of the budget, once all else fits. */
static void raise_chunk(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *limits)
{
    struct tl_model_limits wide = *limits;
    uint64_t without, with;
    if (options->chunk || tl_plan_total(engine, limits, &without) < 0)
        return;
    for (wide.chunk = least(limits->context, STREAMED_CHUNK); wide.chunk > limits->chunk; wide.chunk /= 2)
        if (tl_plan_total(engine, &wide, &with) >= 0 && with <= engine->budget_bytes && with - without <= engine->budget_bytes / CHUNK_SHARE)
            limits->chunk = wide.chunk;
    if (tl_plan_total(engine, limits, &without) >= 0)
        engine->planned_bytes = without;
}

static int plan_trunk_streamed(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits limits,
                               struct tl_model_limits *ret_limits)
{
    const struct tl_store *store = tl_model_store(engine->model);
    struct tl_model_limits easy = limits;
    easy.trunk_bytes = limits.trunk_bytes = options->trunk_bytes ? options->trunk_bytes : 1;
    if (limits.frames && !options->frames)
        easy.frames = least(tl_store_experts(store) - 1, tl_store_easy_frames(store, tl_model_geometry(engine->model)->n_used));
    int status = shrink(engine, options, least(tl_model_geometry(engine->model)->context, USEFUL_CONTEXT), &easy);
    if (status != 0) {
        limits = easy;
    } else {
        status = shrink(engine, options, LEAST_CONTEXT, &limits);
        if (status == 0)
            return refuse(engine, limits, options);
    }
    if (status >= 0)
        raise_chunk(engine, options, &limits);
    if (status >= 0 && !options->trunk_bytes)
        status = tl_plan_widen_trunk(engine, &limits);
    *ret_limits = limits;
    return status;
}

/* Before anything shrinks. */
static struct tl_model_limits wishes(const struct tl_engine *engine, const struct tl_engine_options *options)
{
    uint32_t trained = tl_model_geometry(engine->model)->context, context = options->context ? options->context : trained;
    return (struct tl_model_limits){
        .context = options->shorter_context ? least(context, trained) : context,
        .sessions = options->sessions ? options->sessions : 1,
        .chunk = options->chunk ? options->chunk : DEFAULT_CHUNK,
        .threads = tl_pool_threads(engine->pool),
        .block = options->block,
    };
}

static int plan_streamed(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *limits)
{
    uint32_t trained = tl_model_geometry(engine->model)->context;
    const struct tl_store *store = tl_model_store(engine->model);
    bool passes = tl_store_may_pass(store), experts = tl_store_experts(store) > tl_store_least_frames(store);
    *limits = wishes(engine, options);
    limits->frames = !experts ? 0 : options->frames ? options->frames : tl_store_least_frames(store);
    limits->context = options->context ? limits->context : least(trained, STREAMED_CONTEXT);
    struct tl_model_limits trunk = *limits;
    uint32_t least_context = passes ? least(trained, USEFUL_CONTEXT) : LEAST_CONTEXT;
    int status = 0;
    if (experts && options->fewer_sessions && !options->frames && !options->trunk_bytes)     /* they leave frames that are of use */
        limits->frames = least(tl_store_experts(store) - 1, tl_store_easy_frames(store, tl_model_geometry(engine->model)->n_used));
    if (!options->trunk_bytes)
        status = shrink(engine, options, least_context, limits);
    if (status == 0 && limits->frames > trunk.frames) {
        *limits = trunk;
        status = shrink(engine, options, least_context, limits);
    }
    if (status == 0)
        return passes ? plan_trunk_streamed(engine, options, trunk, limits) : refuse(engine, *limits, options);
    if (status >= 0)
        raise_chunk(engine, options, limits);
    return status < 0 || options->frames || !limits->frames ? status : tl_plan_widen(engine, limits);
}

int tl_engine_plan(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *ret_limits)
{
    const struct tl_store *store = tl_model_store(engine->model);
    uint32_t trained = tl_model_geometry(engine->model)->context;
    bool experts = tl_store_experts(store) > tl_store_least_frames(store), streamable = experts || tl_store_may_pass(store);
    struct tl_model_limits limits = wishes(engine, options);
    engine->budget_bytes = budget_of(options);
    if (engine->score_tokens)
        return tl_sweep_plan(engine, options, ret_limits);
    bool asked = (options->frames && experts) || (options->trunk_bytes && tl_store_may_pass(store));
    int status = asked ? 0 : shrink(engine, options, streamable ? least(trained, USEFUL_CONTEXT) : LEAST_CONTEXT, &limits);
    if (status == 0)
        status = streamable ? plan_streamed(engine, options, &limits) : refuse(engine, limits, options);
    if (status >= 0)
        *ret_limits = limits;
    return status < 0 ? status : 0;
}
