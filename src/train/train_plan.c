/* SPDX-License-Identifier: MIT */
/* How a training is laid out in its budget: weights, moments, batch and passes as the recipe wants them, and of what a pass
 * keeps as much as fits; layers that have no room are computed again. Passes are no larger than arithmetic wants: more
 * tokens at a time are not faster, and sums over all tokens of a pass would make the bits depend on memory. */
#include <inttypes.h>
#include <stdio.h>

#include "base/cpu.h"
#include "base/error.h"
#include "train/train_impl.h"

enum { PASS_TOKENS = 512, USUAL_HELD = 64, LEAST_WARMUP = 10, MOST_WARMUP = 1000, PROVISIONAL_WARMUP = 100 };
static const uint64_t margin_bytes = 16 << 20;       /* stacks, heap, what the corpus's reader may still hold */
static const uint64_t reserve_bytes = 256 << 20;     /* of what is free, left to others */

static float or_usual(float value, float usual) { return value == 0 ? usual : value < 0 ? 0 : value; }

void tl_train_usual(struct tl_train_how *how)
{
    how->batch = how->batch ? how->batch : 8;
    how->threads = how->threads ? how->threads : tl_cpu_count();
    how->held_windows = how->held_windows ? how->held_windows : USUAL_HELD;
    how->adamw.beta1 = or_usual(how->adamw.beta1, 0.9f);
    how->adamw.beta2 = or_usual(how->adamw.beta2, 0.95f);
    how->adamw.epsilon = or_usual(how->adamw.epsilon, 1e-8f);
    how->adamw.decay = or_usual(how->adamw.decay, 0.1f);
    how->adamw.clip = or_usual(how->adamw.clip, 1);
}

uint64_t tl_train_steps(const struct tl_train_how *how)
{
    uint64_t step_tokens = (uint64_t)how->batch * how->window;
    return how->schedule.steps ? how->schedule.steps : (how->tokens + step_tokens - 1) / step_tokens;
}

uint64_t tl_train_warmup(const struct tl_train_how *how, uint64_t steps)
{
    uint64_t usual = steps / 20 < LEAST_WARMUP ? LEAST_WARMUP : steps / 20 > MOST_WARMUP ? MOST_WARMUP : steps / 20;
    if (how->schedule.warmup)
        return how->schedule.warmup;
    return !steps ? PROVISIONAL_WARMUP : usual < steps / 2 ? usual : steps / 2;
}

/* --- layouts ------------------------------------------------------------------------------------------------------ */

static void lay_out_batch(struct tl_training *t, struct tl_arena *arena)
{
    uint64_t n = (uint64_t)t->how.batch * t->how.window;
    t->ids = tl_arena_take(arena, n, sizeof(*t->ids));
    t->next = tl_arena_take(arena, n, sizeof(*t->next));
    t->first = tl_arena_take(arena, n, sizeof(*t->first));
    t->where = tl_arena_take(arena, n, sizeof(*t->where));
    t->draws = t->how.teaching ? tl_arena_take(arena, n, sizeof(*t->draws)) : NULL;
}

int tl_train_lay_out(struct tl_training *t, struct tl_arena *arena)
{
    int status = tl_adamw_layout(&t->adamw, t->weights, arena);
    lay_out_batch(t, arena);
    if (status >= 0)
        status = tl_graph_layout(t->graph, arena);
    return status >= 0 && arena->overflow ? tl_fail(TL_E_NOMEM, "what training needs does not fit in the memory laid out for it") : status;
}

/* Of passes of so many windows. tape_bytes: UINT64_MAX for all layers. */
static int count_pass(struct tl_weights *weights, const struct tl_train_how *how, uint32_t windows, uint64_t tape_bytes, uint64_t *ret_bytes, uint32_t *ret_recomputed)
{
    struct tl_graph *graph;
    struct tl_arena arena;
    struct tl_graph_limits limits = { .windows = windows, .window = how->window, .threads = how->threads, .tape_bytes = tape_bytes, .bf16 = how->bf16 };
    int status = tl_graph_new(weights, tl_kernel_best(), &limits, &graph);
    if (status < 0)
        return status;
    tl_arena_count(&arena);
    status = tl_graph_layout(graph, &arena);
    *ret_bytes = arena.used_bytes;
    *ret_recomputed = tl_graph_recomputed(graph);
    tl_graph_free(graph);
    return status < 0 ? status : arena.overflow ? tl_fail(TL_E_BUDGET, "passes of %u windows of %u tokens are too large", windows, how->window) : 0;
}

static int count_others(struct tl_weights *weights, const struct tl_train_how *how, struct tl_train_plan *plan)
{
    struct tl_training t = { .weights = weights, .how = *how };
    struct tl_arena arena;
    tl_arena_count(&arena);
    int status = weights->values ? 0 : tl_weights_layout(weights, &arena);
    plan->weights_bytes = weights->values ? weights->n_values * sizeof(float) : arena.used_bytes;      /* gradients that were never touched */
    tl_arena_count(&arena);
    if (status >= 0)
        status = tl_adamw_layout(&t.adamw, weights, &arena);
    plan->optimiser_bytes = arena.used_bytes;
    tl_arena_count(&arena);
    lay_out_batch(&t, &arena);
    plan->others_bytes = arena.used_bytes + margin_bytes;
    plan->process_bytes = tl_cpu_rss();
    return status;
}

/* --- the choice --------------------------------------------------------------------------------------------------- */

static int refuse(const struct tl_train_plan *plan, const struct tl_train_how *how, uint64_t least_bytes)
{
    char why[160] = "";
    if (how->window > 128)
        snprintf(why, sizeof(why), "; a shorter --window or a smaller model would need less");
    return tl_fail(TL_E_BUDGET, "training takes %.0f MiB at least (%.0f of weights and gradients, %.0f of the optimiser, %.0f of a pass), "
                   "the budget is %.0f MiB: --ram %" PRIu64 "M works%s", (double)least_bytes * 0x1p-20, (double)plan->weights_bytes * 0x1p-20,
                   (double)plan->optimiser_bytes * 0x1p-20, (double)(least_bytes - (plan->total_bytes - plan->pass_bytes)) * 0x1p-20,
                   (double)plan->budget_bytes * 0x1p-20, (least_bytes >> 20) + 1, why);
}

/* With as much tape as there is room for, in eighths of it. */
static int choose_tape(struct tl_weights *weights, const struct tl_train_how *how, uint64_t room, struct tl_train_plan *plan)
{
    uint64_t least, bytes;
    uint32_t recomputed;
    int status = count_pass(weights, how, plan->windows, 0, &least, &plan->recomputed_layers);
    if (status < 0)
        return status;
    plan->tape_bytes = 0;
    plan->pass_bytes = least;
    if (least > room)
        return refuse(plan, how, plan->total_bytes + least);
    for (uint64_t share = 8; share > 0; share--) {
        uint64_t tape = (room - least) / 8 * share;
        status = count_pass(weights, how, plan->windows, tape, &bytes, &recomputed);
        if (status < 0 || bytes > room)
            continue;
        plan->tape_bytes = tape;
        plan->pass_bytes = bytes;
        plan->recomputed_layers = recomputed;
        break;
    }
    return 0;
}

int tl_train_plan(struct tl_weights *weights, const struct tl_train_how *given, struct tl_train_plan *ret_plan)
{
    struct tl_train_how how = *given;
    struct tl_train_plan plan = { .tape_bytes = UINT64_MAX };
    tl_train_usual(&how);
    int status = count_others(weights, &how, &plan);
    if (status < 0)
        return status;
    uint64_t available = tl_cpu_memory_available() + plan.process_bytes;
    plan.budget_bytes = how.ram_bytes ? how.ram_bytes : available > reserve_bytes ? available - reserve_bytes : available;
    plan.total_bytes = plan.weights_bytes + plan.optimiser_bytes + plan.others_bytes + plan.process_bytes;
    plan.threads = how.threads;
    uint64_t room = plan.budget_bytes > plan.total_bytes ? plan.budget_bytes - plan.total_bytes : 0;
    plan.windows = PASS_TOKENS / how.window < 1 ? 1 : PASS_TOKENS / how.window < how.batch ? PASS_TOKENS / how.window : how.batch;
    if (weights->frozen) {               /* each pass may read the model */
        plan.windows = how.batch;
        status = count_pass(weights, &how, plan.windows, 0, &plan.pass_bytes, &plan.recomputed_layers);
        if (status >= 0)
            status = tl_train_plan_base(weights, how.threads, plan.pass_bytes, room, &plan);
        if (status < 0)
            return status;
        plan.total_bytes += plan.base_bytes;
        room -= plan.base_bytes;
    }
    status = count_pass(weights, &how, plan.windows, UINT64_MAX, &plan.pass_bytes, &plan.recomputed_layers);
    if (status >= 0 && plan.pass_bytes > room)
        status = choose_tape(weights, &how, room, &plan);
    if (status < 0)
        return status;
    plan.total_bytes += plan.pass_bytes;
    *ret_plan = plan;
    return 0;
}
