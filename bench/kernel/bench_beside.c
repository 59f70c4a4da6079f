/* SPDX-License-Identifier: MIT */
/* How long products of one token take beside ggml's: the same rows, in turns, in the second cache, medians and least of many.
 *
 *     bench_beside FORMAT,...        ns for 512 weights: 16 rows by 32 columns
 *
 * Built with -I of ggml/include and linked with libggml-cpu and libggml-base, which build-peers' folder has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "kernel/acts.h"
#include "number/panel.h"

#include "ggml-cpu.h"
#include "ggml.h"

enum { ROWS = 32, COLS = 4096, SAMPLES = 4000, WARM = 200, PANELS = ROWS / TL_PANEL_ROWS };

struct side { double ns[SAMPLES]; float out[ROWS]; };

static void *take(uint64_t n_bytes)
{
    void *memory = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    if (!memory)
        exit(1);
    return memory;
}

static float next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*seed >> 32) * 0x1p-31f;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const struct tl_number *number, struct side *ours, struct side *theirs)
{
    double error = 0, size = 0;
    for (uint32_t r = 0; r < ROWS; r++) {
        error += (ours->out[r] - theirs->out[r]) * (ours->out[r] - theirs->out[r]);
        size += theirs->out[r] * theirs->out[r];
    }
    qsort(ours->ns, SAMPLES, sizeof(double), compare);
    qsort(theirs->ns, SAMPLES, sizeof(double), compare);
    double a = ours->ns[SAMPLES / 2], b = theirs->ns[SAMPLES / 2];
    printf("%-8s %6.1f (least %.1f)  ggml %6.1f (least %.1f)  %.2f times as fast; difference %.0e of the squares\n", number->name, a,
           ours->ns[0], b, theirs->ns[0], b / a, error / size);
}

static void compare_format(const struct tl_number *number)
{
    const struct ggml_type_traits_cpu *traits = ggml_get_type_traits_cpu((enum ggml_type)number->gguf_type);
    const struct tl_kernel *kernel = tl_kernel_best();
    uint64_t row_bytes = COLS / number->block_elems * number->block_bytes, seed = 1;
    uint8_t *rows = take(ROWS * row_bytes), *panels = take(PANELS * tl_panel_bytes(number, COLS));
    float *x = take(COLS * sizeof(float)), *w = take(sizeof(float) * ROWS * COLS);
    struct tl_acts acts = {.form = TL_ACTS_Q8, .cols = COLS, .max_tokens = 1, .data = take(tl_acts_bytes(TL_ACTS_Q8, 1, COLS))};
    void *theirs_x = take(2 * COLS * sizeof(float));
    static struct side ours, theirs;
    for (uint32_t i = 0; i < COLS; i++)
        x[i] = next(&seed);
    for (uint32_t i = 0; i < ROWS * COLS; i++)
        w[i] = next(&seed);
    number->encode(w, ROWS * COLS, rows);
    for (uint32_t p = 0; p < PANELS; p++)
        tl_panel_pack(number, rows + p * TL_PANEL_ROWS * row_bytes, TL_PANEL_ROWS, COLS, panels + p * tl_panel_bytes(number, COLS));
    kernel->acts_fill[TL_ACTS_Q8](x, COLS, 0, 1, &acts);
    ggml_get_type_traits_cpu(traits->vec_dot_type)->from_float(x, theirs_x, COLS);
    struct tl_product product = {.number = number, .panels = panels, .rows = ROWS, .cols = COLS, .acts = &acts, .token_to = 1,
                                 .out = ours.out, .out_stride = ROWS, .scratch = take(tl_product_scratch_bytes())};
    for (int i = -WARM; i < SAMPLES; i++) {
        uint64_t start = tl_clock_ns();
        kernel->product[TL_ACTS_Q8](&product, 0, PANELS);
        uint64_t between = tl_clock_ns();
        for (uint32_t r = 0; r < ROWS; r++)
            traits->vec_dot(COLS, &theirs.out[r], 0, rows + r * row_bytes, 0, theirs_x, 0, 1);
        uint64_t end = tl_clock_ns();
        ours.ns[i < 0 ? 0 : i] = (double)(between - start) / (ROWS * COLS / 512);
        theirs.ns[i < 0 ? 0 : i] = (double)(end - between) / (ROWS * COLS / 512);
    }
    tell(number, &ours, &theirs);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    ggml_cpu_init();
    tl_pool_float_mode();
    for (char *rest = argv[1], *name; (name = strsep(&rest, ","));) {
        const struct tl_number *number = tl_number_by_name(name);
        if (number && number->gguf_type >= 0 && number->group)
            compare_format(number);
    }
    return 0;
}
