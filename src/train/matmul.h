/* SPDX-License-Identifier: MIT */
/* Products of f32 matrices for training, through the product kernels of room kernel: every output has one accumulator and
 * takes its terms in order by fma, so the bits depend on neither threads nor CPU level. */
#ifndef TL_TRAIN_MATMUL_H
#define TL_TRAIN_MATMUL_H

#include "base/arena.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include "store/store.h"

/* An operand: element (i, k) lies at data[i * row_step + k * inner_step], and one of the steps is 1. Of b, `weight` may stand
 * instead: a matrix of any number format as a store pins it, whose rows are i (or, transposed, k). */
struct tl_operand {
    const float *data;
    size_t row_step, inner_step;
    const struct tl_weight *weight;      /* NULL: data */
    bool transposed;
};

/* Rows that begin `step` floats apart, as they lie or turned: (i, k) of the one is (k, i) of the other. */
static inline struct tl_operand tl_operand_of(const float *data, size_t step) { return (struct tl_operand){ .data = data, .row_step = step, .inner_step = 1 }; }
static inline struct tl_operand tl_operand_turned(const float *data, size_t step) { return (struct tl_operand){ .data = data, .row_step = 1, .inner_step = step }; }

/* c[i][j] = sum over k of a[i][k] * b[j][k], i below m, j below n, k below inner; add: to what c holds. */
struct tl_matmul {
    struct tl_operand a, b;
    uint32_t m, n, inner;
    float *c;
    size_t c_step;
    bool add;
    bool bf16;                           /* both operands rounded to bf16 first; sums stay f32 */
};

struct tl_matmul_room;                   /* scratch of all threads, laid out once */

/* From `arena`; on a counting arena this only adds up, and *ret_room stays NULL. most_inner: of all products to come. */
int tl_matmul_layout(struct tl_arena *arena, uint32_t n_threads, uint32_t most_inner, struct tl_matmul_room **ret_room);
/* Cut into pieces over the pool; no bit depends on how. */
void tl_matmul_run(struct tl_matmul_room *room, struct tl_pool *pool, const struct tl_kernel *kernel, const struct tl_matmul *product);
/* The whole product in this thread, for work that is itself a piece (attention of a head). */
void tl_matmul_piece(struct tl_matmul_room *room, uint32_t thread, const struct tl_kernel *kernel, const struct tl_matmul *product);

#endif
