/* SPDX-License-Identifier: MIT */
/* Peaks of all threads of a pool: the memory that is read is filled with random bytes, so that no page or line repeats;
 * arithmetic runs in every thread at once, so that cores which share limits show it. */
#include "base/arena.h"
#include "kernel/peak.h"

static const uint64_t piece_bytes = 1u << 20;

struct fill { uint64_t *words; uint64_t n_words; };

enum { FILL_PIECES = 64 };

static void fill_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct fill *fill = context;
    uint64_t from = fill->n_words / FILL_PIECES * piece, state = piece * 0x9e3779b97f4a7c15u + 1;
    (void)thread;
    for (uint64_t i = from; i < from + fill->n_words / FILL_PIECES; i++) {
        state ^= state << 13;            /* xorshift (Marsaglia 2003) */
        state ^= state >> 7;
        state ^= state << 17;
        fill->words[i] = state;
    }
}

int tl_peak_reading(struct tl_pool *pool, uint64_t n_bytes, double seconds, double *ret_bytes_per_s)
{
    struct tl_arena arena;
    n_bytes -= n_bytes % piece_bytes;
    int status = tl_arena_init(&arena, n_bytes);
    if (status < 0)
        return status;
    struct fill fill = {tl_arena_take(&arena, n_bytes, 1), n_bytes / sizeof(uint64_t)};
    tl_pool_run(pool, FILL_PIECES, fill_piece, &fill);
    *ret_bytes_per_s = tl_peak_memory(pool, fill.words, n_bytes, seconds);
    tl_arena_done(&arena);
    return 0;
}

struct arithmetic {
    double (*peak)(const struct tl_kernel *level, double seconds);
    const struct tl_kernel *level;
    double seconds, rate[TL_PEAK_THREADS];
};

static void arithmetic_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct arithmetic *a = context;
    (void)thread;
    a->rate[piece] = a->peak(a->level, a->seconds);
}

double tl_peak_arithmetic(struct tl_pool *pool, const struct tl_kernel *level, double (*peak)(const struct tl_kernel *level, double seconds),
                          double seconds)
{
    struct arithmetic a = {.peak = peak, .level = level, .seconds = seconds};
    uint32_t threads = tl_pool_threads(pool) < TL_PEAK_THREADS ? tl_pool_threads(pool) : TL_PEAK_THREADS;
    double sum = 0;
    tl_pool_run(pool, threads, arithmetic_piece, &a);
    for (uint32_t i = 0; i < threads; i++)
        sum += a.rate[i];
    return sum;
}
