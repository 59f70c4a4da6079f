/* SPDX-License-Identifier: MIT */
/* A model's list of operations run forward and walked backwards over windows of tokens, layer by layer.
 *
 * Every operation that writes over what an earlier one still needs on the way back writes beside it instead (tape.h); what
 * the tapes of all layers would take beyond their room is computed again from the layer's input. Row operations are those
 * of the interpreter itself (model/rows.c). The bits depend on the windows and the weights alone. */
#ifndef TL_TRAIN_GRAPH_H
#define TL_TRAIN_GRAPH_H

#include "base/progress.h"
#include "train/matmul.h"
#include "train/weights.h"

struct tl_graph;

struct tl_graph_limits {
    uint32_t windows, window;            /* of one pass, at most */
    uint32_t threads;
    uint64_t tape_bytes;                 /* for what layers keep; at least one layer's is taken */
    bool bf16;                           /* products of bf16 operands */
};

/* Ids that a teacher drew behind a token, and how often each; n_ids 0: none. */
enum { TL_MOST_DRAWS = 255 };            /* ids of a token */
struct tl_draws { uint32_t n_ids, n_draws; const int32_t *ids; const uint8_t *counts; };

/* What each token should have been followed by, and how much it counts. A teacher's draws (engine/teacher.h) are shares of
 * `draws`: an unbiased estimate of its distribution. loss = (1 - w) * -log p[next] + w * -sum over ids of share * log p[id]. */
struct tl_targets {
    const int32_t *next;                 /* [tokens]; -1: no loss there */
    const struct tl_draws *draws;        /* [tokens], or NULL: of `next` alone */
    float teacher_weight;                /* w */
};

struct tl_windows_batch {
    uint32_t n_windows;
    const int32_t *ids;                  /* [n_windows][window] */
    const uint32_t *first;               /* [n_windows][window]: where in its window the token's document begins; positions count from there */
    struct tl_targets targets;
};

struct tl_pass {
    uint64_t tokens;                     /* that had a loss */
    double loss, nll, teacher;           /* sums over them: what is descended, -log p[next], the teacher's term */
};

int tl_graph_new(struct tl_weights *weights, const struct tl_kernel *kernel, const struct tl_graph_limits *limits, struct tl_graph **ret_graph);
void tl_graph_free(struct tl_graph *graph);                           /* NULL is fine */
/* Takes its memory; on a counting arena this only adds up. */
int tl_graph_layout(struct tl_graph *graph, struct tl_arena *arena);
/* Adds scale * d(sum of losses) to the gradients of the weights. backward false: losses alone. progress (may be NULL) is asked between
 * layers whether somebody cancels, and told nothing. */
int tl_graph_run(struct tl_graph *graph, struct tl_pool *pool, const struct tl_windows_batch *batch, float scale, bool backward,
                 const struct tl_progress *progress, struct tl_pass *ret_pass);
uint32_t tl_graph_recomputed(const struct tl_graph *graph);           /* layers whose tape has no room, as laid out */
/* Of one token of a window: operations of forward and backward together (6 N, of a frozen model 4 N, and attention's), a multiply and an add are two. */
double tl_graph_operations(const struct tl_graph *graph);

#endif
