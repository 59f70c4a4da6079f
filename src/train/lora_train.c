/* SPDX-License-Identifier: MIT */
/* The base takes what the plan leaves it beside the pass; what cannot work fails before it is read. */
#include "train/lora_train.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

bool tl_lora_is_gguf(const char *path) { return tl_text_ends(path, ".gguf"); }

struct loading { struct tl_progress *progress; bool begun; };

static void load_moves(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct loading *l = context;
    if (!l->begun)
        tl_progress_begin(l->progress, "loading the base", done_bytes, total_bytes, "bytes");
    l->begun = true;
    tl_progress_move(l->progress, done_bytes);
}

static int load(struct tl_lora_work *w, struct tl_progress *progress)
{
    struct loading loading = { .progress = progress };
    struct tl_arena count;
    int status = tl_pool_new(w->plan.threads, &w->pool);
    if (status >= 0)
        status = tl_model_place_weights(w->base->model, &w->plan.base);
    if (status >= 0)
        status = tl_model_load(w->base->model, w->pool, progress ? progress->cancel : NULL, load_moves, &loading);
    tl_arena_count(&count);
    if (status >= 0)
        status = tl_weights_layout(w->weights, &count);
    if (status >= 0)
        status = tl_arena_init(&w->arena, count.used_bytes);
    if (status >= 0)
        status = tl_weights_layout(w->weights, &w->arena);
    return status < 0 ? status : tl_lora_begin(w->weights, w->pool, progress);
}

int tl_lora_work_init(struct tl_lora_work *w, struct tl_student *base, const struct tl_lora_how *lora, const struct tl_train_how *how)
{
    *w = (struct tl_lora_work){ .base = base };
    int status = tl_lora_new(base->model, lora, &w->weights);
    if (status >= 0)
        status = tl_train_plan(w->weights, how, &w->plan);
    if (status >= 0)
        status = load(w, how->progress);
    if (status < 0)
        tl_lora_work_done(w);
    return status;
}

void tl_lora_work_done(struct tl_lora_work *w)
{
    tl_weights_free(w->weights);
    tl_arena_done(&w->arena);
    tl_pool_free(w->pool);               /* the store computes nothing any more */
    memset(w, 0, sizeof(*w));
}

int tl_lora_work_write(const struct tl_lora_work *w, const char *base_name, const char *path)
{
    return tl_lora_write(w->weights, tl_lora_is_gguf(path) ? TL_MODELFILE_GGUF : TL_MODELFILE_SAFETENSORS, base_name, path);
}
