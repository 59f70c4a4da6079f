/* SPDX-License-Identifier: MIT */
/* trill quantize: a model file in other number formats. */
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/written.h"

struct settings {
    const char *model, *output, *to, *importance, *home;
    double bits;
    uint64_t size_bytes, threads, ram;
    bool native_too, force, json, quiet, no_ledger;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(model, TEXT, 'm', "model", "MODEL", .help = "the model: a file, a folder or a name in the cache"),
    ROW(output, FILE, 'o', "output", "PATH", .help = "where it is written"),
#include "cli/write_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}, {"PATH", offsetof(struct settings, output)}};

static void tell_written(const struct tl_flat *report, const void *context)
{
    const struct settings *settings = context;
    tl_output_note("%s: ", settings->output);
    tl_written_tell_size(report);
    tl_output_note(", %.2f bits a weight", tl_flat_number(report, "", "bits"));
    if (tl_flat_has(report, "", "relative_error"))
        tl_output_note(", relative error %.3g%s", tl_flat_number(report, "", "relative_error"),
                       tl_flat_number(report, "", "resumed") > 0 ? " of what this run rounded" : "");
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
        .kind = "quantize", .options = options, .n_options = TL_COUNT(options), .settings = &settings, .json = settings.json,
        .quiet = settings.quiet, .tell = tell,
    };
    return tl_written_carry_out(&order, &settings.model, settings.home, settings.no_ledger);
}

const struct tl_command_body tl_quantize_command = {
    .about = "Writes a model with its matrices in another number format, tensor by tensor in little memory,\n"
             "whatever the size of the model. --to is a format for all matrices, or a file of lines that say\n"
             "what gets which; --bits and --size choose for each matrix, so that least is lost. With\n"
             "--importance what is rounded where much goes through counts more. A run that was stopped goes on\n"
             "where it was.",
    .examples = "trill score model.gguf --text corpus.txt --moments moments.safetensors\n"
                "trill quantize model.gguf small.gguf --bits 4.5 --importance moments.safetensors\n"
                "trill quantize model.gguf small.gguf --to q4_k\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
