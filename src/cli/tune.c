/* SPDX-License-Identifier: MIT */
/* trill tune: the library's job "tune", whose report is the file that all commands read (tuning.h). */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/tuning.h"

enum { MOST_BYTES = 1 << 20, VALUES = 8 };

struct settings {
    const char *model, *home, *output, *cpu, *kv, *activations, *io, *policy, *lookahead;
    uint64_t threads, context, ram, chunk;
    double seconds, minutes;
    bool show, undo, json, quiet, no_ledger;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(model, TEXT, 'm', "model", "MODEL", .help = "the model: a file, a folder or a name in the cache"),
    ROW(output, FILE, 'o', "output", "FILE", .help = "keep the winners there, where no command looks for them"),
    ROW(seconds, F64, 0, "seconds", "S", .fallback = "1", .min = 0.001, .max = 600, .help = "that a run's prompt and its answer take, about"),
    ROW(minutes, F64, 0, "minutes", "M", .fallback = "10", .max = 1e5, .help = "in all, at most"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; tried unless given, as are chunk, io, lookahead, policy"),
    ROW(context, U64, 'c', "context", "N", .min = 1, .max = 1 << 30, .help = "tokens a sequence may hold"),
    ROW(ram, BYTES, 0, "ram", "BYTES", .min = 1, .max = 1e18, .help = "all memory the process may take: 20G, 512M"),
    ROW(chunk, U64, 0, "chunk", "N", .min = 1, .max = 1 << 20, .help = "tokens of a prompt that are computed together"),
    ROW(cpu, CHOICE, 0, "cpu", "auto|" TL_CPU_LEVELS, .help = "instruction set"),
    ROW(kv, CHOICE, 0, "kv", "f32|f16|bf16|q8_0", .help = "format of keys and values"),
    ROW(activations, CHOICE, 0, "activations", "auto|f32", .help = "what activations are rounded to"),
    ROW(io, CHOICE, 0, "io", "auto|uring|pread", .help = "how the drive is read"),
    ROW(policy, CHOICE, 0, "policy", "auto|lru|lfru", .help = "which experts stay in memory"),
    ROW(lookahead, CHOICE, 0, "lookahead", "auto|on|off", .help = "reading what the next layer will probably need"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(show, FLAG, 0, "show", NULL, .help = "what was found before; measures nothing"),
    ROW(undo, FLAG, 0, "undo", NULL, .help = "forget what was found before; measures nothing"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no progress on standard error"),
    ROW(no_ledger, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}};

/* --- for people --------------------------------------------------------------------------------------------------- */

struct value { char *text; double seconds; };
struct trial { char *setting, *why, *usual, *chosen; double gain; struct value values[VALUES]; size_t n_values; };

static void trial_done(struct trial *trial)
{
    tl_free(trial->setting);
    tl_free(trial->why);
    tl_free(trial->usual);
    tl_free(trial->chosen);
    for (size_t i = 0; i < trial->n_values; i++)
        tl_free(trial->values[i].text);
    *trial = (struct trial){0};
}

static int read_values(struct tl_json *json, struct trial *trial)
{
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT && trial->n_values < VALUES) {
        struct value *value = &trial->values[trial->n_values++];
        while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
            r = tl_json_is(json, "value") && !value->text ? tl_json_text(json, &value->text)
              : tl_json_is(json, "seconds")               ? tl_json_f64(json, &value->seconds) : tl_json_skip(json);
        if (r >= 0 && !value->text)
            r = tl_json_fail(json, "a value");
    }
    return r;
}

static int read_trial(struct tl_json *json, struct trial *trial)
{
    const struct { const char *key; char **text; } texts[] = {
        {"setting", &trial->setting}, {"why", &trial->why}, {"usual", &trial->usual}, {"chosen", &trial->chosen},
    };
    int r = 0;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        char **text = NULL;
        for (size_t i = 0; i < TL_COUNT(texts); i++)
            text = tl_json_is(json, texts[i].key) ? texts[i].text : text;
        r = text && !*text ? tl_json_text(json, text) : tl_json_is(json, "gain") ? tl_json_f64(json, &trial->gain)
          : tl_json_is(json, "values") ? read_values(json, trial) : tl_json_skip(json);
    }
    return r < 0 ? r : trial->setting && trial->why ? 0 : tl_json_fail(json, "a whole trial");
}

static void put_trial(const struct trial *trial, struct tl_buffer *out)
{
    tl_buffer_printf(out, "%-10.20s", trial->setting);
    if (trial->usual && trial->chosen) {
        tl_buffer_printf(out, "%-6.20s", trial->chosen);
        if (strcmp(trial->usual, trial->chosen) != 0)
            tl_buffer_printf(out, "instead of %s: %.1f %% less time", trial->usual, 100 * trial->gain);
        else
            tl_buffer_printf(out, "as usual: %s", trial->why);
    } else {
        tl_buffer_printf(out, "not tried: %s", trial->why);
    }
    tl_buffer_printf(out, "\n");
    for (size_t i = 0; i < trial->n_values && trial->n_values > 1; i++)
        if (trial->values[i].seconds > 0)
            tl_buffer_printf(out, "%s%s %.3g s", i ? ", " : "          ", trial->values[i].text, trial->values[i].seconds);
    if (trial->n_values > 1)
        tl_buffer_printf(out, "\n");
}

static int put_trials(struct tl_json *json, struct tl_buffer *out)
{
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT) {
        struct trial trial = {0};
        r = read_trial(json, &trial);
        if (r >= 0)
            put_trial(&trial, out);
        trial_done(&trial);
    }
    return r;
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_json json;
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    tl_json_init(&json, "report", report, strlen(report));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = tl_json_is(&json, "trials") ? put_trials(&json, &out) : tl_json_skip(&json);
    tl_json_done(&json);
    tl_buffer_printf(&out, "Times are of a prompt of 512 tokens, an answer of 128, or both.\n%s%s\n", settings->show ? "From " : "Kept in ",
                     settings->output);
    if (r >= 0)
        r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    return r;
}

/* --- before ------------------------------------------------------------------------------------------------------- */

static int show(const struct settings *settings)
{
    TL_AUTO char *text = NULL;
    if (!tl_file_exists(settings->output))
        return tl_fail(TL_E_FAIL, "nothing was tuned for %s here; without --show, trill tune does it", settings->model);
    int r = tl_file_slurp(settings->output, MOST_BYTES, &text, NULL);
    if (r < 0)
        return r;
    if (!settings->json)
        return tell(text, settings);
    r = tl_output_text(text);
    return r < 0 ? r : tl_output_text("\n");
}

static int undo(const struct settings *settings)
{
    bool there = unlink(settings->output) == 0;
    if (!there && errno != ENOENT)
        return tl_fail(TL_E_IO, "%s: cannot be removed: %m", settings->output);
    if (settings->json)
        return tl_output_text(there ? "{\"undone\":true}\n" : "{\"undone\":false}\n");
    if (!settings->quiet)
        tl_output_note(there ? "%s is forgotten\n" : "%s: nothing was tuned\n", there ? settings->output : settings->model);
    return 0;
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    TL_AUTO char *model = NULL;
    TL_AUTO char *output = NULL;
    if (!settings.model)
        return tl_fail(TL_E_USAGE, "MODEL is missing: a file, a folder, or a name in the cache folder");
    int r = tl_place_model(settings.model, settings.home, &model);
    if (r >= 0 && !settings.output)
        r = tl_tuning_path(model, settings.home, &output);
    if (r < 0)
        return r;
    settings.model = model;
    settings.output = settings.output ? settings.output : output;
    if (settings.show || settings.undo)
        return settings.show ? show(&settings) : undo(&settings);
    struct tl_setup setup = {.model = model, .home = settings.home, .no_ledger = settings.no_ledger};
    struct trill_account *account = tl_account_open("tune", &setup);
    r = tl_job_carry_out(&(struct tl_job_order){
        .kind = "tune", .options = options, .n_options = TL_COUNT(options), .settings = &settings, .json = settings.json,
        .quiet = settings.quiet, .tell = tell});
    tl_account_close(account, NULL, r);
    return r;
}

const struct tl_command_body tl_tune_command = {
    .about = "Tries the settings that matter for a model on this machine (threads, the chunk of prompts; for a\n"
             "model that is streamed, how the drive is read, look-ahead, and which experts stay) in turns, until\n"
             "each is decided, and keeps what is clearly better in the state folder. Every command that opens the\n"
             "model then uses it for settings that are not given. Answers stay the same, bit for bit.",
    .examples = "trill tune smollm2-135m-instruct\n"
                "trill tune qwen3-235b.gguf --ram 20G --minutes 30\n"
                "trill tune qwen3-235b.gguf --show\n"
                "trill tune qwen3-235b.gguf --undo\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
