/* SPDX-License-Identifier: MIT */
/* trill pull: fetches a model into the hub's cache. The work is in room pull; here are its options, its progress with the
 * rate of the wire, and what a person is told at the end. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/flat.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "pull/pull.h"

struct settings {
    const char *name, *revision, *cache, *endpoint;
    struct tl_option_list include;
    uint64_t connections, stall;
    bool list, json, quiet;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(list, FLAG, 'l', "list", NULL, .help = "show all files and their sizes, and which are needed; fetch nothing"),
    ROW(include, LIST, 0, "include", "PATTERN", .help = "files that match come too: \"*.md\"; may be given again"),
    ROW(revision, TEXT, 0, "revision", "NAME", .fallback = NULL, .help = "a branch, tag or commit; main unless given"),
    ROW(connections, U64, 'j', "connections", "N", .fallback = "4", .min = 1, .max = 16, .help = "connections at a time"),
    ROW(stall, U64, 0, "stall", "SECONDS", .fallback = "30", .min = 1, .max = 3600, .help = "a connection silent for so long is made anew"),
    ROW(cache, FILE, 0, "cache", "DIR", .help = "folder of the hub's cache, instead of the usual one"),
    ROW(endpoint, TEXT, 0, "endpoint", "URL", .help = "another hub than huggingface.co or $HF_ENDPOINT"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no figures and no progress on standard error"),
};

static const struct tl_command_word words[] = {{"NAME", offsetof(struct settings, name)}};

/* --- progress ----------------------------------------------------------------------------------------------------- */

struct watching {
    struct tl_progress_bar bar;
    uint64_t done, at_ns;                /* when the rate was last taken */
    double rate;                         /* bytes a second, smoothed; 0: not known */
};

/* Every second, the last ones counting most. */
static void take_rate(struct watching *watching, const struct tl_progress *progress)
{
    double seconds = (double)(progress->told_ns - watching->at_ns) * 1e-9;
    if (watching->at_ns && seconds < 1)
        return;
    if (watching->at_ns && progress->done >= watching->done) {
        double now = (double)(progress->done - watching->done) / seconds;
        watching->rate = watching->rate > 0 ? 0.7 * watching->rate + 0.3 * now : now;
    }
    watching->at_ns = progress->told_ns;
    watching->done = progress->done;
}

static void watch(void *context, const struct tl_progress *progress)
{
    struct watching *watching = context;
    char stage[80], rate[TL_AMOUNT_BYTES];
    bool fetching = strcmp(progress->unit, "bytes") == 0;
    if (fetching)
        take_rate(watching, progress);
    snprintf(stage, sizeof stage, "%s%s%s", progress->stage, fetching && watching->rate > 0 ? " " : "",
             fetching && watching->rate > 0 ? tl_amount_of_rate(watching->rate, rate) : "");
    tl_progress_draw(&watching->bar, &(struct trill_progress){
        .size = sizeof(struct trill_progress), .stage = stage, .done = progress->done, .total = progress->total, .unit = progress->unit,
        .seconds_left = tl_progress_seconds_left(progress)});
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static int tell_list(const struct tl_flat *report)
{
    struct tl_buffer out;
    char prefix[40], size[TL_AMOUNT_BYTES];
    tl_buffer_init(&out, 0);
    for (size_t i = 0; snprintf(prefix, sizeof prefix, "files.%zu.", i), tl_flat_has(report, prefix, "path"); i++)
        tl_buffer_printf(&out, "%c %10s  %s%s\n", tl_flat_number(report, prefix, "needed") > 0 ? '*' : ' ',
                         tl_amount_of_bytes(tl_flat_number(report, prefix, "bytes"), size), tl_flat_text(report, prefix, "path"),
                         tl_flat_number(report, prefix, "there") > 0 ? "  (here)" : "");
    int r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    return r;
}

/* The path to standard output, for $(trill pull NAME); the rest is for people. */
static int tell_fetched(const struct tl_flat *report, const struct settings *settings)
{
    char size[TL_AMOUNT_BYTES], rate[TL_AMOUNT_BYTES];
    double fetched = tl_flat_number(report, "", "fetched_bytes"), seconds = tl_flat_number(report, "", "seconds");
    const char *licence = tl_flat_has(report, "", "licence") ? tl_flat_text(report, "", "licence") : "";
    if (!settings->quiet && fetched > 0)
        tl_output_note("fetched %s in %.1f s, %s\n", tl_amount_of_bytes(fetched, size), seconds, tl_amount_of_rate(seconds > 0 ? fetched / seconds : 0, rate));
    else if (!settings->quiet)
        tl_output_note("%s was here already\n", tl_amount_of_bytes(tl_flat_number(report, "", "bytes"), size));
    if (!settings->quiet)
        tl_output_note("licence: %s%s\n", *licence ? licence : "not said", tl_flat_number(report, "", "gated") > 0 ? "; gated, its terms were accepted" : "");
    if (!settings->quiet && tl_flat_has(report, "", "model"))
        tl_output_note("to use it: trill chat %s\n", tl_flat_text(report, "", "model"));
    int r = tl_output_text(tl_flat_text(report, "", "path"));
    return r < 0 ? r : tl_output_text("\n");
}

static int tell(const char *text, const struct settings *settings)
{
    struct tl_flat report;
    int r;
    if (settings->json) {
        r = tl_output_text(text);
        return r < 0 ? r : tl_output_text("\n");
    }
    if ((r = tl_flat_read("report", text, &report)) < 0)
        return r;
    r = settings->list ? tell_list(&report) : tell_fetched(&report, settings);
    tl_flat_done(&report);
    return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int run(const void *context)
{
    const struct settings *settings = context;
    struct watching watching = {.bar = {.quiet = settings->quiet}};
    struct tl_progress progress = {.watch = watch, .context = &watching, .cancel = tl_interrupt_flag()};
    struct tl_pull_order order = {
        .name = settings->name, .revision = settings->revision, .patterns = settings->include.items, .n_patterns = settings->include.count,
        .connections = (unsigned)settings->connections, .stall_s = (unsigned)settings->stall, .list = settings->list};
    TL_AUTO char *cache = NULL, *token = NULL;
    struct tl_buffer report;
    if (!settings->name)
        return tl_fail(TL_E_USAGE, "NAME is missing: OWNER/NAME of a repository");
    int r = settings->cache ? 0 : tl_place_hub_cache(&cache);
    if (r >= 0)
        r = tl_place_hub(&order.endpoint, &token, &order.authorities);
    if (r < 0)
        return r;
    order.cache = settings->cache ? settings->cache : cache;
    order.endpoint = settings->endpoint ? settings->endpoint : order.endpoint;
    order.token = token;
    tl_buffer_init(&report, 0);
    r = tl_pull(&order, &progress, &report);
    tl_progress_erase(&watching.bar);
    if (r >= 0)
        r = tell(report.data, settings);
    tl_buffer_done(&report);
    return r;
}

const struct tl_command_body tl_pull_command = {
    .about = "Fetches a model from Hugging Face, or another hub of its kind, into the cache that its own programs\n"
             "use (HF_HOME, HF_HUB_CACHE), where all of them find it. Of a repository of GGUF files one model is\n"
             "taken, with all its parts: the one of :QUANT, else Q8_0 where that has at most 1 GiB, else Q4_K_M or\n"
             "what is nearest to it. Of safetensors the weights come, with configuration, tokenizer and chat\n"
             "template. Each file is checked against its hash. Stopped or killed, the same call goes on from where\n"
             "it was. Standard output gets the path. HF_TOKEN is shown to the hub alone; HF_ENDPOINT names another\n"
             "one; proxies are those of curl.",
    .examples = "trill pull HuggingFaceTB/SmolLM2-135M-Instruct\n"
                "trill pull unsloth/Qwen3-8B-GGUF:Q5_K_M && trill chat unsloth/Qwen3-8B-GGUF:Q5_K_M\n"
                "trill pull OWNER/NAME --list    # all files, * what would be fetched\n"
                "trill pull OWNER/NAME/model-Q8_0.gguf\n"
                "trill pull OWNER/NAME@v1.0 --include \"*.md\"\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
