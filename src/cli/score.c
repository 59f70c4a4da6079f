/* SPDX-License-Identifier: MIT */
/* trill score: how likely texts are to a model, and what else a pass over all its layers can tell. The work is the
 * library's job "score"; the rows in front of `json` are the job's options. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/flat.h"
#include "cli/input.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/setup.h"

struct settings {
    struct tl_setup setup;
    const char *text, *content, *out, *teacher, *router, *experts, *moments, *checkpoint;
    uint64_t window, stride, draws, seed;
    double interval;
    bool json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, text, FILE, 0, "text", "FILE|DIR", .help = "the text, or a folder of texts; - reads standard input"),
    TL_COMMAND_OPTION(struct settings, content, TEXT, 0, "content", "TEXT", .help = "the text itself, instead"),
    TL_COMMAND_OPTION(struct settings, window, U64, 0, "window", "N", .max = 1 << 30,
                      .help = "tokens of a window; as --context, 2048 unless given"),
    TL_COMMAND_OPTION(struct settings, stride, U64, 0, "stride", "N", .min = 1, .max = 1 << 30,
                      .help = "tokens from a window to the next; a window unless given"),
    TL_COMMAND_OPTION(struct settings, out, FILE, 'o', "output", "FILE", .help = "a JSON line for each scored token: {\"i\", \"id\", \"nll\"}"),
    TL_COMMAND_OPTION(struct settings, teacher, FILE, 0, "teacher", "FILE", .help = "ids drawn from the model's distribution, for distilling"),
    TL_COMMAND_OPTION(struct settings, draws, U64, 0, "draws", "N", .fallback = "12", .min = 1, .max = 255,
                      .help = "ids that the teacher draws a token"),
    TL_COMMAND_OPTION(struct settings, seed, U64, 0, "seed", "N", .fallback = "0", .help = "of the teacher's random numbers"),
    TL_COMMAND_OPTION(struct settings, router, FILE, 0, "router", "FILE", .help = "how often, and with what weight, experts are chosen"),
    TL_COMMAND_OPTION(struct settings, experts, FILE, 0, "experts", "FILE", .help = "norms of the experts' outputs, for pruning"),
    TL_COMMAND_OPTION(struct settings, moments, FILE, 0, "moments", "FILE", .help = "second moments of what enters each matrix, for quantising"),
    TL_COMMAND_OPTION(struct settings, checkpoint, FILE, 0, "checkpoint", "FILE",
                      .help = "kept while working; the same command goes on from it"),
    TL_COMMAND_OPTION(struct settings, interval, F64, 0, "interval", "SECONDS", .fallback = "120", .max = 1e6,
                      .help = "between checkpoints, at least"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

/* --- for a person ------------------------------------------------------------------------------------------------- */

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_flat flat = {0};
    struct tl_buffer line;
    tl_buffer_init(&line, 0);
    int r = tl_flat_read("the report", report, &flat);
    double tokens = tl_flat_number(&flat, "", "tokens"), sweeps = tl_flat_number(&flat, "", "sweeps"), seconds = tl_flat_number(&flat, "", "seconds");
    tl_job_note_warnings(&flat);
    tl_buffer_printf(&line, "perplexity %.4f, standard error %.4f, over %.0f tokens\n", tl_flat_number(&flat, "", "perplexity"),
                     tl_flat_number(&flat, "", "perplexity_se"), tokens);
    if (r >= 0)
        r = tl_output_buffer(&line);
    if (r >= 0 && !settings->setup.quiet)
        tl_output_note("%.1f tokens/s in %.0f %s; %.0f %% of what %s allows; peak memory %.1f MiB\n", seconds > 0 ? tokens / seconds : 0, sweeps,
                       sweeps > 1 ? "sweeps" : "sweep", 100 * tl_flat_number(&flat, "", "limit_share"), tl_flat_text(&flat, "", "bound"),
                       tl_flat_number(&flat, "", "peak_bytes") / (1 << 20));
    tl_buffer_done(&line);
    tl_flat_done(&flat);
    return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int read_input(struct settings *settings, char **ret_text)
{
    size_t n_bytes;
    if (!settings->text || strcmp(settings->text, "-") != 0)
        return 0;
    int r = tl_input_text("-", ret_text, &n_bytes);
    if (r >= 0 && strlen(*ret_text) != n_bytes)
        r = tl_fail(TL_E_USAGE, "standard input: byte %zu is NUL, which no text has", strlen(*ret_text));
    settings->content = *ret_text;
    settings->text = NULL;
    return r;
}

static int open_model(const struct settings *settings, struct trill_model **ret_model)
{
    struct tl_setup_needs needs = {
        .score_text = settings->text,
        .score_tokens = settings->content ? strlen(settings->content) + 2 : 0,
        .score_statistics = (settings->router ? TRILL_SCORE_ROUTER : 0u) | (settings->experts ? TRILL_SCORE_EXPERTS : 0u) |
                            (settings->moments ? TRILL_SCORE_MOMENTS : 0u),
    };
    struct tl_setup setup = settings->setup;
    setup.context = settings->window ? settings->window : setup.context;
    return tl_setup_open(&setup, &needs, ret_model);
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    struct trill_model *model = NULL;
    TL_AUTO char *text = NULL;
    int r = tl_setup_check(&settings.setup);
    if (r >= 0 && !settings.text && !settings.content)
        r = tl_fail(TL_E_USAGE, "no text: --text FILE");
    if (settings.window == 0)
        settings.window = settings.setup.context;
    if (r >= 0)
        r = read_input(&settings, &text);
    struct trill_account *account = r >= 0 ? tl_account_open("score", &settings.setup) : NULL;
    if (r >= 0)
        r = open_model(&settings, &model);
    if (r >= 0)
        r = tl_job_carry_out(&(struct tl_job_order){
            .kind = "score", .model = model, .options = options, .n_options = TL_COUNT(options), .settings = &settings,
            .json = settings.json, .quiet = settings.setup.quiet, .tell = tell });
    tl_account_close(account, model, r);
    return r;
}

const struct tl_command_body tl_score_command = {
    .about = "Prints the perplexity of a text: exp of the mean of -log p(token given those before it), natural\n"
             "logarithms. The text is cut into windows of --context tokens; with --stride they overlap, and each\n"
             "token is scored once, with more before it. The first token of a text is never scored. Very many\n"
             "windows pass together through one layer after the other, so that a model which does not fit in\n"
             "memory is read once a sweep. What else such a sweep can tell goes to files on request.",
    .examples = "trill score MODEL --text book.txt\n"
                "trill score MODEL --text book.txt -c 1024 --stride 512 --json\n"
                "trill score GIANT --text corpus/ --teacher draws.trill --checkpoint score.ck\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
