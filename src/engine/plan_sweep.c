/* SPDX-License-Identifier: MIT */
/* How many tokens a sweep takes. A sweep reads the model once, whatever it scores: with N* tokens reading and arithmetic
 * take the same time (N* = bytes / drive * rate / (2 * active parameters)). A streamed model takes
 * up to 16 N* (8 are enough) where budget and text allow, in sweeps of equal length; one in memory takes enough to fill its blocks. A
 * sweep holds whole windows, so a window is the least. */
#include "base/error.h"
#include "engine/plan_sweep.h"
#include "engine/taps.h"
#include "engine/teacher.h"
#include "engine/windows.h"

enum { RESIDENT_TOKENS = 4096, MOST_FACTOR = 16, LEAST_BLOCK = 64, MOST_CHUNK = 1 << 20, SPARE_WINDOWS = 62, SPARE_RECORDS = 14 };
enum { USUAL_WINDOW = 2048, USUAL_BLOCK = 512, TOKEN_BYTES = 16, TEXT_TOKEN_BYTES = 24 };     /* a token of a sweep; of the text: id, value, a share of the text itself */
static const double usual_drive = 2e9, usual_rate = 1.5e11;           /* bytes/s; operations/s and thread */

static uint32_t least(uint64_t a, uint64_t b) { return (uint32_t)(a < b ? a : b); }

/* Texts may be short, and then a sweep has more windows; where each has a recurrent state, fewer are provided for. */
static uint32_t windows_of(struct tl_engine *engine, const struct tl_model_limits *limits)
{
    bool recurrent = tl_model_cache(engine->model)->records.n_layers > 0;
    return 2 * (limits->chunk / limits->context) + (recurrent ? SPARE_RECORDS : SPARE_WINDOWS);
}

uint64_t tl_sweep_bytes(const struct tl_engine *engine, const struct tl_model_limits *limits)
{
    uint64_t window = sizeof(struct tl_window) + sizeof(struct tl_span) + sizeof(struct tl_state) + 3 * sizeof(void *) +
                      TL_MAX_GROUPS * (limits->context / TL_PAGE_TOKENS + 1) * sizeof(void *);
    uint64_t teacher = (uint64_t)TL_TEACHER_ROWS * (16 + 9 * TL_TEACHER_DRAWS + tl_model_geometry(engine->model)->vocab / 32);
    return limits->sessions * window + limits->chunk * (uint64_t)TOKEN_BYTES + engine->score_tokens * (uint64_t)TEXT_TOKEN_BYTES + teacher +
           tl_taps_bytes(engine->model, engine->score_taps);
}

/* N*, of drives and processors as they usually are. */
static double break_even(const struct tl_engine *engine)
{
    double bytes = (double)tl_model_weight_bytes(engine->model), active = (double)tl_model_program(engine->model)->active_parameters;
    return bytes / usual_drive * usual_rate * tl_pool_threads(engine->pool) / (2 * (active > 0 ? active : 1));
}

/* Sweeps of equal length, whole windows. */
static uint32_t share(uint64_t tokens, uint64_t most, uint32_t window)
{
    uint64_t n_sweeps = (tokens + most - 1) / most, each = (tokens + n_sweeps - 1) / n_sweeps;
    each = (each + window - 1) / window * window;
    return least(each > window ? each : window, MOST_CHUNK > window ? MOST_CHUNK / window * window : window);
}

static void size_sweep(struct tl_engine *engine, const struct tl_engine_options *options, bool streams, struct tl_model_limits *limits)
{
    double even = break_even(engine), most = streams ? MOST_FACTOR * even : RESIDENT_TOKENS;
    if (most < RESIDENT_TOKENS)
        most = RESIDENT_TOKENS;
    if (options->chunk)
        limits->chunk = options->chunk > limits->context ? options->chunk / limits->context * limits->context : limits->context;
    else
        limits->chunk = share(engine->score_tokens, most < MOST_CHUNK ? (uint64_t)most : MOST_CHUNK, limits->context);
    limits->sessions = windows_of(engine, limits);
}

/* 1: fits; 0: not even a window, in small blocks. Long sweeps give way first. */
static int shrink(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *limits)
{
    for (;;) {
        int status = tl_plan_total(engine, limits, &engine->planned_bytes);
        if (status < 0 && status != TL_E_NOMEM && status != TL_E_BUDGET)
            return status;
        if (status >= 0 && engine->planned_bytes <= engine->budget_bytes)
            return 1;
        if (limits->chunk > limits->context)
            limits->chunk = limits->chunk / 2 > limits->context ? limits->chunk / 2 / limits->context * limits->context : limits->context;
        else if (!options->block && limits->block > LEAST_BLOCK)
            limits->block /= 2;
        else
            return 0;
        limits->sessions = windows_of(engine, limits);
    }
}

static int refuse(struct tl_engine *engine, const struct tl_model_limits *limits)
{
    uint64_t needed;
    int status = tl_plan_total(engine, limits, &needed);
    return status < 0 ? status : tl_plan_refuse(engine, limits, needed);
}

/* Streams the experts, and the trunk too where it leaves less than half of the tokens that a sweep should have: read once
 * a sweep, its bytes matter less than theirs. */
static int plan_streamed(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *limits)
{
    struct tl_store *store = tl_model_store(engine->model);
    bool experts = tl_store_experts(store) > tl_store_least_frames(store), passes = tl_store_may_pass(store);
    limits->frames = !experts ? 0 : options->frames ? options->frames : tl_store_least_frames(store);
    size_sweep(engine, options, true, limits);
    struct tl_model_limits trunk = *limits;
    int status = options->trunk_bytes && passes ? 0 : shrink(engine, options, limits);
    if (status < 0)
        return status;
    if (passes && (status == 0 || 2 * (uint64_t)limits->chunk < trunk.chunk)) {
        trunk.trunk_bytes = options->trunk_bytes ? options->trunk_bytes : 1;
        if (experts && !options->frames)
            trunk.frames = least(tl_store_experts(store) - 1, tl_store_easy_frames(store, tl_model_geometry(engine->model)->n_used));
        status = shrink(engine, options, &trunk);
        if (status > 0)
            *limits = trunk;
    }
    if (status <= 0)
        return status;
    if (limits->trunk_bytes && !options->trunk_bytes)
        status = tl_plan_widen_trunk(engine, limits);
    if (!limits->trunk_bytes && limits->frames && !options->frames)
        status = tl_plan_widen(engine, limits);
    return status < 0 ? status : 1;
}

int tl_sweep_plan(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *ret_limits)
{
    struct tl_store *store = tl_model_store(engine->model);
    bool experts = tl_store_experts(store) > tl_store_least_frames(store), passes = tl_store_may_pass(store);
    bool asked = (options->frames && experts) || (options->trunk_bytes && passes);
    struct tl_model_limits limits = { .sweep = true, .threads = tl_pool_threads(engine->pool) };
    limits.context = options->context ? options->context : least(tl_model_geometry(engine->model)->context, USUAL_WINDOW);
    limits.block = options->block ? options->block : options->chunk ? least(options->chunk, USUAL_BLOCK) : USUAL_BLOCK;
    struct tl_model_limits streamed = limits;
    size_sweep(engine, options, false, &limits);
    int status = asked ? 0 : shrink(engine, options, &limits);
    if (status == 0 && (experts || passes)) {
        limits = streamed;
        status = plan_streamed(engine, options, &limits);
    }
    if (status == 0)
        return refuse(engine, &limits);
    if (status > 0)
        *ret_limits = limits;
    return status < 0 ? status : 0;
}
