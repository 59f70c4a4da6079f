/* SPDX-License-Identifier: MIT */
/* Progress of many models, and what each of their stages costs: each stage of the work below is told with the model's name before
 * it, and the forecast is of all that is still to do, at the speed of what was done (work: tokens times active parameters). */
#include <stdio.h>

#include "base/clock.h"
#include "compress/eval_impl.h"

static const double least_seconds = 1;

static double left_of(const struct tl_eval_run *run, const struct tl_progress *p)
{
    double share = p->total ? (double)p->done / (double)p->total : 0, seconds = run->seconds_done + tl_clock_seconds(run->began_ns);
    double done = run->work_done + run->work_now * (share < 1 ? share : 1);
    return done > 0 && seconds > least_seconds ? seconds * (run->work_all - done) / done : 0;
}

static void watch(void *context, const struct tl_progress *p)
{
    struct tl_eval_run *run = context;
    if (p->began_ns != run->seen_ns) {
        run->seen_ns = p->began_ns;
        snprintf(run->stage, sizeof(run->stage), "%s%s%s", run->now ? run->now->name : "", run->now ? ": " : "", p->stage);
        tl_progress_begin(run->told, run->stage, p->done, p->total, p->unit);
    }
    if (run->work_now > 0 && run->told)
        run->told->left_seconds = left_of(run, p);
    tl_progress_move(run->told, p->done);
}

void tl_eval_progress_init(struct tl_eval_run *run, struct tl_progress *told)
{
    run->told = told;
    run->progress = (struct tl_progress){ .watch = told ? watch : NULL, .context = run, .cancel = told ? told->cancel : NULL };
}

void tl_eval_stage_begin(struct tl_eval_run *run, struct tl_eval_subject *subject, enum tl_eval_stage stage, struct tl_engine *engine)
{
    run->now = subject;
    run->now_stage = stage;
    run->before = tl_eval_cost_so_far(run, engine);
    run->work_now = subject->work[stage];
    run->began_ns = tl_clock_ns();
}

void tl_eval_stage_end(struct tl_eval_run *run, struct tl_engine *engine)
{
    struct tl_eval_cost after = tl_eval_cost_so_far(run, engine);
    tl_eval_cost_add(&run->now->cost[run->now_stage], &run->before, &after);
    run->seconds_done += run->work_now > 0 ? tl_clock_seconds(run->began_ns) : 0;
    run->work_done += run->work_now;
    run->work_now = 0;
}
