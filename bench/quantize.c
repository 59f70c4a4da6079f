/* SPDX-License-Identifier: MIT */
/* How good and how fast is rounding to each block format, beside ggml's own quantiser with the same importance? Rows of one matrix of
 * a real model, one thread, in turns, five rounds.
 *
 *   gcc -O2 -D_GNU_SOURCE -Isrc bench/quantize.c build/libtrill.a -luring -lpcre2-8 -lutf8proc -lsqlite3 -lm -ldl -pthread -o /tmp/quantize
 *   /tmp/quantize libggml-base.so MODEL TENSOR MOMENTS [ROWS]
 *
 * Prints a table: weighted squared error over that of zeros, and million values a second, of both; raw samples behind it. */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/importance.h"
#include "number/number.h"

enum { ROUNDS = 5 };

static size_t (*quantize_chunk)(int type, const float *from, void *to, int64_t start, int64_t rows, int64_t cols, const float *importance);
static void (*quantize_init)(int type);

static uint64_t rows, cols;
static float *values, *back;
static const float *weights;
static uint8_t *stored;

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, tl_error_text());
        exit(1);
    }
}

static double error_of(const struct tl_number *number, uint64_t row_bytes)
{
    double error = 0, power = 0;
    for (uint64_t r = 0; r < rows; r++) {
        tl_number_decode(number, stored + r * row_bytes, cols, back);
        for (uint64_t c = 0; c < cols; c++) {
            double value = (double)values[r * cols + c], off = (double)back[c] - value, weight = weights ? (double)weights[c] : 1;
            error += weight * off * off;
            power += weight * value * value;
        }
    }
    return error / power;
}

static double ours(const struct tl_number *number, uint64_t row_bytes)
{
    uint64_t began_ns = tl_clock_ns();
    for (uint64_t r = 0; r < rows; r++)
        number->fit(values + r * cols, weights, cols, stored + r * row_bytes);
    return tl_clock_seconds(began_ns);
}

static double theirs(const struct tl_number *number)
{
    uint64_t began_ns = tl_clock_ns();
    quantize_chunk(number->gguf_type, values, stored, 0, (int64_t)rows, (int64_t)cols, weights);
    return tl_clock_seconds(began_ns);
}

static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static void compare(const struct tl_number *number)
{
    uint64_t row_bytes = cols / number->block_elems * number->block_bytes;
    double seconds[2][ROUNDS], error[2], speed[2];
    quantize_init(number->gguf_type);
    for (int round = 0; round < ROUNDS; round++) {
        seconds[0][round] = ours(number, row_bytes);
        error[0] = error_of(number, row_bytes);
        seconds[1][round] = theirs(number);
        error[1] = error_of(number, row_bytes);
    }
    char samples[512] = "";
    for (int side = 0; side < 2; side++) {
        for (int round = 0; round < ROUNDS; round++)
            snprintf(samples + strlen(samples), sizeof(samples) - strlen(samples), "%s%.4f", round ? " " : side ? "; " : "", seconds[side][round]);
        qsort(seconds[side], ROUNDS, sizeof(double), by_size);
        speed[side] = (double)(rows * cols) * 1e-6 / seconds[side][ROUNDS / 2];
    }
    printf("| %s | %.6f | %.6f | %.3f | %.2f | %.2f | %.2f | %s |\n", number->name, error[0], error[1], error[0] / error[1], speed[0], speed[1],
           speed[0] / speed[1], samples);
    fflush(stdout);
}

static void open_all(char **words, uint64_t most_rows)
{
    struct tl_modelfile *file;
    struct tl_importance *importance;
    check(tl_modelfile_open(words[2], &file) >= 0 && tl_importance_open(words[4], file, NULL, &importance) >= 0, words[2]);
    const struct tl_tensor *tensor = tl_modelfile_find(file, words[3]);
    check(tensor && tensor->number && tensor->n_dims == 2, words[3]);
    cols = tensor->shape[1];
    rows = tensor->shape[0] < most_rows ? tensor->shape[0] : most_rows;
    uint64_t n_bytes = tensor->n_bytes / tensor->shape[0] * rows;
    uint8_t *bytes = tl_alloc(n_bytes, 1);
    values = tl_alloc(rows * cols, sizeof(float));
    back = tl_alloc(cols, sizeof(float));
    stored = tl_alloc(rows * cols, sizeof(float));
    weights = tl_importance_of(importance, tensor, 0);
    check(bytes && values && back && stored && tl_modelfile_read(file, tensor, 0, bytes, n_bytes) >= 0, "reading");
    tl_number_decode(tensor->number, bytes, rows * cols, values);
}

int main(int n_words, char **words)
{
    void *library = n_words < 5 ? NULL : dlopen(words[1], RTLD_NOW);
    if (!library) {
        fprintf(stderr, "usage: quantize libggml-base.so MODEL TENSOR MOMENTS [ROWS]\n");
        return 2;
    }
    *(void **)&quantize_chunk = dlsym(library, "ggml_quantize_chunk");
    *(void **)&quantize_init = dlsym(library, "ggml_quantize_init");
    check(quantize_chunk && quantize_init, words[1]);
    open_all(words, n_words > 5 ? strtoull(words[5], NULL, 10) : 64);
    printf("%s of %s, %" PRIu64 " x %" PRIu64 "\n\n", words[3], strrchr(words[2], '/') ? strrchr(words[2], '/') + 1 : words[2], rows, cols);
    printf("| format | error | ggml's | ratio | M/s | ggml's | ratio | seconds, ours; ggml's |\n|---|---:|---:|---:|---:|---:|---:|---|\n");
    for (int i = 0; i < TL_NUMBERS; i++) {
        const struct tl_number *number = tl_number((enum tl_number_id)i);
        if (number->fit && number->gguf_type >= 0 && number->block_elems > 1 && cols % number->block_elems == 0)
            compare(number);
    }
    return 0;
}
