/* SPDX-License-Identifier: MIT */
/* Low-rank adapters (LoRA, Hu et al. 2021) of a model's linear operations: out += scale * B(A in), behind the product and
 * its bias, whose weights stay as they are stored. All adapters of an operation are one pair of matrices: the rows of their
 * A one above the other, the columns of their B, each times its scale, beside each other. Both products are f32 products of
 * the kernel room over the unrounded input, so no bit depends on threads, batch, chunk, CPU level or where the base's
 * weights are. They stay in memory, within the model's layout. */
#ifndef TL_MODEL_ADAPT_H
#define TL_MODEL_ADAPT_H

#include "base/arena.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include "model/program.h"
#include "modelfile/adapter.h"

struct tl_adapter_choice { const struct tl_adapter *adapter; float scale; };      /* borrowed; scale: times the adapter's own */

/* The order of rows of a kind of file against the base's: heads of `head` rows, whose halves lie one behind the other in the
 * file and alternate in the base (halves), or the reverse; head 0: the same. */
struct tl_adapt_order { uint32_t head; bool halves; };
/* false: the rows of this operation (a delta net's) lie otherwise in a file of that format, and nobody knows how. */
bool tl_adapt_order_of(const struct tl_geometry *geometry, const struct tl_op *op, enum tl_modelfile_format format, struct tl_adapt_order *ret_order);
uint64_t tl_adapt_row_in_file(struct tl_adapt_order order, uint64_t row);

/* Where a pair of a file goes. */
struct tl_adapt_part {
    const struct tl_adapter *adapter;
    const struct tl_adapter_pair *pair;
    float scale;
    uint32_t first_rank;                 /* in the stack of its operation */
    struct tl_adapt_order order;         /* of the rows of B */
};

struct tl_adapt_matrix {
    uint32_t op, stage, rows, cols, rank;        /* rank: of all parts together */
    enum tl_stream in, out;
    uint32_t first_part, n_parts;
    uint8_t *a, *b;                      /* panels of f32: [rank][cols], [rows][rank] */
    float *mid;                          /* A in, [tokens][rank], and as the second product wants it */
    struct tl_acts mid_acts;
};

struct tl_adapt {
    struct tl_adapt_matrix *matrices;    /* in the order of their operations */
    struct tl_adapt_part *parts;
    uint32_t n_matrices, n_parts, n_ops, most_cols;
    uint32_t *of_op;                     /* [n_ops] -> matrix; UINT32_MAX: none */
    uint64_t n_bytes, staging_bytes;     /* of the panels; taken while loading */
    struct tl_acts in;                   /* the unrounded input of the stage that runs */
    float *scratch;
    uint64_t scratch_floats;             /* of a thread */
};

/* Finds the operations that the adapters belong to. Fails where one of them has a pair that none of this model's linear
 * operations takes. */
int tl_adapt_new(const struct tl_modelfile *base, const struct tl_geometry *geometry, const struct tl_program *program,
                 const struct tl_adapter_choice *choices, uint32_t n_choices, struct tl_adapt **ret_adapt);
void tl_adapt_free(struct tl_adapt *adapt);                           /* NULL is fine */
/* max_rows: tokens that pass through an operation together. */
void tl_adapt_layout(struct tl_adapt *adapt, uint32_t max_rows, uint32_t threads, struct tl_arena *weights, struct tl_arena *batch);
/* Reads the files; *hash goes on over what they hold. */
int tl_adapt_load(struct tl_adapt *adapt, uint64_t *hash);

/* What a matrix holds, from the files: a [rank][cols], b [rows][rank] in the base's order of rows and with all scales. */
int tl_adapt_read(const struct tl_adapt *adapt, const struct tl_adapt_matrix *matrix, float *ret_a, float *ret_b);

struct tl_step;
/* adapt_run.c: adds to the outputs of the stage's operations, which are there. */
void tl_adapt_run(struct tl_step *step, struct tl_pool *pool);

#endif
