/* SPDX-License-Identifier: MIT */
/* trill eval: models compared, quality against cost. The work is the library's job "eval"; the rows in front of `json` are the
 * job's options, and those that follow say where models and folders are. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/csv.h"
#include "cli/eval_report.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/svg.h"

struct settings {
    bool json, csv, quiet;
    struct tl_option_list models, tasks, prompts;
    const char *reference, *text, *verify, *store, *answers, *cpu, *kv, *activations, *io, *policy, *lookahead, *state, *config, *home, *svg;
    uint64_t window, stride, tokens, threads, context, ram, chunk;
    double verify_seconds;
    bool chat, trust, unrecorded;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(models, LIST, 'm', "model", "MODEL", .help = "a model: a file, a folder or a name in the cache; any number"),
    ROW(reference, TEXT, 0, "reference", "MODEL", .help = "what the others are measured against"),
    ROW(text, FILE, 0, "text", "FILE|DIR", .help = "a text, or a folder of texts: perplexity, distance to the reference"),
    ROW(tasks, LIST, 0, "tasks", "FILE", .help = "JSONL of tasks with right answers"),
    ROW(prompts, LIST, 0, "prompts", "FILE", .help = "JSONL of prompts: loops, refusals, drift from the reference"),
    ROW(window, U64, 0, "window", "N", .max = 1 << 30, .help = "tokens of a window of the text; 2048 unless given"),
    ROW(stride, U64, 0, "stride", "N", .min = 1, .max = 1 << 30, .help = "tokens from a window to the next; a window unless given"),
    ROW(tokens, U64, 'n', "tokens", "N", .fallback = "256", .min = 1, .max = 1 << 20, .help = "of an answer, at most"),
    ROW(chat, FLAG, 0, "chat", NULL, .help = "prompts are a user's message in the model's chat template"),
    ROW(verify, TEXT, 0, "verify", "COMMAND", .help = "judges answers of tasks that say \"verify\": true; right is exit code 0"),
    ROW(verify_seconds, F64, 0, "verify-seconds", "S", .fallback = "10", .min = 0.01, .max = 86400, .help = "that a verifier may take"),
    ROW(trust, FLAG, 0, "trust-tasks", NULL, .help = "run commands that stand in tasks"),
    ROW(store, FILE, 0, "store", "DIR", .help = "folder of stored references; eval in the folder of models unless given"),
    ROW(answers, FILE, 'o', "answers", "FILE", .help = "JSONL of every answer with its verdict"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; one per CPU unless given"),
    ROW(context, U64, 'c', "context", "N", .min = 1, .max = 1 << 30, .help = "as --window, where that is not given"),
    ROW(ram, BYTES, 0, "ram", "BYTES", .min = 1, .max = 1e18, .help = "all memory the process may take: 20G, 512M"),
    ROW(chunk, U64, 0, "chunk", "N", .min = 1, .max = 1 << 20, .help = "tokens that are computed together"),
    ROW(cpu, CHOICE, 0, "cpu", "auto|" TL_CPU_LEVELS, .help = "instruction set; changes no answer"),
    ROW(kv, CHOICE, 0, "kv", "f32|f16|bf16|q8_0", .help = "format of keys and values"),
    ROW(activations, CHOICE, 0, "activations", "auto|f32", .help = "what activations are rounded to"),
    ROW(io, CHOICE, 0, "io", "auto|uring|pread", .help = "how the drive is read"),
    ROW(policy, CHOICE, 0, "policy", "auto|lru|lfru", .help = "which experts stay in memory"),
    ROW(lookahead, CHOICE, 0, "lookahead", "auto|on|off", .help = "read what the next layer will probably need"),
    ROW(state, FILE, 0, "state", "DIR", .help = "folder of the ledger and of what was measured here"),
    ROW(config, FILE, 0, "config", "DIR", .help = "folder of machine.json: watts and prices"),
    ROW(unrecorded, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(csv, FLAG, 0, "csv", NULL, .help = "the table as comma-separated values"),
    ROW(svg, FILE, 0, "svg", "FILE", .help = "a picture: quality against cost, with the frontier"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no progress on standard error"),
};

/* --- the report --------------------------------------------------------------------------------------------------- */

static int draw(const struct tl_flat *flat, const char *path)
{
    struct tl_buffer chart;
    tl_buffer_init(&chart, 0);
    tl_eval_report_svg(flat, &chart);
    int r = tl_svg_write(path, &chart);
    tl_buffer_done(&chart);
    return r;
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_flat flat = {0};
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    int r = tl_flat_read("report", report, &flat);
    if (r >= 0 && settings->svg)
        r = draw(&flat, settings->svg);
    if (r >= 0 && settings->json) {
        tl_buffer_printf(&out, "%s\n", report);
    } else if (r >= 0 && settings->csv) {
        r = tl_csv_from_json(report, "models", &out);
    } else if (r >= 0) {
        tl_eval_report_table(&flat, &out);
        tl_eval_report_groups(&flat, &out);
        tl_eval_report_pairs(&flat, &out);
    }
    if (r >= 0)
        r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    tl_flat_done(&flat);
    return r;
}

/* --- places ------------------------------------------------------------------------------------------------------- */

struct places { char *models[TL_OPTION_LIST_MAX], *reference, *folders[2], *cache, *store; };

static void places_done(struct places *places)
{
    for (size_t i = 0; i < TL_OPTION_LIST_MAX; i++)
        tl_free(places->models[i]);
    tl_free(places->reference);
    tl_free(places->folders[0]);
    tl_free(places->folders[1]);
    tl_free(places->cache);
    tl_free(places->store);
}

static int find_models(struct settings *s, struct places *places)
{
    int r = 0;
    for (size_t i = 0; i < s->models.count && r >= 0; i++) {
        r = tl_place_model(s->models.items[i], s->home, &places->models[i]);
        s->models.items[i] = places->models[i];
    }
    if (r >= 0 && s->reference) {
        r = tl_place_model(s->reference, s->home, &places->reference);
        s->reference = places->reference;
    }
    return r;
}

static int find_folders(struct settings *s, struct places *places)
{
    tl_place_folders(s->home, &s->state, &s->config, places->folders);
    if (s->store || !(s->reference || s->tasks.count || s->prompts.count))
        return 0;
    int r = tl_place_cache(s->home, &places->cache);
    if (r >= 0 && !(places->store = tl_file_join(places->cache, "eval")))
        r = TL_E_NOMEM;
    s->store = places->store;
    return r;
}

/* Whether the picture can be written is known before hours are spent on it. */
static int try_picture(const char *path)
{
    struct tl_outfile *file = NULL;
    int r = path ? tl_outfile_open(path, &file) : 0;
    tl_outfile_close(file);
    return r;
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    struct places places = {0};
    int r = settings.models.count ? 0 : tl_fail(TL_E_USAGE, "MODEL is missing: a file, a folder, or a name in the cache folder; or several");
    if (r >= 0 && settings.csv && settings.json)
        r = tl_fail(TL_E_USAGE, "--csv and --json are not given together");
    if (r >= 0)
        r = try_picture(settings.svg);
    if (r >= 0)
        r = find_models(&settings, &places);
    if (r >= 0)
        r = find_folders(&settings, &places);
    if (r >= 0)
        r = tl_job_carry_out(&(struct tl_job_order){.kind = "eval", .options = options, .n_options = TL_COUNT(options), .settings = &settings,
                                                    .quiet = settings.quiet, .tell = tell});
    places_done(&places);
    return r;
}

const struct tl_command_body tl_eval_command = {
    .about = "Compares models: perplexity of a text and the distance to a reference model, tasks with right\n"
             "answers, loops, refusals and drift on prompts; and what it costs in bytes, time, joules and money.\n"
             "Every figure has its standard error, every two models a paired test. The reference is swept once\n"
             "and stored. Models may be larger than memory. What a line of tasks or prompts is, docs/eval.md says.\n"
             "Commands that stand in tasks are run only with --trust-tasks.",
    .examples = "trill eval small.gguf large.gguf --text held-out.txt\n"
                "trill eval model-q4.gguf model-q6.gguf --reference model-f16.gguf --text corpus/ --svg picture.svg\n"
                "trill eval a.gguf b.gguf --tasks tasks.jsonl --verify 'python3 check.py' -o answers.jsonl\n"
                "trill eval tuned.gguf --reference base.gguf --prompts prompts.jsonl --chat --json\n",
    .options = options, .n_options = TL_COUNT(options),
    .rest_offset = offsetof(struct settings, models),
    .settings_bytes = sizeof(struct settings), .run = run,
};
