/* SPDX-License-Identifier: MIT */
/* One training of adapters from beginning to end. What cannot work fails before the base is read. */
#include "train/lora_train.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "text/template.h"
#include "text/tokenizer.h"

enum { USUAL_WINDOW = 512 };

struct work {
    const struct tl_lora_training *training;
    struct tl_train_how how;
    struct tl_modelfile *file;
    struct tl_tokenizer *tokenizer;
    struct tl_template *template;        /* NULL: the model brings none */
    struct tl_corpus *corpus;
    struct tl_meters meters;
    struct tl_model *model;
    struct tl_weights *weights;
    struct tl_arena arena;
    struct tl_pool *pool;                /* of the store and of what is read once */
    struct tl_train_plan plan;
};

static bool is_gguf(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".gguf") == 0;
}

static int open_text(struct work *w)
{
    const char *text;
    size_t n_bytes;
    int status = tl_tokenizer_new(w->file, &w->tokenizer);
    if (status < 0)
        return status;
    tl_modelfile_drop_tokenizer_json(w->file);
    status = tl_meta_string(w->file, "tokenizer.chat_template", &text, &n_bytes);
    if (status > 0 && tl_template_new(text, n_bytes, &w->template) < 0)
        w->template = NULL;
    return status < 0 ? status : 0;
}

static int open_model(struct work *w)
{
    const struct tl_model_choices choices = { .exact = true, .walked_back = true, .log = w->training->log, .log_context = w->how.context };
    int status = tl_model_new(w->file, &choices, &w->meters, &w->model);
    if (status < 0)
        return status;
    uint32_t context = tl_model_geometry(w->model)->context;
    w->how.window = w->how.window ? w->how.window : context && context < USUAL_WINDOW ? context : USUAL_WINDOW;
    return tl_lora_new(w->model, &w->training->lora, &w->weights);
}

static int read_corpus(struct work *w)
{
    const struct tl_corpus_how how = { .tokenizer = w->tokenizer, .template = w->template, .window = w->how.window,
                                       .held_share = w->training->held_share, .progress = w->how.progress };
    return tl_corpus_read(w->training->corpus, &how, &w->corpus);
}

struct loading { struct tl_progress *progress; bool begun; };

static void load_moves(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct loading *l = context;
    if (!l->begun)
        tl_progress_begin(l->progress, "loading the base", done_bytes, total_bytes, "bytes");
    l->begun = true;
    tl_progress_move(l->progress, done_bytes);
}

static int lay_out(struct work *w)
{
    struct tl_arena count;
    struct loading loading = { .progress = w->how.progress };
    int status = tl_train_plan(w->weights, &w->how, &w->plan);
    if (status >= 0)
        status = tl_pool_new(w->how.threads, &w->pool);
    if (status >= 0)
        status = tl_model_place_weights(w->model, &w->plan.base);
    if (status >= 0)
        status = tl_model_load(w->model, w->pool, w->how.progress ? w->how.progress->cancel : NULL, load_moves, &loading);
    tl_arena_count(&count);
    if (status >= 0)
        status = tl_weights_layout(w->weights, &count);
    if (status >= 0)
        status = tl_arena_init(&w->arena, count.used_bytes);
    if (status >= 0)
        status = tl_weights_layout(w->weights, &w->arena);
    return status < 0 ? status : tl_lora_begin(w->weights, w->pool, w->how.progress);
}

static int train(struct work *w, struct tl_lora_trained *ret)
{
    const struct tl_lora_training *t = w->training;
    w->how.plan = &w->plan;
    int status = tl_train(w->weights, w->corpus, &w->how, &ret->trained);
    ret->plan = w->plan;
    ret->n_values = w->weights->n_values;
    ret->n_matrices = w->weights->lora->n_pairs;
    ret->read_bytes = tl_meter_get(&w->meters, TL_METER_DRIVE_BYTES);
    ret->model_bytes = tl_model_weight_bytes(w->model);
    if (status >= 0)
        status = tl_lora_write(w->weights, is_gguf(t->output) ? TL_MODELFILE_GGUF : TL_MODELFILE_SAFETENSORS, t->base_name ? t->base_name : t->base, t->output);
    if (status >= 0)
        tl_train_forget(&w->how);
    return status;
}

static void close_all(struct work *w)
{
    tl_weights_free(w->weights);
    tl_model_free(w->model);
    tl_pool_free(w->pool);
    tl_arena_done(&w->arena);
    tl_corpus_free(w->corpus);
    tl_template_free(w->template);
    tl_tokenizer_free(w->tokenizer);
    tl_modelfile_close(w->file);
}

int tl_lora_train(const struct tl_lora_training *training, struct tl_lora_trained *ret_trained)
{
    struct work w = { .training = training, .how = training->how };
    memset(ret_trained, 0, sizeof(*ret_trained));
    int status = tl_modelfile_open(training->base, &w.file);
    if (status >= 0)
        status = open_text(&w);
    if (status >= 0)
        status = open_model(&w);
    if (status >= 0)
        status = read_corpus(&w);
    if (status >= 0)
        status = lay_out(&w);
    if (status >= 0)
        status = train(&w, ret_trained);
    close_all(&w);
    return status;
}
