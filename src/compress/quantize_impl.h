/* SPDX-License-Identifier: MIT */
/* What is written, tensor by tensor. Private to quantize*.c. */
#ifndef TL_COMPRESS_QUANTIZE_IMPL_H
#define TL_COMPRESS_QUANTIZE_IMPL_H

#include "base/pool.h"
#include "compress/convert.h"
#include "compress/place.h"
#include "compress/quantize.h"
#include "modelfile/writer.h"
#include "store/drive.h"

/* One tensor of the output: rows of one of the input, in another number format or as they are. */
struct tl_output {
    const struct tl_tensor *tensor;
    const struct tl_number *number;      /* NULL: its bytes are copied */
    const uint32_t *kept;                /* of its outermost dimension, [shape[0]]; NULL: all */
    char *name;                          /* of an expert whose number changes; NULL: the tensor's */
    uint64_t shape[TL_TENSOR_DIMS];
    double encode_seconds;               /* so far */
};

/* How an output is cut: rows [rows][cols], matrix_rows of them a matrix. One that is only copied has rows of one byte. */
struct tl_rows { uint64_t cols, rows, matrix_rows, in_bytes, out_bytes; };

/* Rows [row, row + n_rows) of an output, which lie one behind the other in the input. */
struct tl_run {
    const struct tl_output *output;
    struct tl_rows rows;
    uint64_t row, n_rows;
    uint64_t offset, n_bytes;            /* of its tensor */
};

enum { TL_RUN_SLOTS = 40, TL_RUN_ROWS = 4096 };      /* runs that are on their way at a time; rows of one that is encoded, at most */

/* What the flow takes: so many slots, each with a run of so many bytes on both sides; the longest row that is encoded. */
struct tl_flow_sizes { uint32_t slots; uint64_t in_bytes, out_bytes, cols; };

struct tl_quantizing {
    const struct tl_quantize_how *how;
    struct tl_modelfile *source;         /* as it was opened */
    struct tl_conversion *conversion;    /* NULL: the output is of the same kind */
    struct tl_modelfile *file;           /* the source, or the conversion's */
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
    struct { const struct tl_number *from; bool several; uint64_t n, elems; } wider;     /* blocks that become f32, and nobody asked for it */
    const struct tl_number *native;      /* what experts came as that stay in other blocks with the same values; NULL: none do */
    char *scheme;                        /* as text, for the file; NULL: formats are left alone */
    struct tl_flow_sizes sizes;
    uint64_t done_bytes;                 /* of the input */
    double error, power;
    struct tl_quantize_report *report;
};

/* quantize_plan.c: the outputs, their formats by the scheme or within the size. */
int tl_quantize_plan(struct tl_quantizing *q);
/* quantize_notes.c: what is to be told of an output, whose format somebody asked for or nobody; then all of it, in a line each. */
void tl_quantize_note(struct tl_quantizing *q, const struct tl_output *output, const struct tl_place *place, bool asked);
void tl_quantize_tell(const struct tl_quantizing *q);
/* quantize_meta.c: metadata of the input, and where the file is from. */
int tl_quantize_metadata(struct tl_quantizing *q);
const struct tl_number *tl_quantize_stored(const struct tl_quantizing *q);       /* what most of the output is stored as; NULL: nothing known */
/* Do all layers that have experts keep as many? ret_count: the most of any. */
bool tl_quantize_even(const struct tl_quantizing *q, uint32_t *ret_count);
/* quantize_config.c: of a model that is pruned, beside its weights. */
int tl_quantize_config(const struct tl_quantizing *q);

/* quantize_rows.c: TL_E_FILE where rows of the tensor have no whole blocks. */
int tl_rows_measure(const struct tl_quantizing *q, const struct tl_output *output, struct tl_rows *ret_rows);
/* The run that begins at run->row of run->output; false behind the last row. At most as many rows as the sizes hold, one at least. */
bool tl_run_cut(const struct tl_flow_sizes *sizes, struct tl_run *run);
/* What a run is in the source, where it may be in another format. */
uint64_t tl_run_source_bytes(const struct tl_quantizing *q, const struct tl_run *run);
/* A run's rows into the format of its output. scratch: tl_run_scratch_bytes. TL_E_FILE: a value that it cannot hold. */
int tl_run_encode(struct tl_quantizing *q, const struct tl_run *run, const uint8_t *in, uint8_t *out, double *scratch);
uint64_t tl_run_scratch_bytes(uint64_t cols, uint32_t threads);

/* quantize_budget.c. TL_E_BUDGET: what the process has taken and `bytes` more are above the budget; `what` they are for. */
int tl_quantize_afford(const struct tl_quantizing *q, uint64_t bytes, const char *what);
/* Sets q->sizes as the budget allows. */
int tl_quantize_size(struct tl_quantizing *q);

/* quantize_flow.c: outputs from that one on go to the writer: what comes next is read and what came before is written while
 * threads encode. */
int tl_quantize_flow(struct tl_quantizing *q, uint64_t first);

#endif
