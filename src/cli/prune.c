/* SPDX-License-Identifier: MIT */
/* trill prune: a model with fewer experts. */
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/written.h"

struct settings {
    const char *model, *output, *to, *importance, *experts, *home;
    double keep, bits;
    uint64_t size_bytes, threads, ram;
    bool uneven, native_too, force, json, quiet, no_ledger;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(model, TEXT, 'm', "model", "MODEL", .help = "the model: a file, a folder or a name in the cache"),
    ROW(output, FILE, 'o', "output", "PATH", .help = "where it is written"),
    ROW(experts, FILE, 0, "experts", "FILE", .help = "what trill score --experts wrote: how much each expert adds"),
    ROW(keep, F64, 0, "keep", "SHARE", .min = 0, .max = 1, .help = "how many of the experts stay: 0.5"),
    ROW(uneven, FLAG, 0, "uneven", NULL, .help = "ranked over all layers, some keep more; only trill reads it"),
#include "cli/write_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}, {"PATH", offsetof(struct settings, output)}};

static void tell_kept(const struct settings *settings, const struct tl_flat *flat)
{
    double least = tl_flat_number(flat, "", "least_kept"), most = tl_flat_number(flat, "", "most_kept"), layers = tl_flat_number(flat, "", "layers");
    if (least == most)
        tl_output_note("%s: %.0f experts in each of %.0f layers", settings->output, most, layers);
    else
        tl_output_note("%s: %.0f to %.0f experts in each of %.0f layers, %.0f of %.0f in all, which only trill reads", settings->output, least, most,
                       layers, tl_flat_number(flat, "", "experts_kept"), tl_flat_number(flat, "", "experts"));
}

static void tell_written(const struct tl_flat *report, const void *context)
{
    const struct settings *settings = context;
    tell_kept(settings, report);
    tl_output_note("; %.1f %% of their saliency over %.0f tokens; ",
                   100 * tl_flat_number(report, "", "saliency_kept"), tl_flat_number(report, "", "tokens"));
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
        .kind = "prune", .options = options, .n_options = TL_COUNT(options), .settings = &settings, .json = settings.json,
        .quiet = settings.quiet, .tell = tell,
    };
    return tl_written_carry_out(&order, &settings.model, settings.home, settings.no_ledger);
}

const struct tl_command_body tl_prune_command = {
    .about = "Writes a model with the most useful of its routed experts: those whose outputs, weighed as the\n"
             "router weighs them, are largest over the tokens of a sweep (REAP). Every layer, and every group of\n"
             "a router with groups, keeps as many, so the result is a model like any other. With --uneven they are\n"
             "ranked over all layers, and layers keep different numbers: only trill reads such a file. With --to,\n"
             "--bits or --size its matrices get other formats in the same pass.",
    .examples = "trill score model.gguf --text corpus --experts experts.safetensors\n"
                "trill prune model.gguf half.gguf --keep 0.5 --experts experts.safetensors\n",
    .options = options,
    .n_options = TL_COUNT(options),
    .words = words,
    .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings),
    .run = run,
};
