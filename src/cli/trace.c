/* SPDX-License-Identifier: MIT */
/* trill trace: records which experts a run asks for, and shows what caches of several sizes would have hit. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/setup.h"
#include "cli/svg.h"
#include "cli/trace_svg.h"

struct settings {
    struct tl_setup setup;
    const char *record, *replay, *prompt, *file, *ids_file, *frames, *svg;
    uint64_t tokens, seed;
    double temperature;
    bool decode, json;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(record, FILE, 0, "record", "FILE", .help = "run the model and keep its accesses here"),
    ROW(replay, FILE, 0, "replay", "FILE", .help = "accesses kept before; needs no model"),
    ROW(prompt, TEXT, 'p', "prompt", "TEXT", .help = "what to run on, as it is"),
    ROW(file, FILE, 'f', "file", "FILE", .help = "the same from a file"),
    ROW(ids_file, FILE, 0, "ids", "FILE", .help = "or ids, as a JSON list or separated by blanks"),
    ROW(decode, FLAG, 0, "decode", NULL, .help = "the prompt's tokens one by one, as if they were generated"),
    ROW(tokens, U64, 'n', "tokens", "N", .fallback = "64", .min = 0, .max = 1 << 24, .help = "tokens to generate behind it"),
    ROW(temperature, F64, 0, "temp", "T", .fallback = "1", .min = 0, .max = 100, .help = "how they are drawn"),
    ROW(seed, U64, 's', "seed", "S", .fallback = "0", .help = "the same seed, the same tokens"),
    ROW(frames, TEXT, 0, "frames", "N,...", .help = "sizes of caches, in experts (500) or of all of them (25%)"),
    ROW(svg, FILE, 0, "svg", "FILE", .help = "the table as a chart"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

/* What the job is told. */
struct order {
    const struct settings *settings;
    const char *record, *replay, *ids, *frames;
    uint64_t tokens, seed;
    double temperature;
    bool decode;
};

#define TOLD(...) TL_COMMAND_OPTION(struct order, __VA_ARGS__)
static const struct tl_option job_rows[] = {
    TOLD(record, FILE, 0, "record", "FILE"), TOLD(replay, FILE, 0, "replay", "FILE"), TOLD(ids, TEXT, 0, "ids", "N ..."),
    TOLD(frames, TEXT, 0, "frames", "N,..."), TOLD(tokens, U64, 0, "tokens", "N", .fallback = "64"), TOLD(seed, U64, 0, "seed", "S"),
    TOLD(temperature, F64, 0, "temperature", "T", .fallback = "1"), TOLD(decode, FLAG, 0, "decode", NULL),
};

/* --- the report --- */

static int read_hits(struct tl_json *json, struct tl_trace_table *t)
{
    size_t curve = 0;
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY && curve < TL_TRACE_CURVES) {
        snprintf(t->names[curve], sizeof t->names[curve], "%s", json->string.data);
        r = tl_json_f64(json, &t->hits[curve++][t->n_sizes]);
    }
    t->n_curves = curve;
    return r;
}

static int read_rows(struct tl_json *json, struct tl_trace_table *t)
{
    int r = tl_json_next(json);
    for (; r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT && t->n_sizes < TL_TRACE_SIZES; t->n_sizes++)
        while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
            if (tl_json_is(json, "frames"))
                r = tl_json_u64(json, UINT64_MAX, &t->frames[t->n_sizes]);
            else if (tl_json_is(json, "share"))
                r = tl_json_f64(json, &t->shares[t->n_sizes]);
            else
                r = tl_json_is(json, "hits") ? read_hits(json, t) : tl_json_skip(json);
        }
    return r;
}

static int read_report(const char *report, struct tl_trace_table *t)
{
    struct tl_json json;
    tl_json_init(&json, "report", report, strlen(report));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        struct { const char *key; uint64_t *value; } rows[] = {
            {"layers", &t->layers}, {"experts", &t->experts}, {"steps", &t->steps}, {"accesses", &t->accesses},
        };
        uint64_t *value = NULL;
        for (size_t i = 0; i < TL_COUNT(rows); i++)
            value = tl_json_is(&json, rows[i].key) ? rows[i].value : value;
        if (value)
            r = tl_json_u64(&json, UINT64_MAX, value);
        else if (tl_json_is(&json, "working_set"))
            r = tl_json_f64(&json, &t->working_set);
        else
            r = tl_json_is(&json, "rows") ? read_rows(&json, t) : tl_json_skip(&json);
    }
    tl_json_done(&json);
    return r < 0 ? r : 0;
}

static int print_table(const struct tl_trace_table *t)
{
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    tl_buffer_printf(&out, "%" PRIu64 " accesses to %" PRIu64 " experts in %" PRIu64 " layers; %" PRIu64 " steps of %.1f experts\n\n| in memory |  share |",
                     t->accesses, t->experts, t->layers, t->steps, t->working_set);
    for (size_t c = 0; c < t->n_curves; c++)
        tl_buffer_printf(&out, " %7s |", t->names[c]);
    tl_buffer_printf(&out, "\n| --------: | -----: |");
    for (size_t c = 0; c < t->n_curves; c++)
        tl_buffer_printf(&out, " ------: |");
    for (size_t i = 0; i < t->n_sizes; i++) {
        tl_buffer_printf(&out, "\n| %9" PRIu64 " | %4.0f %% |", t->frames[i], 100 * t->shares[i]);
        for (size_t c = 0; c < t->n_curves; c++)
            tl_buffer_printf(&out, " %5.1f %% |", 100 * t->hits[c][i]);
    }
    tl_buffer_printf(&out, "\n");
    int r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    return r;
}

static int write_svg(const char *path, const struct tl_trace_table *t)
{
    struct tl_buffer svg;
    tl_buffer_init(&svg, 0);
    tl_trace_svg(t, &svg);
    int r = tl_svg_write(path, &svg);
    tl_buffer_done(&svg);
    return r;
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = ((const struct order *)context)->settings;
    TL_AUTO struct tl_trace_table *table = tl_alloc(1, sizeof *table);
    int r = table ? read_report(report, table) : TL_E_NOMEM;
    if (r >= 0 && settings->svg)
        r = write_svg(settings->svg, table);
    if (r < 0)
        return r;
    return settings->json ? tl_output_text(report) < 0 ? TL_E_IO : tl_output_text("\n") : print_table(table);
}

/* --- the run --- */

static int write_ids(const int32_t *ids, size_t count, struct tl_buffer *out)
{
    for (size_t i = 0; i < count; i++)
        tl_buffer_printf(out, "%s%" PRId32, i ? " " : "", ids[i]);
    return out->status;
}

static int find_ids(const struct settings *settings, struct trill_model *model, struct tl_buffer *out)
{
    TL_AUTO char *text = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    if (settings->ids_file) {
        int r = tl_input_ids(settings->ids_file, &ids, &n);
        r = r < 0 ? r : write_ids(ids, n, out);
        tl_free(ids);
        return r;
    }
    int r = tl_prompt_text(settings->prompt, settings->file, 1, &text, &n);
    if (r >= 0)
        r = tl_command_status(trill_tokenize(model, text, n, TRILL_BOS, &ids, &n));
    if (r >= 0)
        r = write_ids(ids, n, out);
    trill_free(ids);
    return r;
}

static int check(const struct settings *settings)
{
    if (settings->record && settings->replay)
        return tl_fail(TL_E_USAGE, "--record and --replay are not given together");
    if (!settings->record && !settings->replay)
        return tl_fail(TL_E_USAGE, "--record FILE with a model, or --replay FILE is missing");
    return settings->record ? tl_setup_check(&settings->setup) : 0;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct trill_model *model = NULL;
    struct tl_buffer ids;
    struct order order = {
        .settings = settings, .record = settings->record, .replay = settings->replay, .frames = settings->frames, .tokens = settings->tokens,
        .seed = settings->seed, .temperature = settings->temperature, .decode = settings->decode,
    };
    tl_buffer_init(&ids, 0);
    int r = check(settings);
    struct trill_account *account = r >= 0 && settings->record ? tl_account_open("trace", &settings->setup) : NULL;
    if (r >= 0 && settings->record)
        r = tl_setup_open(&settings->setup, &(struct tl_setup_needs){0}, &model);
    if (r >= 0 && settings->record)
        r = find_ids(settings, model, &ids);
    order.ids = ids.data;
    if (r >= 0)
        r = tl_job_carry_out(&(struct tl_job_order){.kind = "trace", .model = model, .options = job_rows, .n_options = TL_COUNT(job_rows),
                                                    .settings = &order, .quiet = settings->setup.quiet, .tell = tell});
    tl_account_close(account, model, r);
    tl_buffer_done(&ids);
    return r;
}

const struct tl_command_body tl_trace_command = {
    .about = "Records which experts a run of a model asks for, and shows which share of these accesses a cache\n"
             "would have found in memory: for caches of several sizes, by policy, and at best, which is what a\n"
             "cache that knows the future would find (Belady). A recorded file can be replayed without the\n"
             "model.",
    .examples = "trill trace model.gguf --record run.trace -f text.txt --decode -n 0\n"
                "trill trace --replay run.trace --frames 500,1000,25% --svg hits.svg\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
