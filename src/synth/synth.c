/* SPDX-License-Identifier: MIT */
/* From a geometry to a file: outline, recipe, list of tensors, then metadata, tokenizer and random weights. GGUF is one
 * file; safetensors are a folder with the JSON files that belong to it. */
#include "synth/synth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/geometry_gguf.h"
#include "plan/recipe.h"
#include "synth/writing.h"
#include "synth/tokenizer.h"

struct job {
    const struct tl_synth *how;
    enum tl_modelfile_format format;
    struct tl_outline *outline;
    struct tl_geometry geometry;         /* of the file: as outlined, in its format */
    struct tl_recipe recipe;
    struct tl_listing listing;
    struct tl_entries entries;
    struct tl_filler filler;
};

/* --- what is to be written ---------------------------------------------------------------------------------------- */

static int choose_format(struct job *job)
{
    const char *format = job->how->format;
    if (!job->how->output || !*job->how->output)
        return tl_fail(TL_E_USAGE, "no output: -o FILE.gguf, or -o FOLDER for safetensors");
    if (!format)
        format = tl_text_ends(job->how->output, ".gguf") ? "gguf" : "safetensors";
    job->format = strcmp(format, "gguf") == 0 ? TL_MODELFILE_GGUF : TL_MODELFILE_SAFETENSORS;
    if (job->format == TL_MODELFILE_GGUF || strcmp(format, "safetensors") == 0)
        return 0;
    return tl_fail(TL_E_USAGE, "--format: \"%.40s\" is neither gguf nor safetensors", format);
}

static int check_output(const struct job *job)
{
    const char *output = job->how->output;
    bool folder = tl_file_is_folder(output);
    if (job->format == TL_MODELFILE_GGUF && folder)
        return tl_fail(TL_E_USAGE, "%s is a folder, expected a file's name", output);
    if (job->format == TL_MODELFILE_SAFETENSORS && tl_file_exists(output) && !folder)
        return tl_fail(TL_E_USAGE, "%s is a file, expected a folder's name (or one that ends in .gguf)", output);
    TL_AUTO char *inner = folder ? tl_file_join(output, "model.safetensors") : tl_strdup(output);
    if (!inner)
        return TL_E_NOMEM;
    return tl_file_exists(inner) && !job->how->force ? tl_fail(TL_E_USAGE, "%s is there already; --force replaces it", inner) : 0;
}

static int check_geometry(const struct job *job)
{
    const struct tl_geometry *g = &job->geometry;
    const char *source = job->how->source;
    if (g->vocab < TL_TOKENIZER_LEAST)
        return tl_fail(TL_E_USAGE, "%s: a vocabulary of %u tokens, at least %d are needed for one a byte", source, g->vocab, TL_TOKENIZER_LEAST);
    if (job->how->ahead && !g->n_heads_ahead)
        return tl_fail(TL_E_USAGE, "--ahead: %s has no layer that predicts further tokens", source);
    if (job->how->skew < 0.25 || job->how->skew > 1)
        return tl_fail(TL_E_USAGE, "--skew: found %g, expected the share of choices of the busiest quarter, 0.25 to 1", job->how->skew);
    return 0;
}

/* As asked for; what cannot be shared is the user's error and not the configuration's. */
static int open_outline(struct job *job)
{
    struct tl_outline_sizes sizes = job->how->sizes;
    uint32_t share = sizes.stored_experts;
    sizes.stored_experts = 0;
    int r = tl_outline_open(job->how->source, &sizes, &job->outline);
    if (r >= 0 && job->outline->geometry.arch->planned)
        return tl_fail(TL_E_USAGE, "%s: trill plans models of the architecture %s but does not run them yet, so a file of one is of no use",
                       job->how->source, job->outline->geometry.arch->name);
    if (r < 0 || !share)
        return r;
    uint32_t n_experts = job->outline->geometry.n_experts;
    if (share > n_experts)
        return tl_fail(TL_E_USAGE, "--share: %u experts cannot stand for the %u of %s", share, n_experts, job->how->source);
    tl_outline_close(job->outline);
    job->outline = NULL;
    return tl_outline_open(job->how->source, &job->how->sizes, &job->outline);
}

static int add_factors(struct job *job)
{
    float factors[TL_MAX_ROT / 2];
    int r = job->format == TL_MODELFILE_GGUF ? tl_geometry_gguf_factors(&job->outline->geometry, job->outline->file, factors) : 0;
    return r <= 0 ? r : tl_entries_add_factors(&job->entries, factors, job->geometry.n_rot / 2);
}

static int prepare(struct job *job)
{
    int r = choose_format(job);
    if (r >= 0)
        r = check_output(job);
    if (r >= 0)
        r = open_outline(job);
    if (r < 0)
        return r;
    tl_geometry_as(&job->outline->geometry, job->format, &job->geometry);
    r = check_geometry(job);
    if (r >= 0)
        r = tl_recipe_make(&job->how->formats, job->format, job->outline->known, job->geometry.n_experts > 0, &job->recipe);
    job->recipe.ahead = job->how->ahead;
    if (r >= 0)
        r = tl_listing_make(&job->geometry, job->outline->file, &job->recipe, &job->listing);
    if (r >= 0)
        r = tl_entries_make(&job->geometry, &job->listing, false, &job->entries);
    if (r >= 0)
        r = add_factors(job);
    return r < 0 ? r : tl_filler_init(&job->filler, &job->geometry, &job->entries, job->how->seed, job->how->skew);
}

static int check_room(const struct job *job)
{
    enum { OTHERS_BYTES = 64 << 20 };    /* headers, tokenizer, and what the file system needs */
    uint64_t room = 0;
    int r = tl_file_room(job->how->output, &room);
    if (r < 0 || room >= job->entries.stored_bytes + OTHERS_BYTES || job->entries.stored_bytes < OTHERS_BYTES)
        return r;
    return tl_file_no_room(job->how->output, job->entries.stored_bytes + OTHERS_BYTES, room, "; fewer --layers, or --share, would fit");
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static int write_weights(struct job *job, const char *path, struct tl_progress *progress)
{
    struct tl_writer *writer = NULL;
    int r = tl_writer_open(path, job->format, &writer);
    if (r >= 0 && job->format == TL_MODELFILE_GGUF) {
        r = tl_geometry_write_gguf(&job->outline->geometry, job->outline->file, job->how->ahead, writer);
        if (r >= 0)
            r = tl_writer_string(writer, "general.name", job->how->source, strlen(job->how->source));
        if (r >= 0)
            r = tl_synth_tokenizer_gguf(writer, job->geometry.vocab);
    }
    if (r >= 0)
        r = tl_writing_declare(writer, &job->entries);
    if (r >= 0)
        r = tl_writer_begin(writer);
    if (r >= 0)
        r = tl_writing_run(writer, &job->entries, &job->filler, job->how->threads, progress);
    if (r >= 0)
        r = tl_progress_begin(progress, "syncing", 0, 0, "bytes");
    if (r >= 0)
        r = tl_writer_commit(writer);
    tl_writer_close(writer);
    return r;
}

static int write_text(const char *folder, const char *name, const struct tl_buffer *text)
{
    TL_AUTO char *path = tl_file_join(folder, name);
    if (!path || text->status < 0)
        return text->status < 0 ? text->status : TL_E_NOMEM;
    return tl_outfile_save(path, text->data, text->len);
}

static const char *const side_files[] = {"config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"};
enum { SIDE_FILES = 4 };

static int write_side(const struct job *job, int which)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    switch (which) {
    case 0: tl_buffer_append(&text, job->outline->config.data, job->outline->config.len); break;
    case 1: tl_buffer_printf(&text, "{\"bos_token_id\":%d,\"eos_token_id\":%d}\n", TL_TOKENIZER_END, TL_TOKENIZER_END); break;
    case 2: tl_synth_tokenizer_config(&text); break;
    default: tl_synth_tokenizer_json(&text, job->geometry.vocab); break;
    }
    int r = write_text(job->how->output, side_files[which], &text);
    tl_buffer_done(&text);
    return r;
}

/* Of a folder that was made here nothing is left behind. */
static void remove_folder(const char *folder)
{
    for (int i = 0; i < SIDE_FILES; i++) {
        TL_AUTO char *path = tl_file_join(folder, side_files[i]);
        if (path)
            unlink(path);
    }
    rmdir(folder);
}

static int write_folder(struct job *job, struct tl_progress *progress)
{
    const char *folder = job->how->output;
    bool made = mkdir(folder, 0777) == 0;
    if (!made && !tl_file_is_folder(folder))
        return tl_fail(TL_E_IO, "%s: cannot be made: %m", folder);
    TL_AUTO char *path = tl_file_join(folder, "model.safetensors");
    int r = path ? 0 : TL_E_NOMEM;
    for (int i = 0; i < SIDE_FILES && r >= 0; i++)
        r = write_side(job, i);
    if (r >= 0)
        r = write_weights(job, path, progress);
    if (r < 0 && made)
        remove_folder(folder);
    return r;
}

static void report(const struct job *job, uint64_t begin_ns, struct tl_synth_figures *ret)
{
    const struct tl_geometry *g = &job->geometry;
    *ret = (struct tl_synth_figures){
        .known = job->outline->known, .format = job->format, .tensors = job->entries.n, .parameters = job->listing.program.parameters,
        .active_parameters = job->listing.program.active_parameters, .stored_bytes = job->entries.stored_bytes,
        .logical_bytes = job->entries.logical_bytes, .layers = g->n_layers, .experts = g->n_experts, .stored_experts = g->n_stored,
        .experts_format = g->n_experts ? job->recipe.experts->name : "", .trunk_format = job->recipe.trunk->name,
        .seconds = tl_clock_seconds(begin_ns),
    };
}

int tl_synth_write(const struct tl_synth *how, struct tl_progress *progress, struct tl_synth_figures *ret_figures)
{
    uint64_t begin_ns = tl_clock_ns();
    struct job *job = tl_alloc(1, sizeof(*job));
    if (!job)
        return TL_E_NOMEM;
    job->how = how;
    int r = prepare(job);
    if (r >= 0)
        r = check_room(job);
    if (r >= 0)
        r = job->format == TL_MODELFILE_GGUF ? write_weights(job, how->output, progress) : write_folder(job, progress);
    if (r >= 0)
        report(job, begin_ns, ret_figures);
    tl_filler_done(&job->filler);
    tl_entries_done(&job->entries);
    tl_listing_done(&job->listing);
    tl_outline_close(job->outline);
    tl_free(job);
    return r;
}
