/* SPDX-License-Identifier: MIT */
/* trill score: how likely a text is to a model. One document or a few figures; per-token values to a file on request. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/roofline.h"
#include "cli/setup.h"

struct settings {
    struct tl_setup setup;
    const char *text, *out;
    uint64_t stride, windows;
    bool json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, text, FILE, 0, "text", "FILE", .help = "the text; - reads standard input"),
    TL_COMMAND_OPTION(struct settings, stride, U64, 0, "stride", "N", .min = 1, .max = 1 << 30,
                      .help = "tokens from a window to the next; a window unless given"),
    TL_COMMAND_OPTION(struct settings, windows, U64, 0, "windows", "N", .fallback = "1", .min = 1, .max = 1024,
                      .help = "windows that share a pass over the weights"),
    TL_COMMAND_OPTION(struct settings, out, FILE, 'o', "output", "FILE", .help = "a JSON line for each scored token: {\"i\", \"id\", \"nll\"}"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

enum { DEFAULT_WINDOW = 2048 };

struct score {
    const struct settings *settings;
    struct trill_model *model;
    struct trill_model_figures figures;
    int32_t *ids;
    float *nll;
    size_t n_ids;
    struct trill_scores scores;
};

static int write_tokens(const struct score *score)
{
    struct tl_outfile *file;
    char line[96];
    int r = tl_outfile_open(score->settings->out, &file);
    if (r < 0)
        return r;
    for (size_t i = 0; i < score->n_ids && r >= 0; i++) {
        if (isnan(score->nll[i]))
            continue;
        int n = snprintf(line, sizeof line, "{\"i\":%zu,\"id\":%" PRId32 ",\"nll\":%.7g}\n", i, score->ids[i], (double)score->nll[i]);
        r = tl_outfile_write(file, line, (size_t)n);
    }
    if (r >= 0)
        r = tl_outfile_commit(file);
    tl_outfile_close(file);
    return r;
}

static struct tl_roofline limit_of(const struct score *score)
{
    struct trill_peaks peaks = {0};
    uint64_t chunk = score->settings->setup.chunk ? score->settings->setup.chunk : 512;
    if (score->settings->setup.quiet || trill_measure_peaks(score->figures.threads, score->settings->setup.cpu, &peaks, sizeof peaks) < 0)
        peaks = (struct trill_peaks){0};
    return tl_roofline_score(&score->figures, &peaks, score->scores.tokens, (uint32_t)chunk);
}

static int report(const struct score *score)
{
    const struct trill_scores *s = &score->scores;
    struct tl_roofline limit = limit_of(score);
    double share = s->seconds > 0 ? limit.seconds / s->seconds : 0;
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    if (score->settings->json)
        tl_buffer_printf(&text, "{\"tokens\":%" PRIu64 ",\"nll_sum\":%.9g,\"perplexity\":%.9g,\"perplexity_se\":%.6g,\"read_bytes\":%" PRIu64
                         ",\"sweeps\":%" PRIu64 ",\"seconds\":%.6g,\"limit_share\":%.4g,\"bound\":\"%s\"}\n",
                         s->tokens, s->nll_sum, s->perplexity, s->perplexity_se, score->figures.read_bytes, s->steps, s->seconds, share, limit.bound);
    else
        tl_buffer_printf(&text, "perplexity %.4f, standard error %.4f, over %" PRIu64 " tokens\n", s->perplexity, s->perplexity_se, s->tokens);
    int r = tl_output_buffer(&text);
    tl_buffer_done(&text);
    if (!score->settings->json && !score->settings->setup.quiet)
        tl_output_note("%.1f tokens/s in %" PRIu64 " steps; %.0f %% of what %s allows; peak memory %.1f MiB", (double)s->tokens / s->seconds, s->steps,
                       100 * share, limit.bound, (double)score->figures.peak_bytes / (1 << 20));
    return r;
}

static int score_text(struct score *score)
{
    const struct settings *settings = score->settings;
    struct trill_score_options how;
    TL_AUTO char *text = NULL;
    size_t n_bytes = 0;
    int r = tl_input_text(settings->text, &text, &n_bytes);
    if (r >= 0)
        r = tl_command_status(trill_tokenize(score->model, text, n_bytes, TRILL_BOS, &score->ids, &score->n_ids));
    if (r >= 0 && score->n_ids < 2)
        r = tl_fail(TL_E_USAGE, "%s: %zu tokens, at least 2 are needed to score one", settings->text, score->n_ids);
    if (r >= 0 && !(score->nll = tl_alloc(score->n_ids, sizeof *score->nll)))
        r = TL_E_NOMEM;
    if (r < 0)
        return r;
    trill_score_options_init(&how, sizeof how);
    how.window = (uint32_t)settings->setup.context;
    how.stride = (uint32_t)settings->stride;
    how.cancel = tl_interrupt_flag();
    r = tl_command_status(trill_score(score->model, score->ids, score->n_ids, &how, score->nll, &score->scores, sizeof score->scores));
    if (r >= 0)
        r = tl_command_status(trill_model_figures(score->model, &score->figures, sizeof score->figures));
    if (r >= 0 && settings->out)
        r = write_tokens(score);
    return r < 0 ? r : report(score);
}

static int run(const void *context)
{
    struct score score = {.settings = context};
    const struct settings *settings = context;
    int r = tl_setup_check(&settings->setup);
    if (r >= 0 && !settings->text)
        r = tl_fail(TL_E_USAGE, "no text: --text FILE");
    if (r >= 0)
        r = tl_setup_open(&settings->setup, &(struct tl_setup_needs){.sessions = (uint32_t)settings->windows, .context = DEFAULT_WINDOW}, &score.model);
    if (r >= 0)
        r = score_text(&score);
    trill_free(score.ids);
    tl_free(score.nll);
    trill_model_close(score.model);
    return r;
}

const struct tl_command_body tl_score_command = {
    .about = "Prints the perplexity of a text: exp of the mean of -log p(token given those before it), natural\n"
             "logarithms. The text is cut into windows of --context tokens; with --stride they overlap, and each\n"
             "token is scored once, with more before it. The first token of a text is never scored.",
    .examples = "trill score MODEL --text book.txt\n"
                "trill score MODEL --text book.txt -c 1024 --stride 512 --json\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
