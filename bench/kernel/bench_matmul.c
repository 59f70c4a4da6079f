/* SPDX-License-Identifier: MIT */
/* The products of a training step: of a batch forward, back to the input, back to the weights, in the shapes of a student.
 * GFLOP/s and share of the f32 peak that the same threads reach right behind, medians.
 *
 *     bench_matmul [THREADS]          2 unless said */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "kernel/peak.h"
#include "train/matmul.h"

enum { SAMPLES = 7, TOKENS = 4096, MOST_ROWS = 1536 };

static const struct shape { const char *what; uint32_t width, rows; } shapes[] = {
    {"attention", 512, 512}, {"gate, up", 512, 1536}, {"down", 1536, 512}, {"head, a block", 512, 1024},
};

static float *take(size_t n)
{
    float *values = aligned_alloc(64, n * sizeof(*values));
    if (!values)
        exit(1);
    uint64_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(int32_t)(state >> 32) * 0x1p-31f;
    }
    return values;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench { struct tl_matmul_room *room; struct tl_pool *pool; const struct tl_kernel *kernel; };

static void tell(const struct bench *b, const char *what, const char *way, const struct tl_matmul *product)
{
    double shares[SAMPLES], rates[SAMPLES];
    for (int i = -1; i < SAMPLES; i++) {
        uint64_t since = tl_clock_ns();
        tl_matmul_run(b->room, b->pool, b->kernel, product);
        double rate = 2.0 * product->m * product->n * product->inner / tl_clock_seconds(since);
        double peak = tl_peak_arithmetic(b->pool, b->kernel, tl_peak_f32_flops, 0.03);
        if (i >= 0) {
            rates[i] = rate;
            shares[i] = rate / peak;
        }
    }
    qsort(rates, SAMPLES, sizeof(*rates), compare);
    qsort(shares, SAMPLES, sizeof(*shares), compare);
    printf("%-14s %-18s %5u x %5u x %5u %10.1f %7.1f%%  (%.1f to %.1f)\n", what, way, product->m, product->n, product->inner, rates[SAMPLES / 2] * 1e-9,
           100 * shares[SAMPLES / 2], 100 * shares[0], 100 * shares[SAMPLES - 1]);
}

int main(int argc, char **argv)
{
    struct bench b = {.kernel = tl_kernel_best()};
    struct tl_arena count, arena;
    uint32_t threads = argc > 1 ? (uint32_t)atoi(argv[1]) : 2;
    tl_pool_float_mode();
    tl_arena_count(&count);
    if (tl_pool_new(threads, &b.pool) < 0 || tl_matmul_layout(&count, threads, TOKENS, &b.room) < 0 || tl_arena_init(&arena, count.used_bytes) < 0 ||
        tl_matmul_layout(&arena, threads, TOKENS, &b.room) < 0)
        return 1;
    float *x = take((size_t)TOKENS * MOST_ROWS), *w = take((size_t)MOST_ROWS * MOST_ROWS), *y = take((size_t)TOKENS * MOST_ROWS);
    printf("%-14s %-18s %-21s %10s %8s\n", "product", "way", "m x n x inner", "GFLOP/s", "of peak");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        tell(&b, s->what, "forward", &(struct tl_matmul){.a = tl_operand_of(x, s->width), .b = tl_operand_of(w, s->width), .m = TOKENS, .n = s->rows,
                                                         .inner = s->width, .c = y, .c_step = s->rows});
        tell(&b, s->what, "to the input", &(struct tl_matmul){.a = tl_operand_of(y, s->rows), .b = tl_operand_turned(w, s->width), .m = TOKENS,
                                                              .n = s->width, .inner = s->rows, .c = x, .c_step = s->width, .add = false});
        tell(&b, s->what, "to the weights", &(struct tl_matmul){.a = tl_operand_turned(y, s->rows), .b = tl_operand_turned(x, s->width), .m = s->rows,
                                                                .n = s->width, .inner = TOKENS, .c = w, .c_step = s->width, .add = true});
    }
    return 0;
}
