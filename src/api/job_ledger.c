/* SPDX-License-Identifier: MIT */
/* The job "ledger": what runs have cost so far, how far predictions were off; or whether runs are kept from now on. */
#include <inttypes.h>
#include <time.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "ledger/ledger.h"

struct options {
    const char *state, *config, *by, *since, *record;
    uint64_t last;
    bool accuracy;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(state, FILE, "state", "DIR", .help = "folder of the ledger"),
    ROW(config, FILE, "config", "DIR", .help = "folder of the user's settings"),
    ROW(by, TEXT, "by", "day|model|command", .help = "totals of each"),
    ROW(since, TEXT, "since", "WHEN", .help = "only runs from then on"),
    ROW(last, U64, "last", "N", .help = "the last so many runs, whole"),
    ROW(accuracy, FLAG, "accuracy", NULL, .help = "how far predictions were off"),
    ROW(record, CHOICE, "record", "on|off", .help = "whether runs are kept from now on"),
};

/* In front of the report's first member. */
static void put_first(struct tl_job_run *run, const struct tl_buffer *report, const struct tl_buffer *notice, bool wanted)
{
    struct tl_buffer *to = &run->report;
    tl_buffer_printf(to, "{\"recording\":%s,\"warnings\":[", wanted ? "true" : "false");
    if (notice->len)
        tl_buffer_json_string(to, notice->data, notice->len);
    tl_buffer_printf(to, "],%s", report->len ? report->data + 1 : "");
}

static int look(struct tl_job_run *run, const struct options *o)
{
    struct tl_ledger_question question = {.by = o->by, .since = INT64_MIN, .last = o->last, .accuracy = o->accuracy};
    TL_AUTO char *path = tl_file_join(o->state, "ledger.db");
    struct tl_buffer report, notice;
    bool wanted = true;
    int status = path ? 0 : TL_E_NOMEM;
    tl_buffer_init(&report, 0);
    tl_buffer_init(&notice, 0);
    if (status >= 0 && o->since)
        status = tl_ledger_since(o->since, time(NULL), &question.since);
    if (status >= 0)
        status = tl_ledger_wanted(o->config, &wanted);
    if (status >= 0)
        status = tl_ledger_report(path, &question, &report, &notice);
    if (status >= 0)
        put_first(run, &report, &notice, wanted);
    tl_buffer_done(&report);
    tl_buffer_done(&notice);
    return status;
}

int tl_job_ledger(struct tl_job_run *run)
{
    struct options o = {0};
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status < 0)
        return status;
    if (!o.record)
        return o.state ? look(run, &o) : tl_fail(TL_E_USAGE, "state is missing: the folder of the ledger");
    if (!o.config)
        return tl_fail(TL_E_USAGE, "config is missing: the folder of the user's settings");
    bool wanted = strcmp(o.record, "on") == 0;
    status = tl_ledger_want(o.config, wanted);
    if (status >= 0)
        tl_buffer_printf(&run->report, "{\"recording\":%s,\"warnings\":[]}", wanted ? "true" : "false");
    return status;
}
