/* SPDX-License-Identifier: MIT */
/* Options to JSON, the job, its report: what all commands that are jobs do. */
#include "cli/job.h"

#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/flat.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/progress.h"

static size_t count_job_rows(const struct tl_job_order *order)
{
    size_t n = 0;
    while (n < order->n_options && strcmp(order->options[n].name, "json") != 0)
        n++;
    return n;
}

static void draw(void *context, const struct trill_progress *progress)
{
    tl_progress_draw(context, progress);
}

static int run(struct trill_job *job, bool quiet)
{
    struct tl_progress_bar bar = {.quiet = quiet};
    tl_interrupt_job(job);
    if (tl_interrupt_seen())
        trill_job_cancel(job);
    int r = tl_command_status(trill_job_run(job, draw, &bar));
    tl_interrupt_job(NULL);
    tl_progress_erase(&bar);
    return r;
}

static int report(const struct tl_job_order *order, const char *text)
{
    if (!order->json)
        return order->tell ? order->tell(text, order->settings) : 0;
    int r = tl_output_text(text);
    return r < 0 ? r : tl_output_text("\n");
}

int tl_job_carry_out(const struct tl_job_order *order)
{
    struct trill_job *job = NULL;
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    int r = tl_options_write_json(order->options, count_job_rows(order), order->settings, &json);
    if (r >= 0)
        r = tl_command_status(trill_job_new(order->kind, order->model, json.data, &job));
    if (r >= 0)
        r = run(job, order->quiet);
    if (r >= 0)
        r = report(order, trill_job_report(job));
    trill_job_close(job);
    tl_buffer_done(&json);
    return r;
}

int tl_job_carry_out_on(const struct tl_job_order *order, const char **model, const char *home)
{
    const char *typed = *model;
    TL_AUTO char *path = NULL;
    int r = typed ? tl_place_model(typed, home, &path) : 0;
    if (path)
        *model = path;
    if (r >= 0)
        r = tl_job_carry_out(order);
    *model = typed;
    return r;
}

void tl_job_note_warnings(const struct tl_flat *report)
{
    uint64_t at = 0;
    const char *tail;
    for (const struct tl_flat_row *row; (row = tl_flat_next(report, "", "warnings", &at, &tail));)
        tl_output_note("warning: %s\n", row->text ? row->text : "");
}
