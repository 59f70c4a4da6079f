/* SPDX-License-Identifier: MIT */
/* trill synth: a model file with random weights. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/amount.h"
#include "base/json.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/job.h"
#include "cli/output.h"

struct settings {
    const char *geometry, *output, *format, *to, *experts, *trunk, *embed, *head, *home;
    uint64_t layers, share, seed, threads;
    double skew;
    bool tiny, ahead, force, json, quiet, no_ledger;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(geometry, TEXT, 0, "geometry", "GEOMETRY", .help = "a known model's name, a config.json, or a folder that holds one"),
    ROW(output, FILE, 'o', "output", "PATH", .help = "a file NAME.gguf, or a folder for safetensors"),
    ROW(format, CHOICE, 0, "format", "gguf|safetensors", .help = "gguf where the output ends in .gguf"),
    ROW(to, TEXT, 0, "to", "FORMAT", .help = "number format of matrices, such as q4_0; else the model's own"),
    ROW(experts, TEXT, 0, "experts", "FORMAT", .help = "that of routed experts alone"),
    ROW(trunk, TEXT, 0, "trunk", "FORMAT", .help = "that of all other matrices"),
    ROW(embed, TEXT, 0, "embed", "FORMAT", .help = "that of the embedding"),
    ROW(head, TEXT, 0, "head", "FORMAT", .help = "that of the head"),
    ROW(layers, U64, 0, "layers", "N", .min = 1, .max = 4096, .help = "only the first N layers"),
    ROW(tiny, FLAG, 0, "tiny", NULL, .help = "the same architecture with every size shrunk"),
    ROW(ahead, FLAG, 0, "ahead", NULL, .help = "with the layer that predicts a further token, for --draft heads"),
    ROW(share, U64, 0, "share", "N", .min = 1, .max = 65536, .help = "store N experts a layer, each in place of many"),
    ROW(skew, F64, 0, "skew", "S", .fallback = "0.25", .min = 0.25, .max = 1,
        .help = "choices that the busiest quarter of experts takes"),
    ROW(seed, U64, 0, "seed", "S", .fallback = "0", .help = "another seed, other weights"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; one per CPU unless given"),
    ROW(force, FLAG, 0, "force", NULL, .help = "replace an output that is there"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of settings and state, instead of the usual ones"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no figures and no progress on standard error"),
    ROW(no_ledger, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
};

static const struct tl_command_word words[] = {{"GEOMETRY", offsetof(struct settings, geometry)}};

struct figures { uint64_t parameters, active, experts, stored_experts, logical_bytes, stored_bytes; double seconds; bool assumed; };

static int read_report(const char *report, struct figures *f)
{
    struct tl_json json;
    tl_json_init(&json, "report", report, strlen(report));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        struct { const char *key; uint64_t *value; } rows[] = {
            {"parameters", &f->parameters}, {"active_parameters", &f->active}, {"experts", &f->experts},
            {"stored_experts", &f->stored_experts}, {"logical_bytes", &f->logical_bytes}, {"stored_bytes", &f->stored_bytes},
        };
        uint64_t *value = NULL;
        for (size_t i = 0; i < TL_COUNT(rows); i++)
            value = tl_json_is(&json, rows[i].key) ? rows[i].value : value;
        if (value)
            r = tl_json_u64(&json, UINT64_MAX, value);
        else if (tl_json_is(&json, "seconds"))
            r = tl_json_f64(&json, &f->seconds);
        else
            r = tl_json_is(&json, "assumed") ? tl_json_bool(&json, &f->assumed) : tl_json_skip(&json);
    }
    tl_json_done(&json);
    return r < 0 ? r : 0;
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct figures f = {0};
    int r = read_report(report, &f);
    if (r < 0 || settings->quiet)
        return r;
    char some[TL_AMOUNT_BYTES], others[TL_AMOUNT_BYTES];
    tl_output_note("%s: %s parameters, %s used for a token%s\n", settings->output, tl_amount_of_count((double)f.parameters, some),
                   tl_amount_of_count((double)f.active, others), f.assumed ? "; an assumed geometry, not a published one" : "");
    if (f.stored_experts < f.experts)
        tl_output_note("%s of weights, %s stored: %" PRIu64 " experts a layer stand for %" PRIu64 "\n", tl_amount_of_bytes((double)f.logical_bytes, some),
                       tl_amount_of_bytes((double)f.stored_bytes, others), f.stored_experts, f.experts);
    else
        tl_output_note("%s of weights\n", tl_amount_of_bytes((double)f.stored_bytes, some));
    tl_output_note("written in %.1f s, %s\n", f.seconds, tl_amount_of_rate(f.seconds > 0 ? (double)f.stored_bytes / f.seconds : 0, some));
    return 0;
}

static int run(const void *context)
{
    const struct settings *settings = context;
    struct tl_setup setup = {.model = settings->output, .home = settings->home, .no_ledger = settings->no_ledger};
    struct trill_account *account = tl_account_open("synth", &setup);
    int r = tl_job_carry_out(&(struct tl_job_order){
        .kind = "synth", .options = options, .n_options = TL_COUNT(options), .settings = settings, .json = settings->json,
        .quiet = settings->quiet, .tell = tell});
    tl_account_close(account, NULL, r);
    return r;
}

const struct tl_command_body tl_synth_command = {
    .about = "Writes a model of a real geometry with random weights: it loads and runs like the real one, and\n"
             "says nothing of sense. Weights are scaled so that activations stay sane and tokens spread over all\n"
             "experts. The tokenizer has one token a byte. With --share the stored experts serve for all: expert\n"
             "e of a layer is the stored one with number e modulo N, so that a model of trillions of parameters\n"
             "fits on a small disk, while every read and every place in memory is as in the whole one. Only\n"
             "trill runs such files.",
    .examples = "trill synth qwen3-30b-a3b --to q4_0 -o qwen3.gguf\n"
                "trill synth kimi-k2 --share 16 -o kimi\n"
                "trill synth gpt-oss-120b --tiny -o tiny.gguf    # for tests\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
