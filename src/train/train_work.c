/* SPDX-License-Identifier: MIT */
/* The base of adapters takes what the plan leaves it beside the pass. */
#include "train/train_work.h"

#include <string.h>

struct loading { struct tl_progress *progress; bool begun; };

static void load_moves(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct loading *l = context;
    if (!l->begun)
        tl_progress_begin(l->progress, "loading the base", done_bytes, total_bytes, "bytes");
    l->begun = true;
    tl_progress_move(l->progress, done_bytes);
}

static int load_base(struct tl_train_work *w, struct tl_model *base, struct tl_progress *progress)
{
    struct loading loading = { .progress = progress };
    int status = tl_pool_new(w->plan.threads, &w->pool);
    if (status >= 0)
        status = tl_model_place_weights(base, &w->plan.base);
    return status < 0 ? status : tl_model_load(base, w->pool, progress ? progress->cancel : NULL, load_moves, &loading);
}

static int fill(struct tl_train_work *w, const struct tl_student *student, const struct tl_train_how *how)
{
    struct tl_pool *pool;
    if (w->weights->lora)
        return tl_lora_begin(w->weights, w->pool, how->progress);
    if (student->drawn) {
        tl_weights_draw(w->weights, how->seed);
        return 0;
    }
    int status = tl_pool_new(w->plan.threads, &pool);
    if (status < 0)
        return status;
    status = tl_weights_read(w->weights, pool, how->progress);
    tl_pool_free(pool);
    return status;
}

int tl_train_work_init(struct tl_train_work *w, struct tl_student *student, const struct tl_lora_how *lora, const struct tl_train_how *how)
{
    *w = (struct tl_train_work){ 0 };
    int status = lora ? tl_lora_new(student->model, lora, &w->weights) : tl_weights_new(student->model, &w->weights);
    if (status >= 0)
        status = tl_train_plan(w->weights, how, &w->plan);
    if (status >= 0 && lora)
        status = load_base(w, student->model, how->progress);
    if (status >= 0)
        status = tl_weights_take(w->weights, &w->arena);
    if (status >= 0)
        status = fill(w, student, how);
    if (status < 0)
        tl_train_work_done(w);
    return status;
}

void tl_train_work_done(struct tl_train_work *w)
{
    tl_weights_free(w->weights);
    tl_arena_done(&w->arena);
    tl_pool_free(w->pool);               /* the store computes nothing any more */
    memset(w, 0, sizeof(*w));
}
