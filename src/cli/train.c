/* SPDX-License-Identifier: MIT */
/* trill train: a small model learns texts. The work is the library's job "train"; the rows in front of `json` are the job's
 * options, and those that follow say where models and folders are. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/flat.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/train_report.h"

struct settings {
    bool json, quiet;
    const char *model, *size, *vocab, *text, *out, *schedule, *format, *checkpoint, *state, *config, *home, *svg, *lora_targets;
    uint64_t tokens, window, batch, warmup, seed, threads, ram, lora_rank;
    double hours, rate, decay, clip, held, interval, lora_alpha;
    bool bf16, force, forecast, unrecorded;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(model, TEXT, 'm', "model", "MODEL", .help = "a GGUF file, a name in the cache, a geometry, a config.json"),
    ROW(size, TEXT, 0, "size", "SIZE", .help = "a new model instead: 30M weights beyond its embeddings; or auto"),
    ROW(vocab, TEXT, 0, "vocab", "MODEL", .help = "whose words a new model takes; usually smollm2-135m-instruct"),
    ROW(text, FILE, 0, "text", "FILE|DIR", .help = "what is learnt: a text, lines of JSON (.jsonl), or a folder of them"),
    ROW(out, FILE, 'o', "output", "OUT.gguf", .help = "the trained model; an adapter may be a folder of PEFT too"),
    ROW(tokens, COUNT, 0, "tokens", "N", .min = 1, .max = 1e15, .help = "to learn from, the same text again where there is less: 500k, 20M, 1B"),
    ROW(hours, F64, 0, "hours", "H", .max = 1e6, .help = "instead of --tokens: how long it may take"),
    ROW(window, U64, 0, "window", "N", .fallback = "512", .min = 2, .max = 1 << 20, .help = "tokens that are seen together"),
    ROW(batch, U64, 0, "batch", "N", .fallback = "8", .min = 1, .max = 1 << 16, .help = "windows of a step"),
    ROW(rate, F64, 0, "rate", "RATE", .max = 1e30, .help = "peak of the rate of learning; by size unless given"),
    ROW(schedule, TEXT, 0, "schedule", "NAME", .fallback = "cosine", .help = "how the rate runs: cosine, wsd or constant"),
    ROW(warmup, U64, 0, "warmup", "STEPS", .max = 1e15, .help = "over which the rate rises; a twentieth of all unless given"),
    ROW(decay, F64, 0, "decay", "D", .fallback = "0.1", .max = 1e3, .help = "by which weights of matrices shrink (AdamW); 0: not"),
    ROW(clip, F64, 0, "clip", "NORM", .fallback = "1", .max = 1e9, .help = "that a step's gradient has at most; 0: any"),
    ROW(seed, U64, 0, "seed", "N", .fallback = "0", .help = "of the first weights and of the order of texts"),
    ROW(bf16, FLAG, 0, "bf16", NULL, .help = "factors of products are rounded to bf16; sums stay f32"),
    ROW(held, F64, 0, "held", "SHARE", .fallback = "0.02", .max = 0.9, .help = "of the documents; it tells how good the model is"),
    ROW(format, TEXT, 0, "format", "FORMAT", .fallback = "f32", .help = "of the output: f32, f16, bf16, q8_0"),
    ROW(lora_rank, U64, 0, "lora-rank", "R", .max = 16384, .help = "only an adapter learns, of this rank; the model may be any"),
    ROW(lora_alpha, F64, 0, "lora-alpha", "A", .max = 1e6, .help = "its strength is A / R; twice the rank unless given"),
    ROW(lora_targets, TEXT, 0, "lora-targets", "NAME,...", .help = "what it adapts: q,k,v,o,gate,up,down; all unless given"),
    ROW(checkpoint, FILE, 0, "checkpoint", "FILE", .help = "from which the same command goes on; usually OUT.gguf.checkpoint"),
    ROW(interval, F64, 0, "interval", "SECONDS", .fallback = "180", .max = 1e6, .help = "between checkpoints, at least"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; one per CPU unless given; changes no bit"),
    ROW(ram, BYTES, 0, "ram", "BYTES", .min = 1, .max = 1e18, .help = "all memory the process may take: 20G, 512M; changes no bit"),
    ROW(force, FLAG, 0, "force", NULL, .help = "replace an output, or a checkpoint of other work, that is there"),
    ROW(forecast, FLAG, 0, "forecast", NULL, .help = "only say what would be trained, and the loss that is predicted"),
    ROW(state, FILE, 0, "state", "DIR", .help = "folder of the ledger and of what was measured here"),
    ROW(config, FILE, 0, "config", "DIR", .help = "folder of machine.json: watts and prices"),
    ROW(unrecorded, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(svg, FILE, 0, "svg", "FILE", .help = "a picture of the losses"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no figures and no progress on standard error"),
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}};

/* --- the report --------------------------------------------------------------------------------------------------- */

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_flat flat = {0};
    int r = tl_flat_read("report", report, &flat);
    if (r >= 0 && settings->svg && !settings->forecast)
        r = tl_train_report_draw(&flat, settings->svg);
    if (r >= 0 && !settings->quiet)
        (settings->forecast ? tl_train_report_forecast : tl_train_report_tell)(&flat);
    if (r >= 0 && settings->json)
        r = tl_output_text(report);
    if (r >= 0 && settings->json)
        r = tl_output_text("\n");
    tl_flat_done(&flat);
    return r;
}

/* --- places ------------------------------------------------------------------------------------------------------- */

static const char usual_words[] = "smollm2-135m-instruct";

struct places { char *model, *vocab, *folders[2], *size; };

static void places_done(struct places *places)
{
    tl_free(places->model);
    tl_free(places->vocab);
    tl_free(places->folders[0]);
    tl_free(places->folders[1]);
    tl_free(places->size);
}

/* A model is a path, a name in the cache or, with words of another, a geometry's name, which the library finds. */
static int find_models(struct settings *s, struct places *places)
{
    int r = 0;
    if (s->model && !tl_file_exists(s->model) && tl_place_model(s->model, s->home, &places->model) >= 0)
        s->model = places->model;
    if (s->vocab) {
        r = tl_place_model(s->vocab, s->home, &places->vocab);
        s->vocab = places->vocab;
    } else if (tl_place_model(usual_words, s->home, &places->vocab) >= 0) {
        s->vocab = places->vocab;
    }
    return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int carry_out(const struct settings *settings, int (*say)(const char *report, const void *settings))
{
    return tl_job_carry_out(&(struct tl_job_order){.kind = "train", .options = options, .n_options = TL_COUNT(options), .settings = settings,
                                                   .quiet = settings->quiet, .tell = say});
}

struct choice { struct settings settings; char **size; };

static int take_choice(const char *report, const void *context)
{
    const struct choice *choice = context;
    struct tl_flat flat = {0};
    int r = tl_flat_read("report", report, &flat);
    if (r >= 0 && !choice->settings.quiet)
        tl_train_report_forecast(&flat);
    if (r >= 0 && !(*choice->size = tl_strdup(tl_flat_text(&flat, "", "model"))))
        r = TL_E_NOMEM;
    tl_flat_done(&flat);
    return r;
}

/* What the scaling law makes of it is told before it begins, and is what is trained. */
static int choose_size(struct settings *settings, struct places *places)
{
    struct choice choice = {.settings = *settings, .size = &places->size};
    if (!settings->size || strcmp(settings->size, "auto") != 0 || settings->forecast)
        return 0;
    choice.settings.forecast = true;
    int r = carry_out(&choice.settings, take_choice);
    settings->size = places->size;
    return r;
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    struct places places = {0};
    int r = find_models(&settings, &places);
    tl_place_folders(settings.home, &settings.state, &settings.config, places.folders);
    if (r >= 0)
        r = choose_size(&settings, &places);
    if (r >= 0)
        r = carry_out(&settings, tell);
    if (r == TL_E_CANCEL && !settings.quiet)
        tl_output_note("what was learnt is kept in %s%s; the same command goes on from there\n", settings.checkpoint ? settings.checkpoint : settings.out,
                       settings.checkpoint ? "" : ".checkpoint");
    places_done(&places);
    return r;
}

const struct tl_command_body tl_train_command = {
    .about = "Trains a small model on texts and writes it as a GGUF file that any reader of such files loads.\n"
             "MODEL is a GGUF file, which goes on from its weights, or a geometry (a known name, a config.json),\n"
             "which begins with weights that are drawn; --size makes one of a given size, and --size auto leaves\n"
             "that to a scaling law. A share of the documents is held out and tells how good the model is. The\n"
             "same command, seed and texts give the same file, bit for bit, whatever the threads and the memory,\n"
             "and after Ctrl-C, kill or a power cut it goes on from its checkpoint. docs/train.md says more.\n"
             "With --lora-rank the model stays as it is and a LoRA adapter learns, which every command takes\n"
             "with --lora. The model may be larger than memory: its weights pass through it there and back,\n"
             "and a step reads it twice. docs/adapters.md says more.",
    .examples = "trill train --size 10M --text documents/ --hours 1 -o mine.gguf\n"
                "trill train --size auto --text documents/ --hours 8 -o mine.gguf --svg losses.svg\n"
                "trill train smollm2-135m-instruct --text chats.jsonl --tokens 2M -o tuned.gguf\n"
                "trill train large.gguf --lora-rank 8 --text corpus/ --tokens 1M --ram 6G -o adapter.gguf\n"
                "trill train config.json --vocab smollm2-135m-instruct --text corpus/ --tokens 1B -o new.gguf\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
