/* SPDX-License-Identifier: MIT */
/* trill merge: a model with adapters written into its weights. */
#include <stdbool.h>
#include <stddef.h>

#include "base/amount.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/written.h"

struct settings {
    const char *model, *output, *to, *home;
    struct tl_option_list lora;
    uint64_t threads;
    bool force, json, quiet, no_ledger;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(model, TEXT, 'm', "model", "MODEL", .help = "the base: a file, a folder or a name in the cache"),
    ROW(lora, LIST, 0, "lora", "FILE[:SCALE]", .help = "a LoRA adapter (PEFT folder or GGUF); may be given again"),
    ROW(output, FILE, 'o', "output", "PATH", .help = "a file NAME.gguf, or a folder where MODEL is one of safetensors"),
    ROW(to, TEXT, 0, "to", "FORMAT", .help = "format of the matrices that change, such as q8_0; else as they are"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; one per CPU unless given"),
    ROW(force, FLAG, 0, "force", NULL, .help = "replace an output that is there"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(no_ledger, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no figures and no progress on standard error"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}};

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_flat flat = {0};
    char size[TL_AMOUNT_BYTES];
    int r = tl_flat_read("report", report, &flat);
    if (r >= 0 && !settings->quiet)
        tl_output_note("%s: %.0f of %.0f tensors changed, %s\n", settings->output, tl_flat_number(&flat, "", "changed"),
                       tl_flat_number(&flat, "", "tensors"), tl_amount_of_bytes(tl_flat_number(&flat, "", "bytes"), size));
    tl_flat_done(&flat);
    return r;
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    const struct tl_job_order order = {
        .kind = "merge", .options = options, .n_options = TL_COUNT(options), .settings = &settings, .json = settings.json,
        .quiet = settings.quiet, .tell = tell,
    };
    return tl_written_carry_out(&order, &settings.model, settings.home, settings.no_ledger);
}

const struct tl_command_body tl_merge_command = {
    .about = "Writes a model whose weights have LoRA adapters added: W + scale * B A, rounded once to the format\n"
             "that the matrix is stored in, or that --to names. What no adapter changes is copied as it is. The\n"
             "answers are those of the base with --lora, up to that rounding; of 4-bit weights it is coarse, so\n"
             "--to q8_0 or f16 keeps more of a fine adapter.",
    .examples = "trill merge base.gguf --lora adapter -o merged.gguf\n"
                "trill merge base.gguf --lora style.gguf:0.5 --lora domain --to f16 -o merged.gguf\n"
                "trill merge base-folder --lora adapter -o merged-folder\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
