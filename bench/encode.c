/* SPDX-License-Identifier: MIT */
/* How fast are rows encoded by all threads where nothing is read or written? The limit that `trill quantize` is held against: rows of
 * the largest tensor of a model, in memory, decoded and rounded again and again for some seconds a format, three times each.
 *
 *   gcc -O2 -D_GNU_SOURCE -Isrc bench/encode.c build/libtrill.a -luring -lpcre2-8 -lutf8proc -lsqlite3 -lm -ldl -pthread -o /tmp/encode
 *   /tmp/encode MODEL THREADS FORMAT ... */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "modelfile/modelfile.h"

enum { ROWS = 1024, ROUNDS = 3 };
static const double seconds = 3;

static const struct tl_tensor *tensor;
static const struct tl_number *number;
static uint64_t cols, row_bytes;
static uint8_t *in, *out;
static float *values;

static void check(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, tl_error_text());
        exit(1);
    }
}

static void encode_row(void *context, uint32_t piece, uint32_t thread)
{
    (void)context;
    tl_number_decode(tensor->number, in + piece * row_bytes, cols, values + thread * cols);
    tl_number_fit(number, values + thread * cols, NULL, cols, out + piece * cols * sizeof(float));
}

int main(int n_words, char **words)
{
    struct tl_modelfile *file;
    struct tl_pool *pool;
    if (n_words < 4) {
        fprintf(stderr, "usage: encode MODEL THREADS FORMAT ...\n");
        return 2;
    }
    check(tl_modelfile_open(words[1], &file), words[1]);
    check(tl_pool_new((uint32_t)strtoul(words[2], NULL, 10), &pool), "threads");
    tensor = tl_modelfile_tensor(file, 0);
    for (uint64_t i = 1; i < tl_modelfile_tensors(file); i++)
        tensor = tl_modelfile_tensor(file, i)->n_bytes > tensor->n_bytes ? tl_modelfile_tensor(file, i) : tensor;
    cols = tensor->shape[tensor->n_dims - 1];
    row_bytes = tensor->n_bytes / (tensor->n_elems / cols);
    in = tl_alloc(ROWS, row_bytes);
    out = tl_alloc(ROWS * cols, sizeof(float));
    values = tl_alloc(tl_pool_threads(pool) * cols, sizeof(float));
    if (!in || !out || !values || tensor->n_elems / cols < ROWS)
        return 1;
    check(tl_modelfile_read(file, tensor, 0, in, ROWS * row_bytes), "reading");
    printf("%s, %s, rows of %llu, %u threads; million values a second:\n", tensor->name, tensor->type_name, (unsigned long long)cols, tl_pool_threads(pool));
    for (int i = 3; i < n_words; i++) {
        number = tl_number_by_name(words[i]);
        printf("%s", words[i]);
        for (int round = 0; round < ROUNDS && number; round++) {
            uint64_t began_ns = tl_clock_ns(), n = 0;
            for (; tl_clock_seconds(began_ns) < seconds; n += ROWS * cols)
                tl_pool_run(pool, ROWS, encode_row, NULL);
            printf(" %.1f", (double)n * 1e-6 / tl_clock_seconds(began_ns));
        }
        printf("\n");
    }
    return 0;
}
