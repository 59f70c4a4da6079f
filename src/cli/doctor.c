/* SPDX-License-Identifier: MIT */
/* trill doctor: the library's job "doctor", and its report as a list for people. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/place.h"

enum { COLUMNS = 100, TITLE_COLUMNS = 21, INDENT = 9 };

struct settings {
    const char *folder, *drive_file, *state, *cpu, *io, *home;
    uint64_t size, threads;
    double seconds;
    bool quick, json, quiet;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(folder, FILE, 0, "folder", "DIR", .help = "where models are kept; the folder of models unless given"),
    ROW(drive_file, FILE, 0, "drive-file", "FILE", .help = "read this file to measure the drive, such as a model"),
    ROW(state, FILE, 0, "state", "DIR", .help = "where what was measured is kept; the usual folder unless given"),
    ROW(size, BYTES, 0, "size", "BYTES", .fallback = "1G", .min = 4 << 20, .max = 1 << 30,
        .help = "of the file that is written where there is none to read"),
    ROW(seconds, F64, 0, "seconds", "S", .fallback = "0.25", .min = 0.001, .max = 60, .help = "that each measurement takes"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 256, .help = "threads to measure with; one per CPU unless given"),
    ROW(cpu, CHOICE, 0, "cpu", "auto|" TL_CPU_LEVELS, .help = "instruction set to measure with"),
    ROW(io, CHOICE, 0, "io", "auto|uring|pread", .help = "how the drive is read"),
    ROW(quick, FLAG, 0, "quick", NULL, .help = "only look, measure nothing"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no progress on standard error"),
};

/* --- for people --------------------------------------------------------------------------------------------------- */

struct check { char *health, *title, *found, *means, *advice; };

static void check_done(struct check *check)
{
    tl_free(check->health);
    tl_free(check->title);
    tl_free(check->found);
    tl_free(check->means);
    tl_free(check->advice);
    *check = (struct check){0};
}

/* Behind `label`, in lines of COLUMNS, the following ones indented. */
static void put_wrapped(struct tl_buffer *out, int indent, const char *label, const char *text)
{
    int column = (int)strlen(label);
    tl_buffer_printf(out, "%s", label);
    for (int n; *text; text += strspn(text, " ")) {
        n = (int)strcspn(text, " ");
        bool first = column <= indent;
        if (!first && column + 1 + n > COLUMNS) {
            tl_buffer_printf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        tl_buffer_printf(out, "%s%.*s", first ? "" : " ", n, text);
        column += n + !first;
        text += n;
    }
    tl_buffer_printf(out, "\n");
}

static void put_check(const struct check *check, struct tl_buffer *out)
{
    char label[160], margin[] = "         ";
    bool unknown = strcmp(check->health, "unknown") == 0, well = strcmp(check->health, "ok") == 0;
    snprintf(label, sizeof label, "%-*.20s%-*.40s", INDENT, unknown ? "?" : check->health, TITLE_COLUMNS, check->title);
    put_wrapped(out, INDENT + TITLE_COLUMNS, label, check->found);
    put_wrapped(out, INDENT, margin, check->means);
    snprintf(label, sizeof label, "%sto do: ", margin);
    if (!well && !unknown)
        put_wrapped(out, INDENT + 7, label, check->advice);
}

static int read_check(struct tl_json *json, struct check *check)
{
    const struct { const char *key; char **text; } texts[] = {
        {"health", &check->health}, {"title", &check->title}, {"found", &check->found}, {"means", &check->means}, {"advice", &check->advice},
    };
    int r = 0;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        char **text = NULL;
        for (size_t i = 0; i < TL_COUNT(texts); i++)
            text = tl_json_is(json, texts[i].key) ? texts[i].text : text;
        r = text && !*text ? tl_json_text(json, text) : tl_json_skip(json);
    }
    return r < 0 ? r : check->health && check->title && check->found && check->means && check->advice ? 0 : tl_json_fail(json, "a whole check");
}

static int tell_checks(struct tl_json *json, struct tl_buffer *out, unsigned count[2])
{
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT) {
        struct check check = {0};
        r = read_check(json, &check);
        if (r >= 0) {
            put_check(&check, out);
            count[0] += strcmp(check.health, "warning") == 0;
            count[1] += strcmp(check.health, "problem") == 0;
        }
        check_done(&check);
    }
    return r;
}

static void put_sum(struct tl_buffer *out, const unsigned count[2])
{
    if (count[0] + count[1] == 0)
        tl_buffer_printf(out, "\nThis machine is ready.\n");
    else if (count[1] == 0)
        tl_buffer_printf(out, "\nThis machine is ready; %u thing%s could be better.\n", count[0], count[0] == 1 ? "" : "s");
    else
        tl_buffer_printf(out, "\n%u problem%s and %u thing%s that could be better.\n", count[1], count[1] == 1 ? "" : "s", count[0],
                         count[0] == 1 ? "" : "s");
}

static int tell(const char *report, const void *context)
{
    struct tl_json json;
    struct tl_buffer out;
    unsigned count[2] = {0};
    (void)context;
    tl_buffer_init(&out, 0);
    tl_json_init(&json, "report", report, strlen(report));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = tl_json_is(&json, "checks") ? tell_checks(&json, &out, count) : tl_json_skip(&json);
    tl_json_done(&json);
    put_sum(&out, count);
    if (r >= 0)
        r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    return r;
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    TL_AUTO char *models = NULL;
    TL_AUTO char *state = NULL;
    int r = settings.folder ? 0 : tl_place_cache(settings.home, &models);
    if (r >= 0 && !settings.state)
        r = tl_place_state(settings.home, &state);
    if (r < 0)
        return r;
    settings.folder = settings.folder ? settings.folder : models;
    settings.state = settings.state ? settings.state : state;
    return tl_job_carry_out(&(struct tl_job_order){
        .kind = "doctor", .options = options, .n_options = TL_COUNT(options), .settings = &settings, .json = settings.json,
        .quiet = settings.quiet, .tell = tell});
}

const struct tl_command_body tl_doctor_command = {
    .about = "Looks at what decides how fast models run here, measures it in some ten seconds, and says for each\n"
             "thing what it means and what would help. The drive is measured by reading a large file where models\n"
             "are kept, or a new one without a name that is gone afterwards. What was measured is kept in\n"
             "machine.json of the state folder, for trill plan; nothing else is changed.",
    .examples = "trill doctor\n"
                "trill doctor --quick                            # only look\n"
                "trill doctor --drive-file /models/kimi-k2.gguf --json\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
