/* SPDX-License-Identifier: MIT */
/* A model: geometry, program, weights and the memory that a forward step needs.
 *
 * Order of use: new (headers only), plan as often as wanted (counts, allocates nothing), place (one arena a lifetime),
 * load, then forward. plan and place run the same layout code. */
#ifndef TL_MODEL_MODEL_H
#define TL_MODEL_MODEL_H

#include "base/meter.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include "model/adapt.h"
#include "model/program.h"
#include "model/state.h"
#include "store/store.h"

struct tl_model;

struct tl_model_choices {
    const struct tl_geometry *geometry;  /* of an outline whose metadata are of another format; NULL: as the file says */
    const struct tl_number *kv;          /* NULL: f32 for models of f32 alone, f16 for all others */
    bool exact;                          /* activations unrounded */
    const char *io, *policy, *lookahead; /* of experts that are streamed, by name; NULL: chosen by the store */
    bool walked_back;                    /* a step uses the layers forward and then backwards, for training on a frozen model */
    const struct tl_adapter_choice *adapters;            /* adapt.h; their files stay open until the model is loaded */
    uint32_t n_adapters;
    bool ahead;                          /* with the layer that predicts a further token, where the file has one */
    void (*log)(void *context, int level, const char *text);          /* may be NULL */
    void *log_context;
};

/* What the memory is laid out for. frames: for routed experts; 0: all are resident. trunk_bytes: for all other weights; 0:
 * all are resident (store.h). block: tokens that pass between two expert stages together, 0: 512; no bit depends on it.
 * sweep: for steps of whole sequences alone, `sessions` of them at most, of `chunk` tokens together; the state of one layer
 * has room. */
struct tl_model_limits { uint32_t context, sessions, chunk, threads, frames, block; uint64_t trunk_bytes; bool sweep; };

struct tl_model_memory { uint64_t weights, states, batch, total; };

int tl_model_new(const struct tl_modelfile *file, const struct tl_model_choices *choices, struct tl_meters *meters,
                 struct tl_model **ret_model);
void tl_model_free(struct tl_model *model);
int tl_model_plan(struct tl_model *model, const struct tl_model_limits *limits, struct tl_model_memory *ret_memory);
int tl_model_place(struct tl_model *model, const struct tl_model_limits *limits);
/* The weights alone, for those who compute by themselves (room train): no states, no steps. */
int tl_model_plan_weights(struct tl_model *model, const struct tl_store_limits *limits, uint64_t *ret_bytes);
int tl_model_place_weights(struct tl_model *model, const struct tl_store_limits *limits);
int tl_model_load(struct tl_model *model, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress, void *context);

const struct tl_geometry *tl_model_geometry(const struct tl_model *model);
const struct tl_program *tl_model_program(const struct tl_model *model);
struct tl_cache *tl_model_cache(struct tl_model *model);
const struct tl_model_limits *tl_model_limits(const struct tl_model *model);
const char *tl_model_path(const struct tl_model *model);              /* of its file */
const struct tl_modelfile *tl_model_file(const struct tl_model *model);
uint64_t tl_model_weight_bytes(const struct tl_model *model);
struct tl_store *tl_model_store(const struct tl_model *model);
const struct tl_adapt *tl_model_adapt(const struct tl_model *model);  /* NULL: no adapters */
uint32_t tl_model_logit_rows(const struct tl_model *model);          /* that a step computes together, as laid out */
/* The layer that predicts a further token, as a model whose steps want tl_batch.hidden; NULL: not asked for,
 * or none there. */
struct tl_model *tl_model_ahead(struct tl_model *model);
uint64_t tl_model_staging_bytes(const struct tl_model *model);       /* a thread takes while loading */

/* A run of tokens that follow each other in one sequence. */
struct tl_span { struct tl_state *state; uint32_t n_tokens; };

/* What an observer sees: rows of the batch's tokens first .. first + n_rows - 1 around an operation that has run.
 * ROUTE: the experts and weights of these tokens. EXPERTS: rows of pairs instead, pair[row] = token * n_used + slot, those
 * of one expert ascending; chosen and weights are of the whole batch, [tokens][n_used]; in: what enters down, out: the
 * expert's output with its bias, not yet weighed. Other operations: in is what entered, unrounded. */
struct tl_seen {
    const struct tl_op *op;
    uint32_t first, n_rows;
    const float *in, *out;
    uint64_t in_width, out_width;
    const uint32_t *chosen, *pair;
    const float *weights;
};

/* Observers of a step. They change nothing and no bit depends on them; they are called by the thread that leads, between
 * parallel regions, so they may use the pool. */
struct tl_tap {
    void *context;
    uint32_t kinds;                      /* bits 1 << tl_op_kind: LINEAR, HEADS, ROUTE, EXPERTS */
    void (*seen)(void *context, const struct tl_seen *seen);
    /* X of all tokens, [n_tokens][width], before a layer; layer n_layers: behind the last. May be NULL. In the layer where a
     * step begins in the middle (tl_batch.first_layer) it fills X. < 0 ends the step with that status. */
    int (*border)(void *context, uint32_t layer, uint32_t n_tokens, float *x);
};

/* One step: any number of tokens (up to the chunk) of any number of sequences (each at most once). */
struct tl_batch {
    const int32_t *ids;                  /* [sum of the spans' tokens], checked against the vocabulary */
    const struct tl_span *spans;
    uint32_t n_spans;
    const uint8_t *wanted;               /* [tokens]: non-zero where logits are wanted; NULL: nowhere */
    /* Called for the wanted tokens in their order, some rows [n_rows][vocab] at a time, which it may overwrite but not
     * keep. < 0 ends the step with that status, > 0 with TL_E_CANCEL. */
    int (*logits)(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows);
    /* Before that: what enters the head behind the last norm, [n_rows][width], borrowed. Where `logits` is NULL the head does not run. */
    int (*normed)(void *context, const uint32_t *tokens, uint32_t n_rows, const float *rows);
    bool (*stop)(void *context);         /* asked between stages; NULL: never */
    void *context;
    const struct tl_tap *tap;            /* NULL: nobody observes */
    uint32_t first_layer;                /* of sweeps: earlier layers have run; needs tap->border */
    bool decodes;                        /* counted as such though it has more tokens than sequences: drafts */
    const float *hidden;                 /* [tokens][width], of tl_model_ahead: what the last norm says of the token before each; else NULL */
};

/* Advances every state by its span (of sweeps: for tl_state_truncate to 0 alone); on failure (TL_E_CANCEL, TL_E_USAGE, TL_E_BUDGET) no state has advanced. */
int tl_model_forward(struct tl_model *model, struct tl_pool *pool, const struct tl_kernel *kernel, const struct tl_batch *batch);

#endif
