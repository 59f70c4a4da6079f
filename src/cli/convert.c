/* SPDX-License-Identifier: MIT */
/* trill convert: a model as the other kind of file. */
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/written.h"

struct settings {
    const char *model, *output, *to, *home;
    uint64_t threads, ram;
    bool force, json, quiet, no_ledger;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(model, TEXT, 'm', "model", "MODEL", .help = "the model: a file, a folder or a name in the cache"),
    ROW(output, FILE, 'o', "output", "PATH", .help = "where it is written: NAME.gguf, or a folder for safetensors"),
    ROW(to, TEXT, 0, "to", "FORMAT|FILE", .help = "matrices in bf16, f16 or f32; of a GGUF in any that quantize knows"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; one per CPU unless given"),
    ROW(ram, BYTES, 0, "ram", "BYTES", .min = 1, .max = 1e18, .help = "all memory the process may take: 4G, 512M; changes no bit"),
    ROW(force, FLAG, 0, "force", NULL, .help = "replace an output that is there"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(no_ledger, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no figures and no progress on standard error"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}, {"PATH", offsetof(struct settings, output)}};

static void tell_written(const struct tl_flat *report, const void *context)
{
    const struct settings *settings = context;
    tl_output_note("%s: %.0f tensors, ", settings->output, tl_flat_number(report, "", "tensors"));
    tl_written_tell_size(report);
    tl_output_note("\n");
}

static int tell(const char *report, const void *context)
{
    return tl_written_tell(report, ((const struct settings *)context)->quiet, tell_written, context);
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    const struct tl_job_order order = {
        .kind = "convert", .options = options, .n_options = TL_COUNT(options), .settings = &settings, .json = settings.json,
        .quiet = settings.quiet, .tell = tell,
    };
    return tl_written_carry_out(&order, &settings.model, settings.home, settings.no_ledger);
}

const struct tl_command_body tl_convert_command = {
    .about = "Writes a model as the other kind of file: safetensors of Hugging Face as a GGUF, or a GGUF\n"
             "as a folder of safetensors, with names, order of rows, configuration and tokenizer as programs of\n"
             "that kind expect them, tensor by tensor in little memory. Formats stay bit for bit where the other\n"
             "kind has them, or their values in another (int4 in q4_0); all others become f32, which holds their\n"
             "exact values, unless --to names a smaller one. A run that was stopped goes on where it was. trill\n"
             "quantize crosses kinds as well.",
    .examples = "trill convert SmolLM2-135M-Instruct smollm2.gguf\n"
                "trill convert model.gguf folder --to bf16\n"
                "trill quantize Qwen3-30B-A3B qwen3.gguf --to q4_k\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
