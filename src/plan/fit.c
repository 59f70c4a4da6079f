/* SPDX-License-Identifier: MIT */
/* Sessions in a budget. All is resident where that leaves a useful context; else routed experts are streamed, and what the
 * trunk, the states and the step leave becomes frames; where even the trunk leaves no useful context, it is streamed too,
 * and gets all that is left. What cannot fit is refused with the smallest budget that would do. */
#include "base/array.h"
#include "base/cpu.h"
#include "base/error.h"
#include "plan/fit_impl.h"

#include <inttypes.h>

enum { USUAL_CHUNK = 512, LEAST_CHUNK = 32, LEAST_CONTEXT = 256, CONTEXT_STEP = 256, CHUNK_STEP = 32 };
enum { USEFUL_CONTEXT = 4096, STREAMED_CONTEXT = 8192, STREAMED_CHUNK = 4096, FEW_SESSIONS = 4, CHUNK_SHARE = 16 };
enum { TRUNK_STEP = 1 << 20, TRUNK_STEPS = 4096 };
static const uint64_t margin_bytes = 4 << 20;        /* stacks, heap headers, the odd page */
static const uint64_t reserve_bytes = 256 << 20;     /* of what is available, left to others */

/* --- costs -------------------------------------------------------------------------------------------------------- */

int tl_fit_cost(struct tl_fitting *f, const struct tl_model_limits *limits, struct tl_fit *ret_fit, uint64_t *ret_bytes)
{
    struct tl_fit parts = {.process_bytes = f->wish->process_bytes, .margin_bytes = margin_bytes};
    int status = tl_model_plan(f->model, limits, &parts.memory);
    *ret_bytes = UINT64_MAX;
    if (status < 0)
        return status == TL_E_NOMEM || status == TL_E_BUDGET ? 0 : status;
    parts.users_bytes = f->wish->users ? f->wish->users(f->wish->users_context, f->model, limits) : 0;
    parts.staging_bytes = limits->threads * tl_model_staging_bytes(f->model);
    *ret_bytes = parts.memory.total + parts.users_bytes + parts.staging_bytes + parts.process_bytes + parts.margin_bytes;
    if (ret_fit) {
        ret_fit->memory = parts.memory;
        ret_fit->users_bytes = parts.users_bytes;
        ret_fit->staging_bytes = parts.staging_bytes;
        ret_fit->process_bytes = parts.process_bytes;
        ret_fit->margin_bytes = parts.margin_bytes;
        ret_fit->planned_bytes = *ret_bytes;
    }
    return 0;
}

/* No step computes more tokens than all sessions together can hold. */
static struct tl_model_limits clamped(const struct tl_model_limits *limits)
{
    struct tl_model_limits clamped = *limits;
    if (!limits->sweep)
        clamped.chunk = tl_fit_least(limits->chunk, (uint64_t)limits->context * limits->sessions);
    return clamped;
}

int tl_fit_fits(struct tl_fitting *f, const struct tl_model_limits *limits, uint64_t most_bytes)
{
    struct tl_model_limits tried = clamped(limits);
    uint64_t bytes;
    int status = tl_fit_cost(f, &tried, NULL, &bytes);
    return status < 0 ? status : bytes <= most_bytes;
}

int tl_fit_refuse(struct tl_fitting *f, const struct tl_model_limits *limits)
{
    struct tl_model_limits tried = clamped(limits);
    uint64_t needed;
    int status = tl_fit_cost(f, &tried, NULL, &needed);
    if (status < 0)
        return status;
    if (needed == UINT64_MAX)
        return tl_model_plan(f->model, &tried, &f->fit->memory);
    return tl_fail(TL_E_BUDGET, "%s needs at least %" PRIu64 " MiB for a context of %u tokens, the budget is %" PRIu64 " MiB",
                   tl_model_path(f->model), (needed + (1u << 20) - 1) >> 20, limits->context, f->budget_bytes >> 20);
}

/* --- rungs -------------------------------------------------------------------------------------------------------- */

static uint64_t limit_of(const struct tl_model_limits *limits, enum tl_fit_quantity quantity)
{
    switch (quantity) {
    case TL_QUANTITY_CONTEXT:  return limits->context;
    case TL_QUANTITY_SESSIONS: return limits->sessions;
    case TL_QUANTITY_CHUNK:    return limits->chunk;
    case TL_QUANTITY_FRAMES:   return limits->frames;
    default:                   return limits->trunk_bytes;
    }
}

static void set_limit(struct tl_model_limits *limits, enum tl_fit_quantity quantity, uint64_t value)
{
    switch (quantity) {
    case TL_QUANTITY_CONTEXT:  limits->context = (uint32_t)value; break;
    case TL_QUANTITY_SESSIONS: limits->sessions = (uint32_t)value; break;
    case TL_QUANTITY_CHUNK:    limits->chunk = (uint32_t)value; break;
    case TL_QUANTITY_FRAMES:   limits->frames = (uint32_t)value; break;
    default:                   limits->trunk_bytes = value; break;
    }
}

/* A value between low, whose costs fit, and high, whose costs do not: where a straight line says, or every other time
 * in the middle. */
struct bracket { uint64_t low, high, low_bytes, high_bytes; };

static uint64_t guess(const struct bracket *b, uint64_t most_bytes, uint32_t turn)
{
    uint64_t middle = b->low + (b->high - b->low) / 2;
    if (turn % 2 || b->high_bytes == UINT64_MAX || b->high_bytes <= b->low_bytes)
        return middle;
    double share = (double)(most_bytes - b->low_bytes) / (double)(b->high_bytes - b->low_bytes);
    uint64_t at = b->low + (uint64_t)(share * (double)(b->high - b->low));
    return at <= b->low ? b->low + 1 : at >= b->high ? b->high - 1 : at;
}

static int cost_of(struct tl_fitting *f, struct tl_model_limits *tried, enum tl_fit_quantity quantity, uint64_t value, uint64_t *ret_bytes)
{
    set_limit(tried, quantity, value);
    struct tl_model_limits limits = clamped(tried);
    return tl_fit_cost(f, &limits, NULL, ret_bytes);
}

int tl_fit_raise(struct tl_fitting *f, struct tl_model_limits *limits, enum tl_fit_quantity quantity, uint64_t goal, uint64_t step,
                 uint64_t most_bytes)
{
    struct tl_model_limits tried = *limits;
    uint64_t begin = limit_of(limits, quantity), bytes, at;
    struct bracket b = {begin / step, (goal + step - 1) / step, 0, 0};       /* in whole steps */
    if (begin >= goal)
        return 1;
    int status = cost_of(f, &tried, quantity, begin, &b.low_bytes);
    if (status >= 0)
        status = cost_of(f, &tried, quantity, goal, &b.high_bytes);
    if (status < 0 || b.high_bytes <= most_bytes) {
        *limits = status < 0 ? *limits : tried;
        return status < 0 ? status : 1;
    }
    for (uint32_t turn = 0; b.high - b.low > 1 && b.low_bytes <= most_bytes; turn++) {
        at = guess(&b, most_bytes, turn);
        if ((status = cost_of(f, &tried, quantity, at * step, &bytes)) < 0)
            return status;
        *(bytes <= most_bytes ? &b.low : &b.high) = at;
        *(bytes <= most_bytes ? &b.low_bytes : &b.high_bytes) = bytes;
    }
    if (b.low * step > begin)
        set_limit(limits, quantity, b.low * step);
    return 0;
}

struct rung { enum tl_fit_quantity quantity; uint64_t goal, step; };

/* 1: to the end of the last one. */
static int climb(struct tl_fitting *f, const struct rung *rungs, uint32_t n, struct tl_model_limits *limits)
{
    int status = 1;
    for (uint32_t i = 0; i < n && status > 0; i++)
        status = tl_fit_raise(f, limits, rungs[i].quantity, rungs[i].goal, rungs[i].step, f->budget_bytes);
    return status;
}

int tl_fit_widen(struct tl_fitting *f, struct tl_model_limits *limits, uint64_t most_bytes)
{
    uint64_t trunk = tl_store_trunk_bytes(f->store), step = trunk / TRUNK_STEPS < TRUNK_STEP ? TRUNK_STEP : trunk / TRUNK_STEPS;
    if (limits->trunk_bytes)
        return f->wish->trunk_bytes ? 1 : tl_fit_raise(f, limits, TL_QUANTITY_TRUNK, trunk - 1, step, most_bytes);
    if (limits->frames && !f->wish->frames)
        return tl_fit_raise(f, limits, TL_QUANTITY_FRAMES, tl_store_experts(f->store), 1, most_bytes);
    return 1;
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

static bool fixed_context(const struct tl_fit_wish *wish) { return wish->context && !wish->shorter_context; }

/* The limits that a way begins with: the least there can be, but for the context. */
static struct tl_model_limits floor_of(const struct tl_fitting *f, uint32_t context, uint32_t least_context)
{
    const struct tl_fit_wish *wish = f->wish;
    uint32_t sessions = wish->sessions ? wish->sessions : 1;
    return (struct tl_model_limits){
        .context = fixed_context(wish) ? wish->context : tl_fit_least(context, least_context), .sessions = wish->fewer_sessions ? 1 : sessions,
        .chunk = wish->chunk ? wish->chunk : LEAST_CHUNK, .threads = wish->threads, .block = wish->block,
    };
}

/* The most that is of use. */
static uint32_t whole_context(const struct tl_fitting *f, uint32_t usual)
{
    uint32_t trained = f->geometry->context;
    if (f->wish->context)
        return f->wish->shorter_context ? tl_fit_least(f->wish->context, trained) : f->wish->context;
    return tl_fit_least(trained, usual);
}

static int climb_sessions(struct tl_fitting *f, uint32_t context, uint32_t easy_frames, struct tl_model_limits *limits)
{
    uint32_t sessions = f->wish->sessions ? f->wish->sessions : 1, better = f->wish->better_chunk && f->fit->way == TL_FIT_RESIDENT ? f->wish->better_chunk : USUAL_CHUNK;
    const struct rung rungs[] = {
        {TL_QUANTITY_CONTEXT, tl_fit_least(context, USEFUL_CONTEXT), CONTEXT_STEP},
        {TL_QUANTITY_FRAMES, easy_frames, 1},
        {TL_QUANTITY_SESSIONS, tl_fit_least(sessions, FEW_SESSIONS), 1},
        {TL_QUANTITY_CHUNK, f->wish->chunk ? 0 : tl_fit_least(better, USUAL_CHUNK), CHUNK_STEP},
        {TL_QUANTITY_CONTEXT, context, CONTEXT_STEP},
        {TL_QUANTITY_SESSIONS, sessions, 1},
        {TL_QUANTITY_CHUNK, f->wish->chunk ? 0 : better, CHUNK_STEP},        /* nothing is less for it */
    };
    return climb(f, rungs, TL_COUNT(rungs), limits);
}

/* A long chunk saves sweeps over what is streamed, and costs memory: at most a share of the budget, which is set aside
 * whether or not all of it is used, so that what else there is never shrinks for it. */
static int fill_streamed(struct tl_fitting *f, struct tl_model_limits *limits)
{
    struct tl_model_limits longest = clamped(limits), now = longest;
    uint64_t without, with, share = 0;
    longest.chunk = tl_fit_least(STREAMED_CHUNK, (uint64_t)limits->context * limits->sessions);
    int status = tl_fit_cost(f, &now, NULL, &without);
    if (status >= 0 && !f->wish->chunk && longest.chunk > limits->chunk) {
        status = tl_fit_cost(f, &longest, NULL, &with);
        uint64_t most = f->budget_bytes / CHUNK_SHARE, left = f->budget_bytes - without;
        share = with - without < most ? with - without : most;
        share = share < left ? share : left;
        if (status >= 0)
            status = tl_fit_raise(f, limits, TL_QUANTITY_CHUNK, longest.chunk, CHUNK_STEP, without + share);
        now = *limits;
        if (status >= 0)
            status = tl_fit_cost(f, &now, NULL, &with);
        share -= with - without < share ? with - without : share;
    }
    return status < 0 ? status : tl_fit_widen(f, limits, f->budget_bytes - share);
}

/* --- ways: 1 where their least limits fit ------------------------------------------------------------------------ */

static struct tl_model_limits resident_floor(const struct tl_fitting *f, uint32_t least_context)
{
    return floor_of(f, whole_context(f, UINT32_MAX), least_context);
}

static struct tl_model_limits experts_floor(const struct tl_fitting *f)
{
    struct tl_model_limits limits = floor_of(f, whole_context(f, STREAMED_CONTEXT), f->passes ? USEFUL_CONTEXT : LEAST_CONTEXT);
    limits.frames = f->wish->frames ? f->wish->frames : f->passes ? tl_fit_easy_frames(f) : tl_store_least_frames(f->store);
    return limits;
}

static struct tl_model_limits trunk_floor(const struct tl_fitting *f)
{
    struct tl_model_limits limits = floor_of(f, whole_context(f, USEFUL_CONTEXT), LEAST_CONTEXT);
    limits.frames = !f->experts ? 0 : f->wish->frames ? f->wish->frames : tl_store_least_frames(f->store);
    limits.trunk_bytes = f->wish->trunk_bytes ? f->wish->trunk_bytes : 1;
    return limits;
}

/* What a small model would save by passing through memory may be less than what that takes: then it never does. */
static int drop_useless_ways(struct tl_fitting *f)
{
    struct tl_model_limits limits = resident_floor(f, LEAST_CONTEXT);
    uint64_t resident, streamed;
    int status = tl_fit_cost(f, &limits, NULL, &resident);
    if (status >= 0 && f->passes && !f->wish->trunk_bytes) {
        limits = trunk_floor(f);
        status = tl_fit_cost(f, &limits, NULL, &streamed);
        f->passes = streamed < resident;
    }
    if (status >= 0 && f->experts && !f->passes && !f->wish->frames) {
        limits = experts_floor(f);
        status = tl_fit_cost(f, &limits, NULL, &streamed);
        f->experts = streamed < resident;
    }
    return status;
}

static int try_resident(struct tl_fitting *f, struct tl_model_limits *limits)
{
    struct tl_model_limits tried = resident_floor(f, f->experts ? STREAMED_CONTEXT : f->passes ? USEFUL_CONTEXT : LEAST_CONTEXT);
    if (f->experts && !f->wish->chunk)                   /* some experts less in memory cost little */
        tried.chunk = USUAL_CHUNK;
    *limits = clamped(&tried);
    int status = tl_fit_cost(f, limits, NULL, &f->fit->resident_bytes);
    if (status < 0 || (f->wish->frames && f->experts) || (f->wish->trunk_bytes && f->passes) || f->fit->resident_bytes > f->budget_bytes)
        return status;
    f->fit->way = TL_FIT_RESIDENT;
    *limits = tried;
    status = climb_sessions(f, whole_context(f, UINT32_MAX), 0, limits);
    return status < 0 ? status : 1;
}

static int try_streamed(struct tl_fitting *f, enum tl_fit_way way, uint32_t context, struct tl_model_limits *limits)
{
    bool widens = f->experts && !f->wish->frames;
    int status = tl_fit_fits(f, limits, f->budget_bytes);
    if (status <= 0)
        return status;
    f->fit->way = way;
    status = climb_sessions(f, context, widens ? tl_fit_easy_frames(f) : 0, limits);
    if (status > 0)
        status = fill_streamed(f, limits);
    return status < 0 ? status : 1;
}

static int fit_sessions(struct tl_fitting *f, struct tl_model_limits *limits)
{
    int status = drop_useless_ways(f);
    if (status >= 0)
        status = try_resident(f, limits);
    if (status == 0 && f->experts && !(f->wish->trunk_bytes && f->passes)) {
        *limits = experts_floor(f);
        status = try_streamed(f, TL_FIT_EXPERTS_PASS, whole_context(f, STREAMED_CONTEXT), limits);
    }
    if (status == 0 && f->passes) {
        *limits = trunk_floor(f);
        status = try_streamed(f, TL_FIT_TRUNK_PASSES, whole_context(f, USEFUL_CONTEXT), limits);
    }
    if (status == 0)
        return tl_fit_refuse(f, limits);
    *limits = clamped(limits);
    return status;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static int budget_of(const struct tl_fit_wish *wish, uint64_t *ret_bytes)
{
    double ram = wish->machine->value[TL_FACT_RAM];
    *ret_bytes = wish->ram_bytes ? wish->ram_bytes : (uint64_t)ram;
    if (!*ret_bytes)
        return tl_fail(TL_E_USAGE, "it is not known how much memory there is: --ram says it");
    if (!wish->ram_bytes && wish->machine->source[TL_FACT_RAM] <= TL_SOURCE_ASKED)
        *ret_bytes -= *ret_bytes / 16 < reserve_bytes ? *ret_bytes / 16 : reserve_bytes;
    return 0;
}

static enum tl_fit_why context_why(const struct tl_fitting *f, uint32_t context)
{
    if (fixed_context(f->wish) || (f->wish->context && context >= f->wish->context))
        return TL_FIT_ASKED;
    if (context >= f->geometry->context)
        return TL_FIT_MODEL;
    bool sweeps = f->wish->score_tokens > 0;
    return sweeps || context >= whole_context(f, f->fit->way == TL_FIT_TRUNK_PASSES ? USEFUL_CONTEXT : STREAMED_CONTEXT) ? TL_FIT_USUAL : TL_FIT_BUDGET;
}

/* Why, and what explanations need. */
static void tell(struct tl_fitting *f)
{
    struct tl_fit *fit = f->fit;
    const struct tl_model_limits *l = &fit->limits;
    const struct tl_fit_wish *wish = f->wish;
    uint64_t most = l->sweep ? wish->score_tokens : (uint64_t)l->context * l->sessions;
    uint32_t usual = fit->way == TL_FIT_RESIDENT ? USUAL_CHUNK : STREAMED_CHUNK;
    fit->context_why = context_why(f, l->context);
    fit->sessions_why = l->sweep || !wish->sessions ? TL_FIT_USUAL : l->sessions >= wish->sessions ? TL_FIT_ASKED : TL_FIT_BUDGET;
    fit->chunk_why = wish->chunk ? TL_FIT_ASKED : l->chunk >= most ? TL_FIT_MODEL : l->sweep ? fit->chunk_why
                   : l->chunk >= usual ? TL_FIT_USUAL : TL_FIT_BUDGET;
    fit->held_why = fit->way == TL_FIT_RESIDENT ? TL_FIT_MODEL
                  : (fit->way == TL_FIT_EXPERTS_PASS ? wish->frames > 0 : wish->trunk_bytes > 0) ? TL_FIT_ASKED : TL_FIT_BUDGET;
    fit->budget_bytes = f->budget_bytes;
    fit->weight_bytes = tl_model_weight_bytes(f->model);
    fit->trunk_bytes = tl_store_trunk_bytes(f->store);
    fit->passing_bytes = tl_store_passing_bytes(f->store);
    fit->ring_bytes = tl_store_ring_bytes(f->store);
    fit->frame_bytes = tl_store_frame_bytes(f->store);
    fit->token_bytes = tl_cache_token_bytes(tl_model_cache(f->model));
    fit->n_experts = tl_store_experts(f->store);
    fit->n_used = f->geometry->n_used;
    fit->trained_context = f->geometry->context;
    fit->drive_rate = f->machine->value[TL_FACT_DRIVE];
    fit->looks_ahead = tl_store_looks_ahead(f->store);
}

int tl_fit_make(struct tl_model *model, const struct tl_fit_wish *given, struct tl_fit *ret_fit)
{
    struct tl_machine machine;
    struct tl_fit_wish wish = *given;
    struct tl_fit fit = {.threads_asked = given->threads > 0};
    struct tl_fitting f = {.model = model, .store = tl_model_store(model), .geometry = tl_model_geometry(model), .wish = &wish, .fit = &fit};
    if (!wish.machine) {
        tl_machine_ask(NULL, &machine);
        tl_machine_finish(&machine);
        wish.machine = &machine;
    }
    f.machine = wish.machine;
    wish.threads = wish.threads ? wish.threads : (uint32_t)wish.machine->value[TL_FACT_THREADS];
    f.experts = tl_store_experts(f.store) > tl_store_least_frames(f.store);
    f.passes = tl_store_may_pass(f.store);
    int status = budget_of(&wish, &f.budget_bytes);
    if (status >= 0)
        status = (wish.score_tokens ? tl_fit_sweep : fit_sessions)(&f, &fit.limits);
    if (status >= 0)
        status = tl_fit_cost(&f, &fit.limits, &fit, &fit.planned_bytes);
    if (status < 0)
        return status;
    if (fit.way == TL_FIT_RESIDENT)
        fit.resident_bytes = fit.planned_bytes;
    tell(&f);
    *ret_fit = fit;
    return 0;
}
