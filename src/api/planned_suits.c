/* SPDX-License-Identifier: MIT */
/* The job "plan" without a model: what suits a machine, judged by the fits of the engine. */
#include "api/job.h"
#include "api/plan.h"
#include "base/cpu.h"
#include "base/error.h"
#include "plan/suits.h"

static const uint64_t entry_bytes = 180;         /* that a token of a vocabulary takes in memory, merges included */

static int fit(void *context, struct tl_model *model, const struct tl_machine *machine, uint32_t n_context, bool sweep, struct tl_fit *ret_fit)
{
    const uint64_t *own = context;
    struct tl_engine_options o = {
        .context = n_context, .sessions = sweep ? 0 : 1, .threads = (uint32_t)machine->value[TL_FACT_THREADS], .machine = machine, .plan_only = true,
        .ram_bytes = (uint64_t)machine->value[TL_FACT_RAM], .fewer_sessions = true, .shorter_context = true, .score_tokens = sweep ? 1u << 20 : 0,
        .process_bytes = *own + tl_model_geometry(model)->vocab * entry_bytes,
    };
    return tl_engine_fit(model, &o, ret_fit);
}

static int moved(void *context, uint64_t done) { return tl_progress_move(context, done); }

int tl_planned_suits(struct tl_job_run *run, const struct tl_plan_options *options)
{
    struct tl_machine machine;
    struct tl_suits suits;
    uint64_t own = tl_cpu_rss();
    int status = tl_plan_machine(options, options->machine.count ? options->machine.items[0] : NULL, &machine);
    if (status >= 0)
        status = tl_progress_begin(&run->progress, "planning", 0, tl_known_count, "models");
    if (status < 0)
        return status;
    status = tl_suits_make(&(struct tl_suits_wish){.machine = &machine, .context = (uint32_t)options->context, .fit = fit, .fit_context = &own,
                                                    .progress = moved, .progress_context = &run->progress}, &suits);
    if (status < 0)
        return status;
    tl_buffer_printf(&run->report, "{");
    tl_suits_write(&suits, &run->report);
    tl_plan_write_machine(&machine, &run->report);
    tl_buffer_printf(&run->report, "}");
    tl_suits_done(&suits);
    return 0;
}
