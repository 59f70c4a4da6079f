/* SPDX-License-Identifier: MIT */
/* What a pass is made of: its places, and what each kind of operation does there and back (ops.c). Private to this room. */
#ifndef TL_TRAIN_GRAPH_IMPL_H
#define TL_TRAIN_GRAPH_IMPL_H

#include "model/step.h"
#include "train/graph.h"
#include "train/tape.h"

enum { TL_SUM_ROWS = 64 };               /* rows whose gradients of a vector are summed before all others' */

/* What attention and routing leave on a tape beside streams. */
struct tl_taped_rows {
    float *most, *sum;                   /* [tokens][n_heads]: of the scores; of their exponentials less the most */
    uint32_t *chosen;                    /* [tokens][n_used], and their weights */
    float *weights;
};

struct tl_attend_room { float *scores, *slopes; };       /* of a thread: [query rows][window] */

struct tl_mixture {
    uint32_t *asked;                     /* experts that have tokens, of a frozen model */
    uint32_t *first, *pairs;             /* pairs (token * n_used + slot) by expert, ascending; [n_experts + 1] where each begins */
    float *in, *gate, *up, *mid, *out;   /* rows of one expert: [tokens][width], [tokens][ff] */
    float *slope_gate, *slope_up;
    float *slope_weights;                /* [tokens][n_used] */
};

/* Of a thread: states at borders of runs, of the tokens of a run, and slopes (delta_net.c). */
struct tl_delta_room { float *kept, *run, *slope, *slope_q, *slope_k, *out; };

struct tl_head {
    uint32_t most_rows;                  /* that are computed together */
    uint32_t *tokens;                    /* those with a loss */
    float *out, *normed, *logits, *slope;        /* [most_rows][width], [most_rows][vocab] */
    double *nll, *teacher;               /* [tokens] */
};

struct tl_graph {
    struct tl_weights *weights;
    const struct tl_geometry *geometry;
    const struct tl_program *program;
    const struct tl_kernel *kernel;
    struct tl_graph_limits limits;
    struct tl_pool *pool;                /* of the pass, as progress is */
    const struct tl_progress *progress;
    struct tl_matmul_room *products;
    uint32_t most_tokens, n_tapes;
    struct tl_tape *tapes;               /* [n_layers] what a layer keeps */
    float **tape;                        /* [n_tapes] memory of one, and what lies beside its streams */
    struct tl_taped_rows *taped;
    float **border;                      /* [n_layers + 1] X before each layer, and behind the last */
    float *passing[TL_STREAM_COUNT];
    float *slope[TL_STREAM_COUNT];       /* gradients of the streams */
    bool has_slope[TL_STREAM_COUNT];     /* else it is zero, and its memory is not */
    float *turns_back[TL_ROPES];         /* rope tables with the sines negated */
    float *partial;                      /* sums of blocks of rows: [blocks][widest vector, or all taps of one] */
    float *sinks;                        /* [windows][n_heads] */
    float *ones;                         /* [widest] */
    float *temporary;                    /* [threads][2][widest] */
    uint64_t widest;
    struct tl_attend_room *attend;       /* [threads] */
    struct tl_delta_room *delta;         /* [threads]; NULL: no delta nets */
    float *zeros;                        /* [width of DI] */
    struct tl_mixture mixture;
    struct tl_head head;
    /* the pass */
    struct tl_step step;                 /* the interpreter's, whose streams point to the versions of the operation that runs */
    const struct tl_windows_batch *batch;
    uint32_t n_tokens;
    uint32_t layer;
    const struct tl_op *op;
    const struct tl_taped *at;
    /* of frozen weights */
    struct tl_weight *pinned;            /* [most operations of a layer]: of the layer at hand */
    struct tl_weight *head_pinned;       /* one, of the head */
    float *low, *low_slope;              /* [tokens][rank]: between the two matrices of an adapter */
    int status;                          /* of the store: the first failure of the pass */
};

/* One row a kind: what it needs, and what it does there and back; NULL: it does nothing there. */
struct tl_graph_kind {
    unsigned needs;
    void (*forward)(struct tl_graph *graph);
    void (*backward)(struct tl_graph *graph);
};
const struct tl_graph_kind *tl_graph_kind(enum tl_op_kind kind);      /* ops.c; NULL: cannot be walked backwards */
unsigned tl_graph_needs(const struct tl_op *op);

/* graph.c: the memory of a version of the layer at hand; gradients of a stream, zero where there were none. */
float *tl_graph_version(const struct tl_graph *graph, uint32_t version);
struct tl_taped_rows *tl_graph_taped(const struct tl_graph *graph);
float *tl_graph_slope(struct tl_graph *graph, enum tl_stream stream);
uint64_t tl_graph_width(const struct tl_graph *graph, enum tl_stream stream);
const struct tl_parameter *tl_graph_weight(const struct tl_graph *graph, uint32_t id);
/* b of a product with matrix m of the weight of the operation at hand, or with its transpose. */
struct tl_operand tl_graph_matrix(const struct tl_graph *graph, const struct tl_op *op, uint32_t m, bool transposed, struct tl_weight *ret_room);

/* frozen.c: pins and unpins the weights of a layer; what of a pass needs its adapters. */
int tl_frozen_pin(struct tl_graph *graph, uint32_t layer);
void tl_frozen_unpin(struct tl_graph *graph, uint32_t layer);
void tl_frozen_place(struct tl_graph *graph, struct tl_arena *arena);
void tl_frozen_embed(struct tl_graph *graph);
void tl_lora_forward(struct tl_graph *graph);
void tl_lora_backward(struct tl_graph *graph);        /* the gradient of in is there already */
/* graph.c: c (+)= a * b^T, on all threads. gradient [rows][cols] += slope * in^T, both turned, n deep; NULL: nobody wants it. */
void tl_graph_product(struct tl_graph *graph, struct tl_matmul product);
void tl_graph_gradient(struct tl_graph *graph, struct tl_operand slope, struct tl_operand in, uint32_t rows, uint32_t cols, uint32_t n, float *gradient);
/* ops.c: the operation at hand by the interpreter: its weights, as the step has them; rows of the step's streams, in place. */
void tl_graph_prepare(struct tl_graph *graph);
void tl_graph_run_rows(struct tl_graph *graph, uint32_t n_rows);

/* sums.c: adds to sum [width] what rows [n_rows][step] hold from their beginning, in blocks of TL_SUM_ROWS. */
void tl_sum_rows(struct tl_graph *graph, const float *rows, uint64_t step, uint32_t n_rows, uint32_t width, float *sum);
/* Adds the first n_blocks partial sums [width] to sum, in order. */
void tl_sum_blocks(struct tl_graph *graph, uint32_t n_blocks, uint32_t width, float *sum);

/* row_ops.c: all rows, in blocks; what they add to `partial` [sum_width] is added to sum (NULL: nowhere). temporary: two
 * of the widest rows. */
typedef void tl_row_function(struct tl_graph *graph, uint32_t row, float *temporary, float *partial);
void tl_each_row(struct tl_graph *graph, tl_row_function *run, uint32_t sum_width, float *sum);

/* row_ops.c: back through what treats every token by itself. */
void tl_back_norm(struct tl_graph *graph);
void tl_back_unit_norm(struct tl_graph *graph);
void tl_back_rope(struct tl_graph *graph);
void tl_back_copy(struct tl_graph *graph);
void tl_back_add(struct tl_graph *graph);
void tl_back_glu(struct tl_graph *graph);
void tl_back_switch(struct tl_graph *graph);
void tl_back_gate(struct tl_graph *graph);
void tl_back_embed(struct tl_graph *graph);
void tl_back_head_norm(struct tl_graph *graph, uint32_t n);           /* the first n rows of the head: its slope, in place */
/* n values of out = unit(gate) * up: slope becomes that of gate, ret_up takes that of up. temporary: [n] */
void tl_back_unit(const struct tl_kernel *kernel, enum tl_unit unit, const float *ones, const float *gate, const float *up, float *temporary, uint32_t n,
                  float *slope, float *ret_up);

/* delta_net.c */
void tl_delta_place(struct tl_graph *graph, struct tl_arena *arena);
void tl_delta_conv_forward(struct tl_graph *graph);
void tl_delta_conv_backward(struct tl_graph *graph);
void tl_delta_decay_backward(struct tl_graph *graph);
void tl_delta_rule_forward(struct tl_graph *graph);
void tl_delta_rule_backward(struct tl_graph *graph);

/* attention.c, mixture.c, head.c */
void tl_attend_forward(struct tl_graph *graph);
void tl_attend_backward(struct tl_graph *graph);
void tl_attend_place(struct tl_graph *graph, struct tl_arena *arena);
void tl_mixture_route_back(struct tl_graph *graph);
void tl_mixture_forward(struct tl_graph *graph);
void tl_mixture_backward(struct tl_graph *graph);
void tl_mixture_place(struct tl_graph *graph, struct tl_arena *arena);
void tl_head_place(struct tl_graph *graph, struct tl_arena *arena);
int tl_head_run(struct tl_graph *graph, float scale, bool backward, struct tl_pass *ret_pass);

#endif
