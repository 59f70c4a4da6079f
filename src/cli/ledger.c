/* SPDX-License-Identifier: MIT */
/* trill ledger: what all of this has cost so far. The library's job "ledger" makes the report; here it becomes tables, values
 * for a spreadsheet, or a chart. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/csv.h"
#include "cli/job.h"
#include "cli/ledger_view.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/svg.h"

enum { USUAL_DAYS = 14 };

struct settings {
    const char *by, *since, *svg, *home;
    uint64_t last;
    bool accuracy, csv, json, on, off;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(by, CHOICE, 0, "by", "day|model|command", .help = "totals of each day, model or command; of all three unless given"),
    ROW(since, TEXT, 0, "since", "WHEN", .help = "only runs since then: 2026-11-22, or 12h, 7d, 4w ago"),
    ROW(last, U64, 0, "last", "N", .min = 1, .max = 1e9, .help = "with --json: besides, the last N runs, whole"),
    ROW(accuracy, FLAG, 0, "accuracy", NULL, .help = "how far plans were from what was measured"),
    ROW(csv, FLAG, 0, "csv", NULL, .help = "for a spreadsheet: every run, or what --by or --accuracy asks for"),
    ROW(svg, FILE, 0, "svg", "FILE", .help = "a chart of the energy, by day unless --by says otherwise"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(off, FLAG, 0, "off", NULL, .help = "keep nothing of runs from now on; what is there stays"),
    ROW(on, FLAG, 0, "on", NULL, .help = "keep them again"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
};

/* What the job is told. */
struct order {
    const struct settings *settings;
    const char *state, *config, *by, *since, *record;
    uint64_t last;
    bool accuracy;
};

#define TOLD(...) TL_COMMAND_OPTION(struct order, __VA_ARGS__)
static const struct tl_option job_rows[] = {
    TOLD(state, FILE, 0, "state", "DIR"), TOLD(config, FILE, 0, "config", "DIR"), TOLD(by, TEXT, 0, "by", "day|model|command"),
    TOLD(since, TEXT, 0, "since", "WHEN"), TOLD(record, TEXT, 0, "record", "on|off"), TOLD(last, U64, 0, "last", "N"),
    TOLD(accuracy, FLAG, 0, "accuracy", NULL),
};

/* --- the report ------------------------------------------------------------------------------------------------------- */

static void note_warnings(const char *report)
{
    struct tl_json json;
    tl_json_init(&json, "the report", report, strlen(report));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        if (!tl_json_is(&json, "warnings")) {
            r = tl_json_skip(&json);
            continue;
        }
        for (r = tl_json_next(&json); r >= 0 && (r = tl_json_next(&json)) == TL_JSON_STRING;)
            tl_output_note("warning: %s\n", json.string.data);
    }
    tl_json_done(&json);
}

static int write_svg(const char *path, const struct tl_ledger_view *view)
{
    struct tl_buffer svg;
    tl_buffer_init(&svg, 0);
    tl_ledger_view_svg(view, &svg);
    int r = tl_svg_write(path, &svg);
    tl_buffer_done(&svg);
    return r;
}

static int tell_people(const struct settings *settings, const char *report)
{
    struct tl_ledger_view view;
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    int r = tl_ledger_view_read(report, &view);
    if (r >= 0 && settings->svg)
        r = write_svg(settings->svg, &view);
    if (r >= 0 && settings->json)
        r = tl_output_text(report);
    else if (r >= 0) {
        tl_ledger_view_print(&view, settings->by || settings->since ? 0 : USUAL_DAYS, &out);
        r = tl_output_buffer(&out);
    }
    tl_ledger_view_done(&view);
    tl_buffer_done(&out);
    return r;
}

static int tell_csv(const struct settings *settings, const char *report)
{
    struct tl_buffer out, list;
    tl_buffer_init(&out, 0);
    tl_buffer_init(&list, 0);
    int r = tl_buffer_printf(&list, settings->accuracy ? "accuracy" : settings->by ? "by_%s" : "rows", settings->by);
    if (r >= 0)
        r = tl_csv_from_json(report, list.data, &out);
    if (r >= 0 && out.len)
        r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    tl_buffer_done(&list);
    return r;
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = ((const struct order *)context)->settings;
    note_warnings(report);
    if (settings->on || settings->off) {
        if (settings->json)
            return tl_output_text(report) < 0 ? TL_E_IO : tl_output_text("\n");
        tl_output_note(settings->on ? "runs are recorded from now on\n" : "no runs are recorded from now on; what is there stays\n");
        return 0;
    }
    return settings->csv ? tell_csv(settings, report) : tell_people(settings, report);
}

/* --- the command ------------------------------------------------------------------------------------------------------ */

static int check(const struct settings *settings)
{
    if (settings->on && settings->off)
        return tl_fail(TL_E_USAGE, "--on and --off are not given together");
    if (settings->csv && settings->json)
        return tl_fail(TL_E_USAGE, "--csv and --json are not given together");
    if (settings->accuracy && settings->by)
        return tl_fail(TL_E_USAGE, "--accuracy and --by are not given together");
    return 0;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    TL_AUTO char *state = NULL;
    TL_AUTO char *config = NULL;
    int r = check(settings);
    if (r >= 0)
        r = tl_place_state(settings->home, &state);
    if (r >= 0)
        r = tl_place_config(settings->home, &config);
    if (r < 0)
        return r;
    bool rows = settings->csv && !settings->by && !settings->accuracy;
    struct order order = {
        .settings = settings, .state = state, .config = config, .by = settings->by, .since = settings->since, .accuracy = settings->accuracy,
        .record = settings->on ? "on" : settings->off ? "off" : NULL, .last = rows ? INT64_MAX : settings->last,
    };
    return tl_job_carry_out(&(struct tl_job_order){.kind = "ledger", .options = job_rows, .n_options = TL_COUNT(job_rows), .settings = &order,
                                                   .quiet = true, .tell = tell});
}

const struct tl_command_body tl_ledger_command = {
    .about = "Shows what runs have cost: tokens, time, bytes from the drive, energy, money and carbon, by day,\n"
             "model and command. Each command that computes adds a row to ledger.db in the state folder\n"
             "($XDG_STATE_HOME/trill); nothing leaves the machine, and no text of prompts or answers is kept.\n"
             "Prices, watts and carbon are those of machine.json in the settings folder\n"
             "($XDG_CONFIG_HOME/trill), as in {\"price-kwh\": 0.30, \"watts\": 45}. --accuracy compares each run with\n"
             "its plan.",
    .examples = "trill ledger\n"
                "trill ledger --by model --since 7d\n"
                "trill ledger --csv > runs.csv          # every run, every figure\n"
                "trill ledger --accuracy\n"
                "trill ledger --off                     # keep nothing from now on\n",
    .options = options, .n_options = TL_COUNT(options),
    .settings_bytes = sizeof(struct settings), .run = run,
};
