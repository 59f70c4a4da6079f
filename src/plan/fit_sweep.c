/* SPDX-License-Identifier: MIT */
/* How many tokens a sweep takes. A sweep reads the model once, whatever it scores: with N* tokens reading and arithmetic
 * take the same time. A streamed model takes up to 16 N* (8 are enough) where budget and text allow, in sweeps of equal
 * length; one in memory takes enough to fill its blocks. A sweep holds whole windows, so a window is the least. */
#include "base/error.h"
#include "plan/cost.h"
#include "plan/fit_impl.h"

enum { RESIDENT_TOKENS = 4096, MOST_FACTOR = 16, LEAST_BLOCK = 64, MOST_CHUNK = 1 << 20, SPARE_WINDOWS = 62, SPARE_RECORDS = 14 };
enum { USUAL_WINDOW = 2048, USUAL_BLOCK = 512 };

/* Texts may be short, and then a sweep has more windows; where each has a recurrent state, fewer are provided for. */
static uint32_t windows_of(const struct tl_fitting *f, const struct tl_model_limits *limits)
{
    bool recurrent = tl_model_cache(f->model)->records.n_layers > 0;
    return 2 * (limits->chunk / limits->context) + (recurrent ? SPARE_RECORDS : SPARE_WINDOWS);
}

/* Whole windows of a sweep where there are so many equal ones. */
static void set_sweeps(const struct tl_fitting *f, uint64_t tokens, uint64_t n_sweeps, struct tl_model_limits *limits)
{
    uint64_t window = limits->context, each = (tokens + n_sweeps - 1) / n_sweeps;
    each = (each + window - 1) / window * window;
    limits->chunk = tl_fit_least(each > window ? each : window, MOST_CHUNK > window ? MOST_CHUNK / window * window : window);
    limits->sessions = windows_of(f, limits);
}

/* The fewest sweeps of at most `most` tokens that fit; where not even a window does, in smaller blocks. ret_target: the
 * chunk if the budget did not matter. 1: fits. */
static int fill_sweeps(struct tl_fitting *f, uint64_t tokens, uint64_t most, struct tl_model_limits *limits, uint32_t *ret_target)
{
    uint64_t low = (tokens + most - 1) / most, high = (tokens + limits->context - 1) / limits->context;
    set_sweeps(f, tokens, low, limits);
    *ret_target = limits->chunk;
    int status = tl_fit_fits(f, limits, f->budget_bytes);
    if (status != 0)
        return status;
    high = high > low ? high : low;
    while (high - low > 1) {                             /* low does not fit */
        uint64_t middle = low + (high - low) / 2;
        set_sweeps(f, tokens, middle, limits);
        if ((status = tl_fit_fits(f, limits, f->budget_bytes)) < 0)
            return status;
        *(status ? &high : &low) = middle;
    }
    set_sweeps(f, tokens, high, limits);
    while ((status = tl_fit_fits(f, limits, f->budget_bytes)) == 0 && !f->wish->block && limits->block > LEAST_BLOCK)
        limits->block /= 2;
    return status;
}

/* A chunk that is asked for is a sweep, as far as the budget allows. */
static int size(struct tl_fitting *f, bool streams, struct tl_model_limits *limits, uint32_t *ret_target)
{
    double most = streams ? MOST_FACTOR * f->fit->break_even_tokens : RESIDENT_TOKENS;
    uint64_t window = limits->context, asked = f->wish->chunk;
    if (most < RESIDENT_TOKENS)
        most = RESIDENT_TOKENS;
    if (asked) {
        asked = asked > window ? asked / window * window : window;
        return fill_sweeps(f, asked, asked, limits, ret_target);
    }
    return fill_sweeps(f, f->wish->score_tokens, most < MOST_CHUNK ? (uint64_t)most : MOST_CHUNK, limits, ret_target);
}

/* Streams the experts, and the trunk too where it leaves less than half of the tokens that a sweep should have: read once
 * a sweep, its bytes matter less than theirs. */
static int fit_streamed(struct tl_fitting *f, struct tl_model_limits *limits)
{
    struct tl_model_limits trunk = *limits;
    uint32_t target = 0;
    int status = 0;
    limits->frames = trunk.frames = !f->experts ? 0 : f->wish->frames ? f->wish->frames : tl_store_least_frames(f->store);
    f->fit->way = TL_FIT_EXPERTS_PASS;
    if (f->experts && !(f->wish->trunk_bytes && f->passes))
        status = size(f, true, limits, &target);
    if (status < 0)
        return status;
    if (f->passes && (status == 0 || 2 * (uint64_t)limits->chunk < target)) {
        trunk.trunk_bytes = f->wish->trunk_bytes ? f->wish->trunk_bytes : 1;
        if (f->experts && !f->wish->frames)
            trunk.frames = tl_fit_easy_frames(f);
        int other = size(f, true, &trunk, &target);
        if (other < 0)
            return other;
        if (other || !status) {
            *limits = trunk;
            status = other;
            f->fit->way = TL_FIT_TRUNK_PASSES;
        }
    }
    if (status <= 0 || limits->chunk < target)           /* what is left is no whole window: others need not change for it */
        return status;
    status = tl_fit_widen(f, limits, f->budget_bytes);
    return status < 0 ? status : 1;
}

int tl_fit_sweep(struct tl_fitting *f, struct tl_model_limits *limits)
{
    const struct tl_fit_wish *wish = f->wish;
    bool asked = (wish->frames && f->experts) || (wish->trunk_bytes && f->passes);
    uint32_t target = 0;
    *limits = (struct tl_model_limits){.sweep = true, .threads = wish->threads};
    limits->context = wish->context ? wish->context : tl_fit_least(f->geometry->context, USUAL_WINDOW);
    limits->block = wish->block ? wish->block : wish->chunk ? tl_fit_least(wish->chunk, USUAL_BLOCK) : USUAL_BLOCK;
    struct tl_model_limits streamed = *limits;
    f->fit->break_even_tokens = tl_cost_break_even(f->model, f->machine);
    f->fit->way = TL_FIT_RESIDENT;
    int status = asked ? 0 : size(f, false, limits, &target);
    if (status == 0 && (f->experts || f->passes)) {
        *limits = streamed;
        status = fit_streamed(f, limits);
    }
    if (status == 0)
        return tl_fit_refuse(f, limits);
    f->fit->chunk_why = limits->chunk >= target ? TL_FIT_USUAL : TL_FIT_BUDGET;
    return status;
}
