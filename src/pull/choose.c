/* SPDX-License-Identifier: MIT */
/* The rules are in docs/pull.md. Folders below the first count only where a pattern or a GGUF model names them: they hold
 * copies for other programs. */
#include "pull/choose.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "pull/quant.h"

/* Beside weights in safetensors: configuration, tokenizer, chat template. */
static const char *const beside[] = {"*.json", "*.model", "*.tiktoken", "*.jinja", "merges.txt", "vocab.txt", "tokenization*.py", "LICENSE*"};

static bool is_at_top(const char *path) { return !strchr(path, '/'); }

static bool has(const struct tl_hub_repository *repository, const char *pattern)
{
    for (uint64_t i = 0; i < repository->n_files; i++)
        if (is_at_top(repository->files[i].path) && tl_pull_matches(repository->files[i].path, pattern))
            return true;
    return false;
}

static uint64_t mark(struct tl_hub_repository *repository, const char *pattern, bool top)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < repository->n_files; i++)
        if ((!top || is_at_top(repository->files[i].path)) && tl_pull_matches(repository->files[i].path, pattern)) {
            repository->files[i].needed = true;
            n++;
        }
    return n;
}

/* All parts of the model that a GGUF file belongs to. */
static void mark_parts(struct tl_hub_repository *repository, const char *path)
{
    for (uint64_t i = 0; i < repository->n_files; i++)
        if (strcmp(repository->files[i].path, path) == 0 || tl_quant_same_model(repository->files[i].path, path))
            repository->files[i].needed = true;
}

static int choose_files(struct tl_hub_repository *repository, const struct tl_pull_name *name, struct tl_choice *choice)
{
    choice->kind = TL_CHOICE_FILES;
    if (strpbrk(name->file, "*?")) {
        if (!mark(repository, name->file, false))
            return tl_fail(TL_E_FAIL, "%s: no file matches %s; --list shows all", name->repository, name->file);
        return 0;
    }
    for (uint64_t i = 0; i < repository->n_files && !choice->path; i++)
        if (strcmp(repository->files[i].path, name->file) == 0)
            choice->path = repository->files[i].path;
    if (!choice->path)
        return tl_fail(TL_E_FAIL, "%s has no file %s; --list shows all", name->repository, name->file);
    mark_parts(repository, choice->path);
    return 0;
}

static int choose_gguf(struct tl_hub_repository *repository, const struct tl_pull_name *name, struct tl_choice *choice)
{
    struct tl_quant_list list = {0};
    const struct tl_quant *row;
    int r = 0;
    for (uint64_t i = 0; i < repository->n_files && r >= 0; i++)
        r = tl_quant_list_add(&list, repository->files[i].path, repository->files[i].bytes);
    if (r >= 0)
        r = tl_quant_choose(&list, name->repository, name->quant, &row);
    if (r >= 0 && row->there != row->parts)
        r = tl_fail(TL_E_FAIL, "%s: of %s only %" PRIu32 " of %" PRIu32 " parts are there", name->repository, row->label, row->there, row->parts);
    if (r >= 0) {
        choice->kind = TL_CHOICE_GGUF;
        choice->path = row->path;
        snprintf(choice->quant, sizeof choice->quant, "%s", row->label);
        mark_parts(repository, row->path);
    }
    tl_quant_list_done(&list);
    return r;
}

/* Weights named model* where there are some: others are the same in another layout. */
static void choose_folder(struct tl_hub_repository *repository, struct tl_choice *choice)
{
    choice->kind = TL_CHOICE_FOLDER;
    mark(repository, has(repository, "model*.safetensors") ? "model*.safetensors" : "*.safetensors", true);
    for (size_t i = 0; i < TL_COUNT(beside); i++)
        mark(repository, beside[i], true);
}

int tl_choose(struct tl_hub_repository *repository, const struct tl_pull_name *name, const char *const *patterns, size_t n_patterns,
              struct tl_choice *ret_choice)
{
    struct tl_choice choice = {0};
    int r = 0;
    bool gguf = false;
    for (uint64_t i = 0; i < repository->n_files; i++)
        gguf = gguf || tl_text_ends(repository->files[i].path, ".gguf");
    if (name->file[0])
        r = choose_files(repository, name, &choice);
    else if (!name->quant[0] && has(repository, "*.safetensors"))
        choose_folder(repository, &choice);
    else if (gguf)
        r = choose_gguf(repository, name, &choice);
    else
        r = tl_fail(TL_E_FAIL, "%s holds no model in %s; --list shows its files", name->repository, name->quant[0] ? "GGUF" : "GGUF or safetensors");
    for (size_t i = 0; i < n_patterns && r >= 0; i++)
        if (!mark(repository, patterns[i], false))
            r = tl_fail(TL_E_FAIL, "%s: no file matches %s; --list shows all", name->repository, patterns[i]);
    if (r >= 0)
        *ret_choice = choice;
    return r;
}
