/* SPDX-License-Identifier: MIT */
/* What this machine can do: the peaks that speeds are held against. */
#include <pthread.h>

#include "api/api.h"
#include "base/arena.h"
#include "base/error.h"
#include "kernel/peak.h"

enum { MAX_THREADS = 256 };
static const uint64_t memory_bytes = 512u << 20;     /* many times the last-level cache */
static const uint64_t least_bytes = 1u << 20;
static const double seconds = 0.15;

/* --- memory: random bytes, so that no page or line repeats --- */

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

static int check_means(uint32_t threads, uint64_t n_bytes)
{
    if (threads > MAX_THREADS || n_bytes < least_bytes)
        return tl_fail(TL_E_USAGE, "%u threads reading %llu bytes: at most %d threads, at least %llu bytes", threads,
                       (unsigned long long)n_bytes, MAX_THREADS, (unsigned long long)least_bytes);
    return 0;
}

static int measure_memory(struct tl_pool *pool, uint64_t n_bytes, double *ret_bytes_per_s)
{
    struct tl_arena arena;
    n_bytes -= n_bytes % least_bytes;
    int status = tl_arena_init(&arena, n_bytes);
    if (status < 0)
        return status;
    struct fill fill = { tl_arena_take(&arena, n_bytes, 1), n_bytes / sizeof(uint64_t) };
    if (fill.words) {
        tl_pool_run(pool, FILL_PIECES, fill_piece, &fill);
        *ret_bytes_per_s = tl_peak_memory(pool, fill.words, n_bytes, seconds);
    }
    tl_arena_done(&arena);
    return fill.words ? 0 : TL_E_NOMEM;
}

/* --- arithmetic: every thread at once, the sum of what each reached --- */

struct arithmetic { tl_measure_loop loop; const struct tl_kernel *level; double seconds, rate[MAX_THREADS]; };

static void arithmetic_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct arithmetic *a = context;
    (void)thread;
    a->rate[piece] = a->loop(a->level, a->seconds);
}

double tl_measure_arithmetic(struct tl_pool *pool, const struct tl_kernel *level, tl_measure_loop run, double run_seconds)
{
    struct arithmetic a = { .loop = run, .level = level, .seconds = run_seconds };
    uint32_t threads = tl_pool_threads(pool) < MAX_THREADS ? tl_pool_threads(pool) : MAX_THREADS;
    double sum = 0;
    tl_pool_run(pool, threads, arithmetic_piece, &a);
    for (uint32_t i = 0; i < threads; i++)
        sum += a.rate[i];
    return sum;
}

int trill_measure_peaks(uint32_t threads, const char *cpu, uint64_t n_bytes, struct trill_peaks *ret_peaks, size_t size)
{
    const struct tl_kernel *level = !cpu || !strcmp(cpu, "auto") ? tl_kernel_best() : tl_kernel_level(cpu);
    struct trill_peaks peaks = { .size = sizeof(peaks) };
    struct tl_pool *pool;
    if (!level)
        return tl_fail(TL_E_USAGE, "CPU level \"%.40s\" is not available here (there are: %s)", cpu, tl_kernel_names());
    int status = check_means(threads, n_bytes ? n_bytes : memory_bytes);
    if (status >= 0)
        status = tl_pool_new(threads, &pool);
    if (status < 0)
        return status;
    status = measure_memory(pool, n_bytes ? n_bytes : memory_bytes, &peaks.memory_bytes_per_s);
    if (status >= 0) {
        peaks.int8_ops_per_s = tl_measure_arithmetic(pool, level, tl_peak_int8_ops, seconds);
        peaks.bf16_flops = tl_measure_arithmetic(pool, level, tl_peak_bf16_flops, seconds);
        peaks.f32_flops = tl_measure_arithmetic(pool, level, tl_peak_f32_flops, seconds);
        tl_api_out(ret_peaks, size, &peaks, sizeof(peaks));
    }
    tl_pool_free(pool);
    return status;
}

int trill_measure_drive(struct trill_model *model, double seconds_of_it, double *ret_bytes_per_s)
{
    struct tl_engine *engine = model->engine;
    if (!engine->model)
        return tl_fail(TL_E_USAGE, "the model was opened without its weights");
    tl_engine_enter(engine);
    int status = tl_store_measure_drive(tl_model_store(engine->model), seconds_of_it, ret_bytes_per_s);
    tl_engine_leave(engine);
    return status;
}

int trill_measure_memory(uint32_t threads, uint64_t n_bytes, double *ret_bytes_per_s)
{
    struct tl_pool *pool;
    int status = check_means(threads, n_bytes);
    if (status >= 0)
        status = tl_pool_new(threads, &pool);
    if (status < 0)
        return status;
    status = measure_memory(pool, n_bytes, ret_bytes_per_s);
    tl_pool_free(pool);
    return status;
}
