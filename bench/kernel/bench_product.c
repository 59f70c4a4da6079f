/* SPDX-License-Identifier: MIT */
/* How fast matrix products are, as shares of what the machine can do, measured in the same run.
 *   bench_product [-l LEVEL] [-t THREADS] [-f FORMAT,...] [-n TOKENS,...] [-s ROWSxCOLS,...] [-m MEGABYTES] [-r SAMPLES] [-x] [-c]
 * One line a format, shape and number of tokens: GB/s of weights and their share of the reading speed of memory, Gops
 * (multiply and add) and their share of the int8 (f32 with -x) peak of the threads. Few tokens run through MEGABYTES of
 * matrices, so that every weight comes from memory. -x: exact, f32 activations. -c: this thread's CPU time instead of
 * wall time, for one thread on a busy machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/pool.h"
#include "kernel/acts.h"
#include "kernel/peak.h"
#include "number/panel.h"

enum { PIECE_PANELS = 8, MAX_SAMPLES = 1000 };

struct bench {
    const struct tl_kernel *level;
    struct tl_pool *pool;
    uint8_t *memory;
    uint64_t n_bytes;
    double read_speed, int8_ops, bf16_ops, f32_ops;
    bool exact, cpu_time;
    int samples;
    void *scratch[64];
};

/* Same shape, many matrices, run one behind the other. */
struct job {
    struct tl_product product;
    const struct tl_kernel *level;
    void *const *scratch;
    uint32_t panels;
};

static void run_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct job *job = context;
    struct tl_product product = job->product;
    uint32_t to = (piece + 1) * PIECE_PANELS;
    product.scratch = job->scratch[thread];
    job->level->product[product.acts->form](&product, piece * PIECE_PANELS, to < job->panels ? to : job->panels);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *map(uint64_t n_bytes)
{
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    madvise(memory, n_bytes, MADV_HUGEPAGE);
    return memory;
}

static double now(const struct bench *bench)
{
    struct timespec time;
    clock_gettime(bench->cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void report(struct bench *bench, const struct tl_number *number, uint32_t rows, uint32_t cols, uint32_t tokens)
{
    uint32_t panels = (rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    uint64_t matrix_bytes = panels * tl_panel_bytes(number, cols);
    enum tl_acts_form form = tl_acts_form_of(number, bench->exact);
    struct tl_acts acts = {.form = form, .cols = cols, .max_tokens = tokens, .data = map(tl_acts_bytes(form, tokens, cols))};
    float *x = map((uint64_t)tokens * cols * 4), *out = map((uint64_t)tokens * rows * 4);
    uint64_t repeats = bench->n_bytes / matrix_bytes;
    double seconds[MAX_SAMPLES];
    if (matrix_bytes > bench->n_bytes)
        return;
    for (uint64_t i = 0; i < (uint64_t)tokens * cols; i++)
        x[i] = (float)(int32_t)(i * 2654435761u) * 0x1p-31f;
    bench->level->acts_fill[form](x, cols, 0, tokens, &acts);
    struct job job = {{number, bench->memory, rows, cols, &acts, 0, tokens, out, rows, NULL}, bench->level, bench->scratch, panels};
    double ops = 2.0 * rows * cols * tokens;
    if (ops * (double)repeats > 100e9)
        repeats = (uint64_t)(100e9 / ops) + 1;
    for (int s = -1; s < bench->samples; s++) {
        double start = now(bench);
        for (uint64_t i = 0; i < repeats; i++) {
            job.product.panels = bench->memory + i * matrix_bytes;
            tl_pool_run(bench->pool, (panels + PIECE_PANELS - 1) / PIECE_PANELS, run_piece, &job);
        }
        seconds[s < 0 ? 0 : s] = (now(bench) - start) / (double)repeats;
    }
    qsort(seconds, (size_t)bench->samples, sizeof *seconds, compare_doubles);
    double median = seconds[bench->samples / 2], speed = (double)matrix_bytes / median;
    double peak = form == TL_ACTS_Q8 ? bench->int8_ops : form == TL_ACTS_BF16 ? bench->bf16_ops : bench->f32_ops;
    printf("%-5s %6ux%-6u %4u tokens  %6.2f GB/s %5.1f %%  %7.1f Gops %5.1f %%  (best %.1f %%)\n", number->name, rows, cols, tokens,
           speed * 1e-9, 100 * speed / bench->read_speed, ops / median * 1e-9, 100 * ops / median / peak,
           tokens > 8 ? 100 * ops / seconds[0] / peak : 100 * (double)matrix_bytes / seconds[0] / bench->read_speed);
    fflush(stdout);
    munmap(acts.data, tl_acts_bytes(form, tokens, cols));
    munmap(x, (uint64_t)tokens * cols * 4);
    munmap(out, (uint64_t)tokens * rows * 4);
}

static void measure_one(void *context, uint32_t piece, uint32_t thread)
{
    double (*speeds)[3] = ((void **)context)[0];
    const struct tl_kernel *level = ((void **)context)[1];
    (void)thread;
    speeds[piece][0] = tl_peak_int8_ops(level, 0.2);
    speeds[piece][1] = tl_peak_bf16_flops(level, 0.2);
    speeds[piece][2] = tl_peak_f32_flops(level, 0.2);
}

static void measure_peaks(struct bench *bench)
{
    double speeds[64][3] = {{0}};
    void *context[2] = {speeds, (void *)bench->level};
    tl_pool_run(bench->pool, tl_pool_threads(bench->pool), measure_one, context);
    for (int i = 0; i < 64; i++) {
        bench->int8_ops += speeds[i][0];
        bench->bf16_ops += speeds[i][1];
        bench->f32_ops += speeds[i][2];
    }
    bench->read_speed = tl_peak_memory(bench->pool, bench->memory, bench->n_bytes, 1);
    printf("%s, %u threads: memory %.1f GB/s, int8 %.0f Gops, bf16 %.0f Gflops, f32 %.0f Gflops\n", bench->level->name,
           tl_pool_threads(bench->pool), bench->read_speed * 1e-9, bench->int8_ops * 1e-9, bench->bf16_ops * 1e-9,
           bench->f32_ops * 1e-9);
}

static void each_shape(struct bench *bench, const struct tl_number *number, uint32_t tokens, const char *shapes)
{
    char list[256], *rest = list;
    snprintf(list, sizeof list, "%s", shapes);
    for (char *word; (word = strsep(&rest, ","));) {
        uint32_t rows = 0, cols = 0;
        if (sscanf(word, "%ux%u", &rows, &cols) == 2 && cols % number->block_elems == 0)
            report(bench, number, rows, cols, tokens);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.n_bytes = 2048ull << 20, .samples = 5};
    char formats[256] = "q4_0,q4_1,q8_0,q4_k,q6_k,q5_0,q5_1,q5_k,q3_k,q2_k,bf16,f16,f32", tokens[256] = "1,512";
    const char *level = tl_kernel_best()->name, *shapes = "576x576,1536x576,576x1536,640x2048,2048x640,4096x4096", *value;
    uint32_t threads = 0;
    for (int i = 1; i < argc; i++) {
        char flag = argv[i][0] == '-' ? argv[i][1] : 0;
        if (flag == 'x' && (bench.exact = true))
            continue;
        if (flag == 'c' && (bench.cpu_time = true))
            continue;
        if (!flag || i + 1 == argc)
            return 2;
        value = argv[++i];
        if (flag == 'r') bench.samples = atoi(value) < MAX_SAMPLES ? atoi(value) : MAX_SAMPLES;
        if (flag == 'l') level = value;
        if (flag == 't') threads = (uint32_t)atoi(value);
        if (flag == 'f') snprintf(formats, sizeof formats, "%s", value);
        if (flag == 'n') snprintf(tokens, sizeof tokens, "%s", value);
        if (flag == 's') shapes = value;
        if (flag == 'm') bench.n_bytes = strtoull(value, NULL, 10) << 20;
    }
    bench.level = tl_kernel_level(level);
    if (!bench.level || tl_pool_new(threads, &bench.pool) < 0)
        return 1;
    tl_pool_float_mode();
    bench.memory = map(bench.n_bytes);
    for (uint64_t i = 0, s = 1; i < bench.n_bytes / 8; i++, s ^= s << 13, s ^= s >> 7, s ^= s << 17)
        ((uint64_t *)bench.memory)[i] = s;
    for (int i = 0; i < 64; i++)
        bench.scratch[i] = map(tl_product_scratch_bytes());
    measure_peaks(&bench);
    for (char *rest = formats, *name; (name = strsep(&rest, ","));) {
        const struct tl_number *number = tl_number_by_name(name);
        char list[256], *words = list;
        snprintf(list, sizeof list, "%s", tokens);
        for (char *word; number && (word = strsep(&words, ","));)
            each_shape(&bench, number, (uint32_t)atoi(word), shapes);
    }
    tl_pool_free(bench.pool);
    return 0;
}
