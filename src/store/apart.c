/* SPDX-License-Identifier: MIT */
/* Matrices whose codes and scales files keep in tensors of their own: both are read, each row is joined into the blocks of
 * its format, and rows are packed as any others. Bits stay as stored, but for transposed matrices that cut through blocks
 * of scales: those become f32, exactly decoded. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "store/store_impl.h"

static uint64_t min64(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t ceil_div(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

/* Elements of a stored row. Stored rows of a transposed matrix are its columns: lines. */
static uint64_t stored_cols(const struct tl_matrix *m)
{
    uint64_t all = m->tensor->n_elems / (m->each ? 1 : tl_matrix_stored(m));
    return !m->transposed ? m->cols : m->line ? m->line : all / m->cols;
}

static uint64_t codes_row(const struct tl_matrix *m)
{
    return stored_cols(m) * m->number->apart->code_bits / 8;
}

static uint64_t scales_in_row(const struct tl_matrix *m)
{
    return ceil_div(stored_cols(m), m->number->apart->cols);
}

static uint64_t scales_row(const struct tl_matrix *m)
{
    return scales_in_row(m) * (m->scales->number ? m->scales->number->block_bytes : 1);
}

/* Stored rows from one matrix to the next: transposed ones have equal shares of the tensor. */
static uint64_t rows_apart(const struct tl_matrix *m)
{
    if (m->each)
        return 0;
    uint64_t bytes = codes_row(m);
    return m->transposed && bytes ? m->tensor->n_bytes / tl_matrix_stored(m) / bytes : m->matrix_step;
}

static uint64_t codes_row_of(const struct tl_matrix *m, uint32_t index, uint64_t row_in_matrix)
{
    return index * rows_apart(m) + row_in_matrix;
}

static uint64_t scale_row_of(const struct tl_matrix *m, uint32_t index, uint64_t row_in_matrix)
{
    uint32_t rows = m->number->apart->rows;
    uint64_t before = m->each ? 0 : index * m->scale_step;
    return m->scale_step ? before + row_in_matrix / rows : codes_row_of(m, index, row_in_matrix) / rows;
}

static uint64_t first_row(const struct tl_matrix *m) { return m->transposed ? 0 : m->first_row; }
static uint64_t last_row(const struct tl_matrix *m) { return m->transposed ? m->cols - 1 : m->first_row + (m->rows - 1) * m->row_step; }

const struct tl_number *tl_matrix_number(const struct tl_matrix *m)
{
    if (!m->number)
        return m->tensor->number;
    uint32_t rows = m->number->apart->rows;
    bool cuts = m->transposed && (m->cols % rows || (!m->scale_step && rows_apart(m) % rows));
    return cuts ? tl_number(TL_NUMBER_F32) : m->number;
}

uint64_t tl_apart_stored_bytes(const struct tl_matrix *m)
{
    uint64_t scale_rows = ceil_div(m->rows, m->number->apart->rows);
    return m->count * ((uint64_t)m->rows * m->cols * m->number->apart->code_bits / 8 + scale_rows * scales_row(m));
}

bool tl_apart_reaches(const struct tl_matrix *m)
{
    uint64_t codes, scales;
    if (!codes_row(m) || (m->transposed && m->first_row + (m->rows - 1) * m->row_step >= stored_cols(m)))
        return false;
    return tl_checked_mul(codes_row_of(m, tl_matrix_stored(m) - 1, last_row(m)) + 1, codes_row(m), &codes) && codes <= m->tensor->n_bytes &&
           tl_checked_mul(scale_row_of(m, tl_matrix_stored(m) - 1, last_row(m)) + 1, scales_row(m), &scales) && scales <= m->scales->n_bytes;
}

/* Sixteen joined rows, then one row of scales. */
uint64_t tl_apart_scratch(const struct tl_slot *slot)
{
    return TL_PANEL_ROWS * slot->row_bytes + scales_in_row(&slot->matrix) * sizeof(float);
}

struct tl_apart_span tl_apart_span(const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t first = m->first_row + (uint64_t)from * TL_PANEL_ROWS * m->row_step;
    uint64_t last = m->first_row + (min64((uint64_t)to * TL_PANEL_ROWS, m->rows) - 1) * m->row_step;
    if (m->transposed) {                                 /* all of the matrix */
        first = first_row(m);
        last = last_row(m);
    }
    uint64_t scale_first = scale_row_of(m, index, first);
    return (struct tl_apart_span){
        codes_row_of(m, index, first) * codes_row(m), (last - first + 1) * codes_row(m),
        scale_first * scales_row(m), (scale_row_of(m, index, last) - scale_first + 1) * scales_row(m),
    };
}

/* A row of scales in the type that blocks take. */
static const uint8_t *scales_of(const struct tl_matrix *m, const uint8_t *stored, uint8_t *scratch)
{
    enum tl_number_id wanted = m->number->apart->scale;
    if (wanted != TL_NUMBER_F32 || m->scales->number->id == wanted)
        return stored;
    tl_number_decode(m->scales->number, stored, scales_in_row(m), (float *)scratch);
    return scratch;
}

static void pack_rows(const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to, const uint8_t *codes, const uint8_t *scales,
                      uint8_t *scratch, uint8_t *ret_panels)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t first = (uint64_t)from * TL_PANEL_ROWS, scale_first = scale_row_of(m, index, m->first_row + first * m->row_step);
    for (uint32_t p = from; p < to; p++, ret_panels += slot->matrix_bytes / slot->n_panels) {
        uint64_t row = (uint64_t)p * TL_PANEL_ROWS;
        uint32_t n_rows = (uint32_t)min64(TL_PANEL_ROWS, m->rows - row);
        for (uint32_t i = 0; i < n_rows; i++, row++) {
            uint64_t scale_row = scale_row_of(m, index, m->first_row + row * m->row_step) - scale_first;
            const uint8_t *own = scales_of(m, scales + scale_row * scales_row(m), scratch + TL_PANEL_ROWS * slot->row_bytes);
            m->number->apart->join(codes + (row - first) * m->row_step * codes_row(m), own, m->cols, scratch + i * slot->row_bytes);
        }
        tl_panel_pack(slot->number, scratch, n_rows, m->cols, ret_panels);
    }
}

/* --- transposed: stored rows are columns ------------------------------------------------------------------------------ */

/* Element `row` of each line: codes of each run of columns that share a scale make a block, which is kept or decoded. */
static void join_column(const struct tl_slot *slot, uint32_t index, uint64_t row, const uint8_t *codes, const uint8_t *scales,
                        uint8_t *ret_row)
{
    const struct tl_matrix *m = &slot->matrix;
    uint32_t share = m->number->apart->rows;
    uint8_t run[TL_NUMBER_MAX_BLOCK], block[TL_NUMBER_MAX_BLOCK_BYTES];
    uint64_t scale_first = scale_row_of(m, index, 0);
    for (uint32_t k = 0, n; k < m->cols; k += n) {
        uint64_t scale_row = scale_row_of(m, index, k) - scale_first;
        float scale, values[TL_NUMBER_MAX_BLOCK];
        for (n = 0; n < share && k + n < m->cols && scale_row_of(m, index, k + n) - scale_first == scale_row; n++)
            run[n] = codes[(k + n) * codes_row(m) + row];
        const struct tl_number *stored = m->scales->number;
        tl_number_decode(stored, scales + scale_row * scales_row(m) + row / m->number->apart->cols * stored->block_bytes, 1, &scale);
        m->number->apart->join(run, &scale, n, block);
        if (slot->number == m->number) {
            memcpy(ret_row + k / share * m->number->block_bytes, block, m->number->block_bytes);
            continue;
        }
        tl_number_decode(m->number, block, m->number->block_elems, values);
        memcpy(ret_row + k * sizeof(float), values, n * sizeof(float));
    }
}

static void pack_columns(const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to, const uint8_t *codes,
                         const uint8_t *scales, uint8_t *scratch, uint8_t *ret_panels)
{
    for (uint32_t p = from; p < to; p++, ret_panels += slot->matrix_bytes / slot->n_panels) {
        uint64_t row = (uint64_t)p * TL_PANEL_ROWS;
        uint32_t n_rows = (uint32_t)min64(TL_PANEL_ROWS, slot->matrix.rows - row);
        for (uint32_t i = 0; i < n_rows; i++)
            join_column(slot, index, slot->matrix.first_row + (row + i) * slot->matrix.row_step, codes, scales, scratch + i * slot->row_bytes);
        tl_panel_pack(slot->number, scratch, n_rows, slot->matrix.cols, ret_panels);
    }
}

void tl_apart_pack(const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to, const uint8_t *codes, const uint8_t *scales,
                   uint8_t *scratch, uint8_t *ret_panels)
{
    (slot->matrix.transposed ? pack_columns : pack_rows)(slot, index, from, to, codes, scales, scratch, ret_panels);
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

/* Of several panels n times as much is enough: gaps between interleaved rows are shorter than the scratch. */
uint64_t tl_apart_staging(const struct tl_slot *slot)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t rows = m->transposed ? m->cols : (TL_PANEL_ROWS - 1) * m->row_step + 1;
    return rows * codes_row(m) + (rows / m->number->apart->rows + 2) * scales_row(m) + tl_apart_scratch(slot) + 64;
}

int tl_apart_read(const struct tl_store *store, const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to, uint8_t *staging,
                  uint8_t *ret_panels)
{
    const struct tl_matrix *m = &slot->matrix;
    struct tl_apart_span span = tl_apart_span(slot, index, from, to);
    uint8_t *scratch = staging, *codes = staging + (tl_apart_scratch(slot) + 63) / 64 * 64, *scales = codes + span.codes_bytes;
    int status = tl_modelfile_read(store->file, m->each ? m->each[index] : m->tensor, span.codes_at, codes, span.codes_bytes);
    if (status >= 0)
        status = tl_modelfile_read(store->file, m->each ? m->each_scales[index] : m->scales, span.scales_at, scales, span.scales_bytes);
    if (status >= 0)
        tl_apart_pack(slot, index, from, to, codes, scales, scratch, ret_panels);
    return status;
}
