/* SPDX-License-Identifier: MIT */
/* Weights as plain f32, row after row, and back into the places that a tensor has for them: for programs that change them.
 * Layouts, formats and what is added to vectors are taken off here, and put on again. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store_impl.h"

static uint32_t min32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void decode_panels(const struct tl_slot *slot, const uint8_t *panels, uint32_t from, uint32_t to, float *ret_values)
{
    uint32_t cols = slot->matrix.cols;
    for (uint32_t row = from * TL_PANEL_ROWS; row < min32(to * TL_PANEL_ROWS, slot->matrix.rows); row++)
        tl_panel_row_decode(slot->number, panels + (row / TL_PANEL_ROWS - from) * (slot->matrix_bytes / slot->n_panels), row % TL_PANEL_ROWS, cols,
                            ret_values + (uint64_t)row * cols);
}

int tl_store_values(const struct tl_store *store, uint32_t id, uint32_t matrix, float *ret_values)
{
    const struct tl_slot *slot = &store->slots[id];
    TL_AUTO uint8_t *staging = tl_alloc(1, tl_slot_staging(slot));
    if (!staging)
        return TL_E_NOMEM;
    if (slot->matrix.form == TL_WEIGHT_VECTOR)
        return tl_slot_read_vector(store, slot, staging, ret_values);
    uint32_t each = slot->matrix.transposed ? slot->n_panels : 1;
    TL_AUTO uint8_t *panels = tl_alloc(each, slot->matrix_bytes / slot->n_panels);
    int status = panels ? 0 : TL_E_NOMEM;
    for (uint32_t from = 0; from < slot->n_panels && status >= 0; from += each) {
        uint32_t to = min32(from + each, slot->n_panels);
        status = tl_slot_read(store, slot, matrix, from, to, staging, panels);
        if (status >= 0)
            decode_panels(slot, panels, from, to, ret_values);
    }
    return status;
}

static int unpack_rows(const struct tl_store *store, const struct tl_slot *slot, uint32_t matrix, uint32_t from, uint32_t n, uint64_t row_bytes, uint8_t *ret_rows)
{
    uint32_t first = from / TL_PANEL_ROWS, end = (from + n + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS, each = slot->matrix.transposed ? end - first : 1;
    uint64_t panel_bytes = slot->matrix_bytes / slot->n_panels;
    TL_AUTO uint8_t *staging = tl_alloc(1, tl_slot_staging(slot)), *panels = tl_alloc(each, panel_bytes);
    int status = staging && panels ? 0 : TL_E_NOMEM;
    for (uint32_t at = first; at < end && status >= 0; at += each) {
        status = tl_slot_read(store, slot, matrix, at, at + each, staging, panels);
        for (uint32_t row = at * TL_PANEL_ROWS; row < (at + each) * TL_PANEL_ROWS && status >= 0; row++)
            if (row >= from && row < from + n)
                tl_panel_row(slot->number, panels + (row / TL_PANEL_ROWS - at) * panel_bytes, row % TL_PANEL_ROWS, slot->matrix.cols,
                             ret_rows + (row - from) * row_bytes);
    }
    return status;
}

/* Rows that lie in the file as they are wanted are read from it as they are. */
int tl_store_stored_rows(const struct tl_store *store, uint32_t id, uint32_t matrix, uint32_t from, uint32_t n, void *ret_rows)
{
    const struct tl_slot *slot = &store->slots[id];
    const struct tl_matrix *m = &slot->matrix;
    uint64_t row_bytes;
    if (m->form == TL_WEIGHT_VECTOR || !tl_number_bytes(slot->number, m->cols, &row_bytes))
        return tl_fail(TL_E_FILE, "%s: %s has rows of no whole blocks", tl_modelfile_path(store->file), m->tensor->name);
    if (m->number || m->transposed || m->row_step != 1)
        return unpack_rows(store, slot, matrix, from, n, row_bytes, ret_rows);
    uint64_t row = (m->each ? 0 : matrix % tl_matrix_stored(m) * m->matrix_step) + m->first_row + from;
    return tl_modelfile_read(store->file, m->each ? m->each[matrix] : m->tensor, row * row_bytes, ret_rows, n * row_bytes);
}

const struct tl_tensor *tl_store_scales(const struct tl_store *store, uint32_t id, uint32_t matrix)
{
    const struct tl_matrix *m = &store->slots[id].matrix;
    return m->each_scales ? m->each_scales[matrix] : m->scales;
}

static void mark(const struct tl_store *store, const struct tl_tensor *tensor, uint8_t *ret_marks)
{
    if (tensor)
        ret_marks[tensor - tl_modelfile_tensor(store->file, 0)] = 1;
}

void tl_store_mark(const struct tl_store *store, uint8_t *ret_marks)
{
    for (uint32_t id = 0; id < store->n_slots; id++) {
        const struct tl_matrix *m = &store->slots[id].matrix;
        mark(store, m->tensor, ret_marks);
        mark(store, m->scales, ret_marks);
        for (uint32_t i = 0; i < m->count; i++) {
            mark(store, m->each ? m->each[i] : NULL, ret_marks);
            mark(store, m->each_scales ? m->each_scales[i] : NULL, ret_marks);
        }
    }
}

/* --- back ------------------------------------------------------------------------------------------------------------- */

static void place_vectors(const struct tl_matrix *m, const float *values, float *ret_elements)
{
    for (uint64_t i = 0; i < m->count; i++)
        for (uint64_t k = 0; k < m->cols; k++)
            ret_elements[i * m->matrix_step + m->first_row + k * m->row_step] = values[i * m->cols + k] - m->add;
}

static void place_matrix(const struct tl_matrix *m, const struct tl_tensor *tensor, uint32_t index, const float *values, float *ret_elements)
{
    uint64_t share = tensor->n_elems / (m->each ? 1 : m->count), line = m->line ? m->line : share / m->cols;
    for (uint64_t r = 0; r < m->rows; r++)
        for (uint64_t k = 0; k < m->cols; k++) {
            uint64_t row = m->first_row + r * m->row_step, before = m->each ? 0 : index;
            uint64_t at = m->transposed ? before * share + k * line + row : (before * m->matrix_step + row) * m->cols + k;
            ret_elements[at] = values[(index * (uint64_t)m->rows + r) * m->cols + k];
        }
}

int tl_store_place(const struct tl_store *store, uint32_t id, const struct tl_tensor *tensor, const float *values, float *ret_elements)
{
    const struct tl_matrix *m = &store->slots[id].matrix;
    int found = 0;
    if (m->form == TL_WEIGHT_VECTOR) {
        if (m->tensor != tensor)
            return 0;
        place_vectors(m, values, ret_elements);
        return 1;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        if ((m->each ? m->each[i] : m->tensor) != tensor)
            continue;
        if (m->number || (m->stored && m->stored < m->count))
            return tl_fail(TL_E_USAGE, "%s: %s cannot be written back: %s", tl_modelfile_path(store->file), tensor->name,
                           m->number ? "its codes and scales are tensors of their own" : "several experts share it");
        place_matrix(m, tensor, i, values, ret_elements);
        found = 1;
    }
    return found;
}
