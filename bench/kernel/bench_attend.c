/* SPDX-License-Identifier: MIT */
/* Attention: GFLOP/s and share of the f32 peak in the shapes of prefill, GB/s of keys and values and share of what memory
 * gives in the shape of decode (one step over caches that exceed the last-level cache). Latent: 64 heads share one key of
 * 576, whose leading 512 dimensions are the value; the rows of some tokens in calls of so many. One thread; medians.
 *
 *     bench_attend [LEVEL ...]        all levels of this CPU but ref unless named */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include "kernel/peak.h"

enum { SAMPLES = 9, MAX_ROWS = 128, MAX_DIM = 576 };

static const struct shape {
    const char *what;
    enum tl_number_id format;
    uint32_t n_rows, dim, positions;
    uint64_t cache_bytes;                /* 0: one KV head, hot; else as many heads as fill this */
    uint32_t v_dim, calls;               /* latent: dimensions of the key that are the value; calls over a head. Else 0 */
} shapes[] = {
    { "prefill", TL_NUMBER_F16, 12, 64, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 16, 64, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 48, 64, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 12, 64, 4096, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 16, 256, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 16, 256, 4096, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 16, 128, 2048, 0, 0, 0 },
    { "prefill", TL_NUMBER_F16, 16, 80, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_BF16, 12, 64, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_F32, 12, 64, 512, 0, 0, 0 },
    { "prefill", TL_NUMBER_Q8_0, 12, 64, 512, 0, 0, 0 },
    { "one row", TL_NUMBER_F16, 1, 64, 512, 0, 0, 0 },
    { "3 rows", TL_NUMBER_F16, 3, 64, 512, 0, 0, 0 },
    { "4 rows", TL_NUMBER_F16, 4, 256, 512, 0, 0, 0 },
    { "decode", TL_NUMBER_F16, 1, 128, 4096, 256u << 20, 0, 0 },
    { "decode", TL_NUMBER_F16, 3, 64, 4096, 256u << 20, 0, 0 },
    { "decode", TL_NUMBER_F16, 4, 256, 4096, 256u << 20, 0, 0 },
    { "decode", TL_NUMBER_BF16, 4, 128, 4096, 256u << 20, 0, 0 },
    { "decode", TL_NUMBER_Q8_0, 4, 128, 4096, 256u << 20, 0, 0 },
    { "decode", TL_NUMBER_F32, 4, 128, 4096, 256u << 20, 0, 0 },
    { "latent", TL_NUMBER_BF16, 16, 576, 4096, 0, 512, 4 },
    { "latent", TL_NUMBER_BF16, 32, 576, 4096, 0, 512, 2 },
    { "latent", TL_NUMBER_BF16, 64, 576, 4096, 0, 512, 1 },
    { "latent", TL_NUMBER_BF16, 128, 576, 4096, 0, 512, 1 },
    { "latent", TL_NUMBER_BF16, 16, 576, 4096, 64u << 20, 512, 4 },
    { "latent", TL_NUMBER_BF16, 32, 576, 4096, 64u << 20, 512, 2 },
    { "latent", TL_NUMBER_BF16, 64, 576, 4096, 64u << 20, 512, 1 },
    { "latent", TL_NUMBER_BF16, 64, 576, 4096, 64u << 20, 512, 2 },
    { "latent", TL_NUMBER_BF16, 64, 576, 4096, 64u << 20, 512, 4 },
    { "latent", TL_NUMBER_BF16, 64, 576, 4096, 64u << 20, 512, 8 },
    { "latent", TL_NUMBER_F32, 64, 576, 4096, 64u << 20, 512, 1 },
    { "latent", TL_NUMBER_F16, 64, 576, 4096, 64u << 20, 512, 1 },
    { "latent", TL_NUMBER_Q8_0, 64, 576, 4096, 64u << 20, 512, 1 },
};

static void *take(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static float random_float(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(state >> 32) * 0x1p-31f;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench {
    struct tl_attend attend;
    uint32_t first[MAX_ROWS], last[MAX_ROWS], n_heads;
    const float *q[MAX_ROWS];
    float *out[MAX_ROWS];
    const void **pages;
    uint64_t cache_bytes, used_bytes;    /* of all pages; of all keys and values seen */
};

static void bench_init(struct bench *bench, const struct shape *shape, void *cache)
{
    const struct tl_number *format = tl_number(shape->format);
    uint32_t v_dim = shape->v_dim ? shape->v_dim : shape->dim, kept = shape->v_dim ? 0 : v_dim;
    uint64_t page_bytes = tl_page_bytes(format, shape->dim, kept);
    uint32_t n_pages = (shape->positions + TL_PAGE_TOKENS - 1) / TL_PAGE_TOKENS;
    bench->n_heads = shape->cache_bytes ? (uint32_t)(shape->cache_bytes / (page_bytes * n_pages)) : 1;
    bench->cache_bytes = page_bytes * n_pages * bench->n_heads;
    bench->used_bytes = page_bytes / TL_PAGE_TOKENS * shape->positions * bench->n_heads;
    bench->pages = malloc(n_pages * bench->n_heads * sizeof *bench->pages);
    float key[MAX_DIM], value[MAX_DIM];
    for (uint32_t i = 0; i < n_pages * bench->n_heads; i++) {
        bench->pages[i] = (char *)cache + i * page_bytes;
        for (uint32_t slot = 0; slot < TL_PAGE_TOKENS; slot++) {
            for (uint32_t d = 0; d < shape->dim; d++) {
                key[d] = random_float();
                value[d] = random_float();
            }
            tl_page_put(format, shape->dim, kept, (void *)bench->pages[i], slot, key, value);
        }
    }
    for (uint32_t i = 0; i < shape->n_rows; i++) {
        float *q = malloc(shape->dim * sizeof *q);
        for (uint32_t d = 0; d < shape->dim; d++)
            q[d] = random_float();
        bench->q[i] = q;
        bench->out[i] = malloc(v_dim * sizeof(float));
        bench->first[i] = 0;
        bench->last[i] = shape->positions - 1;
    }
    bench->attend = (struct tl_attend){
        .format = format, .head_dim = shape->dim, .v_dim = v_dim, .latent = shape->v_dim > 0, .n_rows = shape->n_rows, .q = bench->q,
        .out = bench->out, .first = bench->first, .last = bench->last, .scale = 1 / sqrtf((float)shape->dim),
        .scratch = aligned_alloc(64, tl_attend_scratch_bytes(shape->n_rows, shape->positions)),
    };
}

static void bench_done(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->attend.n_rows; i++) {
        free((void *)bench->q[i]);
        free(bench->out[i]);
    }
    free(bench->pages);
    free(bench->attend.scratch);
}

/* Seconds of one call over all heads, the median of SAMPLES. */
static double seconds_of(const struct tl_kernel *kernel, struct bench *bench, const struct shape *shape)
{
    double samples[SAMPLES];
    uint32_t n_pages = (shape->positions + TL_PAGE_TOKENS - 1) / TL_PAGE_TOKENS, rounds = 1;
    for (int i = -2; i < SAMPLES;) {
        uint64_t since = tl_clock_ns();
        for (uint32_t round = 0; round < rounds; round++)
            for (uint32_t head = 0; head < bench->n_heads; head++) {
                bench->attend.pages = bench->pages + head * n_pages;
                for (uint32_t call = 0; call < (shape->calls ? shape->calls : 1); call++)
                    kernel->attend(&bench->attend);
            }
        double seconds = tl_clock_seconds(since);
        if (seconds < 0.01) {
            rounds *= 2;
            continue;
        }
        if (i >= 0)
            samples[i] = seconds / rounds;
        i++;
    }
    qsort(samples, SAMPLES, sizeof *samples, compare);
    return samples[SAMPLES / 2];
}

static void run_level(const struct tl_kernel *kernel, void *cache, double memory)
{
    printf("\n%s\n%-8s %-5s %4s %4s %9s %10s %10s %8s %8s\n", kernel->name, "shape", "kv", "rows", "dim", "positions",
           "GFLOP/s", "f32 peak", "share", "GB/s");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *shape = &shapes[i];
        struct bench bench = { .n_heads = 0 };
        bench_init(&bench, shape, cache);
        double peak = tl_peak_f32_flops(kernel, 0.05), seconds = seconds_of(kernel, &bench, shape);
        uint32_t rows = shape->n_rows * (shape->calls ? shape->calls : 1), v_dim = bench.attend.v_dim;
        double flops = 2.0 * rows * (shape->dim + v_dim) * shape->positions * bench.n_heads / seconds;
        double bytes = (double)bench.used_bytes / seconds;
        printf("%-8s %-5s %4u %4u %9u %10.1f %10.1f %7.1f%% %8.1f", shape->what, tl_number(shape->format)->name,
               shape->n_rows, shape->dim, shape->positions, flops * 1e-9, peak * 1e-9, 100 * flops / peak, bytes * 1e-9);
        if (shape->cache_bytes)
            printf("  %.0f%% of memory", 100 * bytes / memory);
        printf("\n");
        bench_done(&bench);
    }
}

int main(int argc, char **argv)
{
    uint64_t cache_bytes = 256u << 20;
    char *cache = take(cache_bytes);
    for (uint64_t i = 0; i < cache_bytes; i += sizeof(float))
        *(float *)(cache + i) = random_float();
    struct tl_pool *pool;
    tl_pool_float_mode();
    if (tl_pool_new(1, &pool) < 0)
        return 1;
    double memory = tl_peak_memory(pool, cache, cache_bytes, 0.5);
    tl_pool_free(pool);
    printf("memory %.1f GB/s\n", memory * 1e-9);
    char names[256];
    snprintf(names, sizeof names, "%s", tl_kernel_names());
    if (argc > 1)
        for (int i = 1; i < argc; i++) {
            if (tl_kernel_level(argv[i]))
                run_level(tl_kernel_level(argv[i]), cache, memory);
        }
    else
        for (char *rest = names, *name; (name = strsep(&rest, " "));)
            if (strcmp(name, "ref") != 0)
                run_level(tl_kernel_level(name), cache, memory);
    return 0;
}
