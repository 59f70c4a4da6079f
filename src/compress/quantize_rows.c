/* SPDX-License-Identifier: MIT */
/* Rows of a tensor on their way into another format, some megabytes at a time, a row a piece of work. Every sixteenth row is
 * decoded again, for the error that is reported. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/quantize_impl.h"

enum { PASS_BYTES = 16 << 20, CHECKED_ROWS = 16 };

struct pass {
    const struct tl_quantizing *q;
    const struct tl_output *output;
    uint64_t cols, rows, matrix_rows;    /* of the output; of one matrix */
    uint64_t from, in_bytes, out_bytes;  /* the pass's first row; of a row */
    uint8_t *in, *out;
    float *values, *back;                /* [threads][cols] */
    double *error, *power;               /* [rows of the pass] */
};

/* Which matrix of the input a row of the output is from. */
static uint64_t source_matrix(const struct pass *p, uint64_t row)
{
    uint64_t matrix = row / p->matrix_rows;
    return p->output->kept && p->output->tensor->n_dims > 2 ? p->output->kept[matrix] : matrix;
}

static uint64_t source_row(const struct pass *p, uint64_t row)
{
    const struct tl_output *output = p->output;
    if (output->kept && output->tensor->n_dims == 2)
        return output->kept[row];
    return source_matrix(p, row) * p->matrix_rows + row % p->matrix_rows;
}

static void check_row(const struct pass *p, const float *weights, const float *values, const uint8_t *stored, float *back, double *ret_error,
                      double *ret_power)
{
    double error = 0, power = 0;
    tl_number_decode(p->output->number, stored, p->cols, back);
    for (uint64_t i = 0; i < p->cols; i++) {
        double off = (double)back[i] - (double)values[i], weight = weights ? (double)weights[i] : 1;
        error += weight * off * off;
        power += weight * (double)values[i] * (double)values[i];
    }
    *ret_error = error;
    *ret_power = power;
}

static void row_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct pass *p = context;
    const struct tl_number *number = p->output->number;
    uint64_t row = p->from + piece;
    const float *weights = p->q->importance ? tl_importance_of(p->q->importance, p->output->tensor, source_matrix(p, row)) : NULL;
    float *values = p->values + thread * p->cols;
    uint8_t *stored = p->out + piece * p->out_bytes;
    tl_number_decode(p->output->tensor->number, p->in + piece * p->in_bytes, p->cols, values);
    tl_number_fit(number, values, weights, p->cols, stored);
    p->error[piece] = p->power[piece] = 0;
    if (row % CHECKED_ROWS == 0)
        check_row(p, weights, values, stored, p->back + thread * p->cols, &p->error[piece], &p->power[piece]);
}

/* Rows that lie one behind the other in the input are read together. */
static int read_rows(const struct pass *p, uint64_t n)
{
    int r = 0;
    for (uint64_t i = 0, run; i < n && r >= 0; i += run) {
        uint64_t first = source_row(p, p->from + i);
        for (run = 1; i + run < n && source_row(p, p->from + i + run) == first + run;)
            run++;
        r = tl_modelfile_read(p->q->file, p->output->tensor, first * p->in_bytes, p->in + i * p->in_bytes, run * p->in_bytes);
    }
    return r;
}

static int pass_rows(struct tl_quantizing *q, struct pass *p, uint64_t n)
{
    int r = read_rows(p, n);
    if (r < 0)
        return r;
    if (p->output->number) {
        uint64_t began_ns = tl_clock_ns();
        tl_pool_run(q->pool, (uint32_t)n, row_piece, p);
        q->report->encode_seconds += tl_clock_seconds(began_ns);
        for (uint64_t i = 0; i < n; i++) {
            q->error += p->error[i];
            q->power += p->power[i];
        }
    }
    r = tl_writer_bytes(q->writer, p->output->number ? p->out : p->in, n * p->out_bytes);
    return r < 0 ? r : tl_progress_move(q->progress, q->done_bytes += n * p->in_bytes);
}

static bool measure(struct pass *p)
{
    const struct tl_tensor *tensor = p->output->tensor;
    const struct tl_number *number = p->output->number;
    p->cols = tensor->n_dims ? tensor->shape[tensor->n_dims - 1] : 1;
    p->rows = 1;
    for (uint32_t d = 0; d + 1 < tensor->n_dims; d++)
        p->rows *= p->output->shape[d];
    p->matrix_rows = tensor->n_dims > 2 ? p->rows / p->output->shape[0] : p->rows ? p->rows : 1;
    p->in_bytes = tensor->n_elems ? tensor->n_bytes / (tensor->n_elems / p->cols) : 0;
    p->out_bytes = p->in_bytes;
    return p->rows > 0 && p->cols > 0 && p->matrix_rows > 0 && (!number || tl_number_bytes(number, p->cols, &p->out_bytes));
}

/* A vector of which some elements are kept: a row of one element each. */
static int pick_elements(struct tl_quantizing *q, const struct tl_output *output)
{
    const struct tl_tensor *tensor = output->tensor;
    uint64_t size = tensor->n_bytes / tensor->n_elems;
    TL_AUTO uint8_t *all = tl_alloc(tensor->n_bytes, 1);
    int r = all ? tl_modelfile_read(q->file, tensor, 0, all, tensor->n_bytes) : TL_E_NOMEM;
    for (uint64_t i = 0; i < output->shape[0] && r >= 0; i++)
        r = tl_writer_bytes(q->writer, all + output->kept[i] * size, size);
    q->done_bytes += tensor->n_bytes;
    return r;
}

int tl_quantize_tensor(struct tl_quantizing *q, const struct tl_output *output)
{
    struct pass p = {.q = q, .output = output};
    if (output->kept && output->tensor->n_dims == 1)
        return pick_elements(q, output);
    if (!output->kept && !output->number)
        return tl_writer_copy(q->writer, q->file, output->tensor, q->progress, &q->done_bytes);
    if (!measure(&p))
        return tl_fail(TL_E_FILE, "%s: %s has rows of no whole blocks", tl_modelfile_path(q->file), output->tensor->name);
    uint64_t most = PASS_BYTES / (p.in_bytes + p.out_bytes) + 1, threads = tl_pool_threads(q->pool);
    most = most > p.rows ? p.rows : most;
    TL_AUTO uint8_t *in = tl_alloc(most, p.in_bytes), *out = tl_alloc(most, p.out_bytes);
    TL_AUTO float *values = tl_alloc(2 * threads * p.cols, sizeof(float));
    TL_AUTO double *sums = tl_alloc(2 * most, sizeof(double));
    int r = in && out && values && sums ? 0 : TL_E_NOMEM;
    p.in = in;
    p.out = out;
    p.values = values;
    p.back = r < 0 ? NULL : values + threads * p.cols;
    p.error = sums;
    p.power = r < 0 ? NULL : sums + most;
    for (p.from = 0; p.from < p.rows && r >= 0; p.from += most)
        r = pass_rows(q, &p, p.rows - p.from < most ? p.rows - p.from : most);
    return r;
}
