/* SPDX-License-Identifier: MIT */
/* Adapters as parameters: found by the names of operations, drawn, written under the names that files have for them. */
#include "train/lora.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/adapt.h"
#include "model/arch.h"
#include "model/names.h"
#include "text/random.h"

/* What people call the operations that can have adapters. */
static const struct { const char *name; enum tl_role role; } targets[] = {
    { "q", TL_R_Q }, { "k", TL_R_K }, { "v", TL_R_V }, { "o", TL_R_O }, { "gate", TL_R_GATE }, { "up", TL_R_UP }, { "down", TL_R_DOWN },
    { "qkv", TL_R_QKV }, { "q_a", TL_R_Q_A }, { "q_b", TL_R_Q_B }, { "kv_a", TL_R_KV_A },
    { "shared_gate", TL_R_SHARED_GATE }, { "shared_up", TL_R_SHARED_UP }, { "shared_down", TL_R_SHARED_DOWN },
};

static bool is_target(const struct tl_op *op, size_t at)
{
    return op->kind == TL_OP_LINEAR && op->out != TL_S_LOGITS && op->role == targets[at].role;
}

static bool has_target(const struct tl_program *program, size_t at)
{
    for (uint32_t i = 0; i < program->n_ops; i++)
        if (is_target(&program->ops[i], at))
            return true;
    return false;
}

static int fail_target(const struct tl_model *model, const char *text, size_t n_bytes)
{
    char names[200] = "";
    for (size_t i = 0; i < TL_COUNT(targets); i++)
        if (has_target(tl_model_program(model), i)) {
            strcat(names, " ");
            strcat(names, targets[i].name);
        }
    return tl_fail(TL_E_USAGE, "adapters of \"%.*s\" are not known for %s (there are:%s)", n_bytes < 60 ? (int)n_bytes : 60, text, tl_model_path(model), names);
}

static int choose(const struct tl_model *model, const char *text, bool wanted[TL_COUNT(targets)])
{
    for (size_t i = 0; i < TL_COUNT(targets); i++)
        wanted[i] = !text;
    while (text && *text) {
        size_t n = strcspn(text, ","), i = 0;
        while (i < TL_COUNT(targets) && (strlen(targets[i].name) != n || strncmp(targets[i].name, text, n) != 0))
            i++;
        if (i == TL_COUNT(targets) || !has_target(tl_model_program(model), i))
            return fail_target(model, text, n);
        wanted[i] = true;
        text += n + (text[n] == ',');
    }
    return 0;
}

/* --- the list --------------------------------------------------------------------------------------------------------- */

static void freeze(struct tl_weights *w)
{
    w->frozen = true;
    w->n_values = 0;
    for (uint32_t i = 0; i < w->n; i++)
        w->parameters[i].trains = false;
}

static void add_pair(struct tl_weights *w, const struct tl_op *op, uint32_t rank)
{
    struct tl_parameter a = { .id = w->n, .role = op->role, .layer = op->layer, .count = 1, .rows = rank, .cols = op->cols, .trains = true, .decays = true };
    struct tl_parameter b = { .id = w->n + 1, .role = op->role, .layer = op->layer, .count = 1, .rows = op->rows, .cols = rank, .trains = true, .decays = true };
    w->parameters[w->n++] = a;
    w->parameters[w->n++] = b;
    w->n_values += tl_parameter_values(&a) + tl_parameter_values(&b);
    w->lora->n_pairs++;
}

static int add_pairs(struct tl_weights *w, const bool wanted[TL_COUNT(targets)])
{
    const struct tl_program *program = tl_model_program(w->model);
    w->lora->of_op = tl_alloc(program->n_ops, sizeof(*w->lora->of_op));
    struct tl_parameter *grown = w->lora->of_op ? tl_realloc(w->parameters, w->n + 2 * (size_t)program->n_ops, sizeof(*grown)) : NULL;
    if (!grown)
        return TL_E_NOMEM;
    w->parameters = grown;
    memset(w->lora->of_op, 0xff, program->n_ops * sizeof(*w->lora->of_op));
    for (uint32_t i = 0; i < program->n_ops; i++)
        for (size_t k = 0; k < TL_COUNT(targets); k++)
            if (wanted[k] && is_target(&program->ops[i], k)) {
                w->lora->of_op[i] = w->n;
                add_pair(w, &program->ops[i], w->lora->rank);
            }
    return w->lora->n_pairs ? 0 : fail_target(w->model, "", 0);
}

int tl_lora_new(struct tl_model *model, const struct tl_lora_how *how, struct tl_weights **ret_weights)
{
    bool wanted[TL_COUNT(targets)];
    struct tl_weights *w;
    if (!how->rank || how->rank > TL_ADAPTER_MAX_RANK)
        return tl_fail(TL_E_USAGE, "a rank of %u, expected 1 to %d", how->rank, TL_ADAPTER_MAX_RANK);
    int status = choose(model, how->targets, wanted);
    if (status >= 0)
        status = tl_weights_new(model, &w);
    if (status < 0)
        return status;
    freeze(w);
    w->lora = tl_alloc(1, sizeof(*w->lora));
    status = w->lora ? 0 : TL_E_NOMEM;
    if (status >= 0) {
        *w->lora = (struct tl_lora){ .rank = how->rank, .alpha = how->alpha > 0 ? how->alpha : 2.0 * how->rank, .seed = how->seed, .n_base = w->n };
        status = add_pairs(w, wanted);
    }
    if (status < 0) {
        tl_weights_free(w);
        return status;
    }
    *ret_weights = w;
    return 0;
}

/* --- values ----------------------------------------------------------------------------------------------------------- */

static void draw(struct tl_parameter *p, uint64_t seed)
{
    uint64_t n = tl_parameter_values(p);
    float bound = 1.0f / sqrtf((float)p->cols);
    uint32_t words[4], key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    for (uint64_t i = 0; i < n; i++) {
        uint32_t counter[4] = { (uint32_t)(i / 4), (uint32_t)(i >> 34), p->id, 0x10a }, at = (uint32_t)(i % 4);
        if (at == 0)
            tl_random_philox(counter, key, words);
        p->value[i] = bound * (((float)(words[at] >> 8) + 0.5f) * 0x1p-23f - 1.0f);
    }
}

int tl_lora_begin(struct tl_weights *w, struct tl_pool *pool, struct tl_progress *progress)
{
    for (uint32_t i = 0; i < w->lora->n_pairs; i++) {
        struct tl_parameter *a = &w->parameters[w->lora->n_base + 2 * i];
        draw(a, w->lora->seed);
        memset(a[1].value, 0, tl_parameter_values(&a[1]) * sizeof(float));
    }
    return tl_weights_read(w, pool, progress);
}

/* --- the file --------------------------------------------------------------------------------------------------------- */

/* B in the order of rows that files of the format have, in memory of the list's. */
static int put_in_order(const struct tl_weights *w, const struct tl_op *op, enum tl_modelfile_format format, const struct tl_parameter *b, const float **ret_values,
                        float **ret_taken)
{
    struct tl_adapt_order order;
    if (!tl_adapt_order_of(tl_model_geometry(w->model), op, format, &order))
        return tl_fail(TL_E_USAGE, "%s: adapters of delta nets can be written in the kind of the model's file alone", tl_model_path(w->model));
    *ret_values = b->value;
    if (!order.head)
        return 0;
    *ret_taken = tl_alloc(tl_parameter_values(b), sizeof(float));
    if (!*ret_taken)
        return TL_E_NOMEM;
    for (uint64_t row = 0; row < b->rows; row++)
        memcpy(*ret_taken + tl_adapt_row_in_file(order, row) * b->cols, b->value + row * b->cols, b->cols * sizeof(float));
    *ret_values = *ret_taken;
    return 0;
}

struct list { struct tl_adapter_matrix *matrices; char (*names)[TL_NAME_BYTES]; float **taken; uint32_t n; };

static int add_to_list(const struct tl_weights *w, uint32_t index, enum tl_modelfile_format format, struct list *list)
{
    const struct tl_op *op = &tl_model_program(w->model)->ops[index];
    const struct tl_parameter *a = &w->parameters[w->lora->of_op[index]], *b = a + 1;
    const struct tl_geometry *g = tl_model_geometry(w->model);
    char *name = list->names[list->n];
    struct tl_adapter_matrix matrix = { .target = name, .rank = a->rows, .rows = b->rows, .cols = a->cols, .a = a->value };
    if (!tl_name_each(g->arch, format, op->role, op->layer, 0, 0, name))
        return tl_fail(TL_E_USAGE, "%s: files of the other kind have no name for one of the adapted matrices", tl_model_path(w->model));
    int status = put_in_order(w, op, format, b, &matrix.b, &list->taken[list->n]);
    list->matrices[list->n++] = matrix;
    return status;
}

int tl_lora_write(const struct tl_weights *w, const char *base, const char *path)
{
    enum tl_modelfile_format format = tl_text_ends(path, ".gguf") ? TL_MODELFILE_GGUF : TL_MODELFILE_SAFETENSORS;
    const struct tl_lora *lora = w->lora;
    const struct tl_program *program = tl_model_program(w->model);
    struct list list = { .matrices = tl_alloc(lora->n_pairs, sizeof(*list.matrices)), .names = tl_alloc(lora->n_pairs, sizeof(*list.names)),
                         .taken = tl_alloc(lora->n_pairs, sizeof(*list.taken)) };
    struct tl_adapter_facts facts = { .architecture = tl_model_geometry(w->model)->arch->name, .base = base, .rank = lora->rank, .alpha = lora->alpha };
    int status = list.matrices && list.names && list.taken ? 0 : TL_E_NOMEM;
    for (uint32_t i = 0; i < program->n_ops && status >= 0; i++)
        if (lora->of_op[i] != UINT32_MAX)
            status = add_to_list(w, i, format, &list);
    if (status >= 0)
        status = tl_adapter_write(path, format, &facts, list.matrices, list.n);
    for (uint32_t i = 0; i < list.n; i++)
        tl_free(list.taken[i]);
    tl_free(list.taken);
    tl_free(list.names);
    tl_free(list.matrices);
    return status;
}
