/* SPDX-License-Identifier: MIT */
/* What this machine can do: the peaks that speeds are held against. */
#include "api/api.h"
#include "base/error.h"
#include "kernel/peak.h"

static const uint64_t memory_bytes = 512u << 20;     /* many times the last-level cache */
static const uint64_t least_bytes = 1u << 20;
static const double seconds = 0.15;

static int check_means(uint32_t threads, uint64_t n_bytes)
{
    if (threads > TL_PEAK_THREADS || n_bytes < least_bytes)
        return tl_fail(TL_E_USAGE, "%u threads reading %llu bytes: at most %d threads, at least %llu bytes", threads,
                       (unsigned long long)n_bytes, TL_PEAK_THREADS, (unsigned long long)least_bytes);
    return 0;
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
    status = tl_peak_reading(pool, n_bytes ? n_bytes : memory_bytes, seconds, &peaks.memory_bytes_per_s);
    if (status >= 0) {
        peaks.int8_ops_per_s = tl_peak_arithmetic(pool, level, tl_peak_int8_ops, seconds);
        peaks.bf16_flops = tl_peak_arithmetic(pool, level, tl_peak_bf16_flops, seconds);
        peaks.f32_flops = tl_peak_arithmetic(pool, level, tl_peak_f32_flops, seconds);
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
    status = tl_peak_reading(pool, n_bytes, seconds, ret_bytes_per_s);
    tl_pool_free(pool);
    return status;
}
