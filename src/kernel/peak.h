/* SPDX-License-Identifier: MIT */
/* What this machine's arithmetic and memory can do at most, measured: the limits that speeds are shares of.
 * Arithmetic is measured by loops of nothing but the level's widest product instruction on registers, in one thread;
 * multiply and add count as two operations. Cores that share limits show it when several threads measure at once. */
#ifndef TL_KERNEL_PEAK_H
#define TL_KERNEL_PEAK_H

#include "base/pool.h"
#include "kernel/kernel.h"

/* Operations a second of the calling thread, measured for about `seconds`. `level` may be NULL: the best one. */
double tl_peak_int8_ops(const struct tl_kernel *level, double seconds);
double tl_peak_bf16_flops(const struct tl_kernel *level, double seconds);
double tl_peak_f32_flops(const struct tl_kernel *level, double seconds);

/* Bytes a second that the pool's threads read together from `memory`, the best of the passes that `seconds` allow (at
 * least two). Give it much more than the caches hold, random, on huge pages: a page of one repeated byte misleads. */
double tl_peak_memory(struct tl_pool *pool, const void *memory, uint64_t n_bytes, double seconds);

/* peak_pool.c: the same of memory that is made for it, and a tl_peak_... above in all threads at once, their sum. */
enum { TL_PEAK_THREADS = 256 };          /* at most so many are measured */
int tl_peak_reading(struct tl_pool *pool, uint64_t n_bytes, double seconds, double *ret_bytes_per_s);
double tl_peak_arithmetic(struct tl_pool *pool, const struct tl_kernel *level, double (*peak)(const struct tl_kernel *level, double seconds),
                          double seconds);

/* --- what a level provides ------------------------------------------------------------------------------------------ */

/* A loop runs `rounds` times and returns something that depends on all of it; `ops` are those of one round. */
struct tl_peak_loop {
    uint32_t (*run)(uint64_t rounds);
    double ops;
};

struct tl_peak_loops { struct tl_peak_loop int8, bf16, f32; };

#define ISA(name, architecture, features, folder, flags) void tl_peak_loops_##name(struct tl_peak_loops *loops);
#include "kernel/isa.def"
#undef ISA

#endif
