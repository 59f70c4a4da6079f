/* SPDX-License-Identifier: MIT */
/* What is written, tensor by tensor. Private to quantize*.c. */
#ifndef TL_COMPRESS_QUANTIZE_IMPL_H
#define TL_COMPRESS_QUANTIZE_IMPL_H

#include "base/pool.h"
#include "compress/quantize.h"
#include "modelfile/writer.h"

/* One tensor of the output: rows of one of the input, in another number format or as they are. */
struct tl_output {
    const struct tl_tensor *tensor;
    const struct tl_number *number;      /* NULL: its bytes are copied */
    const uint32_t *kept;                /* of its outermost dimension, [shape[0]]; NULL: all */
    uint64_t shape[TL_TENSOR_DIMS];
};

struct tl_quantizing {
    const struct tl_quantize_how *how;
    struct tl_modelfile *file;
    struct tl_model *model;
    struct tl_meters meters;
    struct tl_importance *importance;
    struct tl_pool *pool;
    char *path;                          /* of the file of weights that is written */
    struct tl_writer *writer;
    struct tl_progress *progress;
    struct tl_output *outputs;
    uint64_t n_outputs;
    uint32_t *kept, *n_kept;             /* [layers][n_experts]: the experts that stay, first of all; [layers]: how many. NULL: all */
    char *scheme;                        /* as text, for the file; NULL: formats are left alone */
    uint64_t done_bytes;                 /* of the input */
    double error, power;
    struct tl_quantize_report *report;
};

/* quantize_plan.c: the outputs, their formats by the scheme or within the size. */
int tl_quantize_plan(struct tl_quantizing *q);
/* quantize_rows.c: one of them goes to the writer. */
int tl_quantize_tensor(struct tl_quantizing *q, const struct tl_output *output);
/* quantize_meta.c: metadata of the input, and where the file is from. */
int tl_quantize_metadata(struct tl_quantizing *q);

#endif
