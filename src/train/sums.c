/* SPDX-License-Identifier: MIT */
/* Sums over tokens: blocks of TL_SUM_ROWS rows first, in parallel, then the blocks in their order. */
#include <string.h>

#include "train/graph_impl.h"

enum { COLS_A_PIECE = 256 };

struct sums { struct tl_graph *graph; const float *rows; uint64_t step; uint32_t n_rows, n_blocks, width; float *sum; };

static void block_piece(void *context, uint32_t block, uint32_t thread)
{
    const struct sums *s = context;
    float *partial = s->graph->partial + (uint64_t)block * s->width;
    uint32_t from = block * TL_SUM_ROWS, to = from + TL_SUM_ROWS < s->n_rows ? from + TL_SUM_ROWS : s->n_rows;
    (void)thread;
    memset(partial, 0, s->width * sizeof(float));
    for (uint32_t row = from; row < to; row++)
        s->graph->kernel->add(partial, s->rows + row * s->step, s->width, partial);
}

static void cols_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct sums *s = context;
    uint32_t from = piece * COLS_A_PIECE, n = s->width - from < COLS_A_PIECE ? s->width - from : COLS_A_PIECE;
    (void)thread;
    for (uint32_t block = 0; block < s->n_blocks; block++)
        s->graph->kernel->add(s->sum + from, s->graph->partial + (uint64_t)block * s->width + from, n, s->sum + from);
}

void tl_sum_blocks(struct tl_graph *g, uint32_t n_blocks, uint32_t width, float *sum)
{
    struct sums s = { .graph = g, .n_blocks = n_blocks, .width = width, .sum = sum };
    tl_pool_run(g->pool, (width + COLS_A_PIECE - 1) / COLS_A_PIECE, cols_piece, &s);
}

void tl_sum_rows(struct tl_graph *g, const float *rows, uint64_t step, uint32_t n_rows, uint32_t width, float *sum)
{
    struct sums s = { .graph = g, .rows = rows, .step = step, .n_rows = n_rows, .width = width };
    uint32_t blocks = (n_rows + TL_SUM_ROWS - 1) / TL_SUM_ROWS;
    tl_pool_run(g->pool, blocks, block_piece, &s);
    tl_sum_blocks(g, blocks, width, sum);
}
