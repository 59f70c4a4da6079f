/* SPDX-License-Identifier: MIT */
/* Peaks: times the loops that the levels provide, doubling the rounds until the time is long enough to trust, and reads
 * memory with all threads of a pool in pieces of one megabyte. */
#include "kernel/peak.h"

#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "kernel/arch.h"

static const struct {
    const char *name;
    void (*fill)(struct tl_peak_loops *loops);           /* NULL: not of this architecture */
} levels[] = {
#define ISA(name, architecture, features, folder, flags) {#name, (architecture) ? tl_peak_loops_##name : NULL},
#include "kernel/isa.def"
#undef ISA
};

static struct tl_peak_loops loops_of(const struct tl_kernel *level)
{
    struct tl_peak_loops loops = {0};
    const char *name = level ? level->name : tl_kernel_best()->name;
    for (size_t i = 0; i < TL_COUNT(levels); i++)
        if (levels[i].fill && tl_kernel_level(levels[i].name)) {
            levels[i].fill(&loops);
            if (strcmp(levels[i].name, name) == 0)
                break;
        }
    return loops;
}

static double measure(const struct tl_peak_loop *loop, double seconds)
{
    volatile uint32_t sink;
    double best = 0, total = 0;
    for (uint64_t rounds = 1000; total < seconds;) {
        uint64_t start = tl_clock_ns();
        sink = loop->run(rounds);
        double took = tl_clock_seconds(start);
        (void)sink;
        double speed = (double)rounds * loop->ops / took;
        total += took;
        if (speed > best)
            best = speed;
        if (took < seconds / 8)
            rounds *= 2;
    }
    return best;
}

double tl_peak_int8_ops(const struct tl_kernel *level, double seconds)
{
    struct tl_peak_loops loops = loops_of(level);
    return measure(&loops.int8, seconds);
}

double tl_peak_bf16_flops(const struct tl_kernel *level, double seconds)
{
    struct tl_peak_loops loops = loops_of(level);
    return measure(&loops.bf16, seconds);
}

double tl_peak_f32_flops(const struct tl_kernel *level, double seconds)
{
    struct tl_peak_loops loops = loops_of(level);
    return measure(&loops.f32, seconds);
}

/* --- memory ---------------------------------------------------------------------------------------------------------- */

typedef uint64_t lane __attribute__((vector_size(16)));

enum { PIECE = 1 << 20, STEP = 16 };

struct reading {
    const uint8_t *memory;
    uint64_t n_bytes;
    uint64_t sink;                       /* raced on: only so that nothing is optimised away */
};

static void read_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct reading *reading = context;
    const lane *at = (const lane *)(reading->memory + (uint64_t)piece * PIECE), *end = at + PIECE / sizeof *at;
    lane sum[STEP] = {{0}};
    (void)thread;
    for (; at < end; at += STEP)
        for (int i = 0; i < STEP; i++)
            sum[i] ^= at[i];
    for (int i = 1; i < STEP; i++)
        sum[0] ^= sum[i];
    if ((sum[0][0] ^ sum[0][1]) == 0x123456789)
        __atomic_store_n(&reading->sink, sum[0][0], __ATOMIC_RELAXED);
}

double tl_peak_memory(struct tl_pool *pool, const void *memory, uint64_t n_bytes, double seconds)
{
    struct reading reading = {memory, n_bytes, 0};
    uint32_t pieces = (uint32_t)(n_bytes / PIECE);
    double best = 0, total = 0;
    if (pieces == 0)
        return 0;
    for (int pass = 0; pass < 2 || total < seconds; pass++) {
        uint64_t start = tl_clock_ns();
        tl_pool_run(pool, pieces, read_piece, &reading);
        double took = tl_clock_seconds(start), speed = (double)pieces * PIECE / took;
        total += took;
        if (speed > best)
            best = speed;
    }
    return best;
}
