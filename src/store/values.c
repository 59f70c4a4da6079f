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
