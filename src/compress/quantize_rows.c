/* SPDX-License-Identifier: MIT */
/* Rows of a tensor on their way into another format: cut into runs that lie together in the input, encoded a row a piece of
 * work. Every sixteenth row is decoded again, for the error that is reported. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/error.h"
#include "compress/quantize_impl.h"

enum { CHECKED_ROWS = 16 };

struct encoding {
    const struct tl_quantizing *q;
    const struct tl_run *run;
    const uint8_t *in;
    uint8_t *out;
    float *values, *back;                /* [threads][cols] */
    double *error, *power;               /* [rows of the run]; power -1: of values that the format cannot hold */
};

int tl_rows_measure(const struct tl_quantizing *q, const struct tl_output *output, struct tl_rows *ret_rows)
{
    const struct tl_tensor *tensor = output->tensor;
    bool vector = tensor->n_dims < 2;
    struct tl_rows rows = {.cols = 1, .rows = tensor->n_bytes, .matrix_rows = tensor->n_bytes, .in_bytes = 1, .out_bytes = 1};
    if ((output->number || output->kept) && tensor->n_elems) {
        rows.cols = output->kept && vector ? 1 : tensor->n_dims ? tensor->shape[tensor->n_dims - 1] : 1;
        rows.rows = output->kept && vector ? output->shape[0] : 1;
        for (uint32_t d = 0; d + 1 < tensor->n_dims; d++)
            rows.rows *= output->shape[d];
        rows.matrix_rows = tensor->n_dims > 2 && output->shape[0] ? rows.rows / output->shape[0] : rows.rows;
        rows.out_bytes = rows.in_bytes = tensor->n_bytes / (tensor->n_elems / rows.cols);
        if (output->number && !tl_number_bytes(output->number, rows.cols, &rows.out_bytes))
            return tl_fail(TL_E_FILE, "%s: %s has rows of no whole blocks", tl_modelfile_path(q->file), tensor->name);
    }
    *ret_rows = rows;
    return 0;
}

/* Which matrix of the input a row of the output is from. */
static uint64_t source_matrix(const struct tl_run *run, uint64_t row)
{
    uint64_t matrix = row / run->rows.matrix_rows;
    return run->output->kept && run->output->tensor->n_dims > 2 ? run->output->kept[matrix] : matrix;
}

static uint64_t source_row(const struct tl_run *run, uint64_t row)
{
    const struct tl_output *output = run->output;
    if (output->kept && output->tensor->n_dims <= 2)
        return output->kept[row];
    return source_matrix(run, row) * run->rows.matrix_rows + row % run->rows.matrix_rows;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

bool tl_run_cut(const struct tl_flow_sizes *sizes, struct tl_run *run)
{
    const struct tl_rows *rows = &run->rows;
    uint64_t most = rows->rows - run->row, first;
    if (!most)
        return false;
    first = source_row(run, run->row);
    most = least(most, least(sizes->in_bytes / rows->in_bytes, run->output->number ? sizes->out_bytes / rows->out_bytes : most));
    most = run->output->number ? least(most, TL_RUN_ROWS) : most;
    for (run->n_rows = 1; run->n_rows < most && (!run->output->kept || source_row(run, run->row + run->n_rows) == first + run->n_rows);)
        run->n_rows = run->output->kept ? run->n_rows + 1 : most;
    run->offset = first * rows->in_bytes;
    run->n_bytes = run->n_rows * rows->in_bytes;
    return true;
}

/* An element's, with its share of a scale. */
static double bits_of(const struct tl_number *number)
{
    const struct tl_number_apart *apart = number->apart;
    return apart ? apart->code_bits + 8.0 * apart->scale_bytes / apart->rows / apart->cols : 8.0 * number->block_bytes / number->block_elems;
}

uint64_t tl_run_source_bytes(const struct tl_quantizing *q, const struct tl_run *run)
{
    const struct tl_tensor *tensor = run->output->tensor;
    if (!q->conversion || !tensor->number)
        return run->n_bytes;
    const struct tl_number *number = tl_conversion_number(q->conversion, (uint64_t)(tensor - tl_modelfile_tensor(q->file, 0)));
    return (uint64_t)((double)run->n_bytes / bits_of(tensor->number) * bits_of(number));
}

static void check_row(struct encoding *e, const float *weights, const float *values, const uint8_t *stored, float *back, uint32_t piece)
{
    double error = 0, power = 0;
    tl_number_decode(e->run->output->number, stored, e->run->rows.cols, back);
    for (uint64_t i = 0; i < e->run->rows.cols; i++) {
        double off = (double)back[i] - (double)values[i], weight = weights ? (double)weights[i] : 1;
        error += weight * off * off;
        power += weight * (double)values[i] * (double)values[i];
    }
    e->error[piece] = error;
    e->power[piece] = power;
}

static void row_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct encoding *e = context;
    const struct tl_run *run = e->run;
    const struct tl_rows *rows = &run->rows;
    const struct tl_output *output = run->output;
    uint64_t row = run->row + piece;
    const float *weights = e->q->importance ? tl_importance_of(e->q->importance, output->tensor, source_matrix(run, row)) : NULL;
    float *values = e->values + thread * rows->cols;
    uint8_t *stored = e->out + piece * rows->out_bytes;
    tl_number_decode(output->tensor->number, e->in + piece * rows->in_bytes, rows->cols, values);
    e->error[piece] = 0;
    e->power[piece] = tl_number_holds(output->number, values, rows->cols) ? 0 : -1;
    if (e->power[piece] < 0)
        return;
    tl_number_fit(output->number, values, weights, rows->cols, stored);
    if (row % CHECKED_ROWS == 0)
        check_row(e, weights, values, stored, e->back + thread * rows->cols, piece);
}

uint64_t tl_run_scratch_bytes(uint64_t cols, uint32_t threads) { return 2 * TL_RUN_ROWS * sizeof(double) + 2 * threads * cols * sizeof(float); }

int tl_run_encode(struct tl_quantizing *q, const struct tl_run *run, const uint8_t *in, uint8_t *out, double *scratch)
{
    float *values = (float *)(scratch + 2 * TL_RUN_ROWS);
    struct encoding e = {.q = q, .run = run, .in = in, .out = out, .error = scratch, .power = scratch + TL_RUN_ROWS, .values = values,
                         .back = values + tl_pool_threads(q->pool) * run->rows.cols};
    uint64_t began_ns = tl_clock_ns();
    tl_pool_run(q->pool, (uint32_t)run->n_rows, row_piece, &e);
    q->outputs[run->output - q->outputs].encode_seconds += tl_clock_seconds(began_ns);
    for (uint64_t i = 0; i < run->n_rows; i++) {
        if (e.power[i] < 0)
            return tl_fail(TL_E_FILE, "%s: %s: found a value in row %" PRIu64 " that %s cannot hold: it is not finite, or above 65504",
                           tl_modelfile_path(q->file), run->output->tensor->name, run->row + i, run->output->number->name);
        q->error += e.error[i];
        q->power += e.power[i];
    }
    return 0;
}
