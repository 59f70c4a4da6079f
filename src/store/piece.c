/* SPDX-License-Identifier: MIT */
/* Pieces of experts: what one read of the drive brings, and how its rows become panels. A piece holds whole panels, so it
 * is packed by itself whenever it lands. Gate and up come first: they are used first. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store_impl.h"

enum { PIECE_BYTES = 2 << 20 };

static const struct tl_slot *slot_of(const struct tl_store *store, const struct tl_bank *bank, uint32_t matrix)
{
    return &store->slots[bank->ids[matrix]];
}

/* Gate and up in alternating rows of one tensor: read once for both. */
static bool alternate(const struct tl_store *store, const struct tl_bank *bank)
{
    const struct tl_matrix *gate = &slot_of(store, bank, TL_BANK_GATE)->matrix, *up = &slot_of(store, bank, TL_BANK_UP)->matrix;
    return gate->tensor == up->tensor && !gate->each && !up->each && gate->row_step == 2 && up->row_step == 2 && !gate->transposed &&
           gate->rows == up->rows && gate->first_row < up->first_row;
}

static int add_piece(struct tl_store *store, const struct tl_piece *piece)
{
    struct tl_piece *pieces = tl_realloc(store->pieces, store->n_pieces + 1, sizeof(*pieces));
    if (!pieces)
        return TL_E_NOMEM;
    store->pieces = pieces;
    pieces[store->n_pieces++] = *piece;
    return 0;
}

static uint64_t matrix_file_bytes(const struct tl_matrix *m) { return m->tensor->n_bytes / (m->each ? 1 : m->count); }

static int cut_matrix(struct tl_store *store, const struct tl_slot *slot, uint32_t matrix, uint32_t n_matrices)
{
    const struct tl_matrix *m = &slot->matrix;
    struct tl_piece piece = {.matrix = matrix, .n_matrices = n_matrices, .panel_to = slot->n_panels, .n_bytes = matrix_file_bytes(m)};
    if (m->transposed)
        return add_piece(store, &piece);
    uint64_t total = m->rows * m->row_step * slot->row_bytes, n = (total + PIECE_BYTES - 1) / PIECE_BYTES;
    n = n < slot->n_panels ? n : slot->n_panels;
    for (uint64_t i = 0; i < n; i++) {
        piece.panel_from = (uint32_t)(slot->n_panels * i / n);
        piece.panel_to = (uint32_t)(slot->n_panels * (i + 1) / n);
        uint64_t first = (uint64_t)piece.panel_from * TL_PANEL_ROWS, end = (uint64_t)piece.panel_to * TL_PANEL_ROWS;
        end = end < m->rows ? end : m->rows;
        piece.first_byte = first * m->row_step * slot->row_bytes;
        piece.n_bytes = ((end - first - 1) * m->row_step + n_matrices) * slot->row_bytes;
        int status = add_piece(store, &piece);
        if (status < 0)
            return status;
    }
    return 0;
}

int tl_bank_cut(struct tl_store *store, struct tl_bank *bank)
{
    int status = 0;
    bank->first_piece = store->n_pieces;
    for (uint32_t matrix = 0; matrix < TL_BANK_MATRICES && status >= 0; matrix++) {
        bank->offset[matrix] = bank->bytes;
        bank->bytes += (slot_of(store, bank, matrix)->matrix_bytes + TL_ARENA_ALIGN - 1) / TL_ARENA_ALIGN * TL_ARENA_ALIGN;
        if (matrix == TL_BANK_UP && alternate(store, bank))
            continue;
        bool both = matrix == TL_BANK_GATE && alternate(store, bank);
        status = cut_matrix(store, slot_of(store, bank, matrix), matrix, both ? 2 : 1);
    }
    bank->n_pieces = store->n_pieces - bank->first_piece;
    return status;
}

void tl_piece_place(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert,
                    uint32_t *ret_part, uint64_t *ret_offset)
{
    const struct tl_slot *slot = slot_of(store, bank, piece->matrix);
    const struct tl_matrix *m = &slot->matrix;
    const struct tl_tensor *tensor = m->each ? m->each[expert] : m->tensor;
    uint64_t row = (m->each ? 0 : expert * m->matrix_step) + m->first_row;
    *ret_part = tensor->part;
    *ret_offset = tensor->offset + piece->first_byte;
    *ret_offset += m->transposed ? (m->each ? 0 : expert * matrix_file_bytes(m)) : row * slot->row_bytes;
}

uint64_t tl_bank_scratch(const struct tl_store *store, const struct tl_bank *bank)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < TL_BANK_MATRICES; i++) {
        const struct tl_slot *slot = slot_of(store, bank, i);
        uint64_t bytes = slot->matrix.transposed || slot->matrix.row_step > 1 ? TL_PANEL_ROWS * slot->row_bytes : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* --- packing --- */

/* Columns outermost: every element of a row comes from another place. */
static void gather_transposed(const struct tl_slot *slot, const uint8_t *read, uint64_t row, uint32_t n_rows, uint8_t *rows)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t elem = m->tensor->number->block_bytes, stored_rows = m->line ? m->line : matrix_file_bytes(m) / elem / m->cols;
    for (uint32_t i = 0; i < n_rows; i++)
        for (uint32_t k = 0; k < m->cols; k++)
            memcpy(rows + i * slot->row_bytes + k * elem, read + (k * stored_rows + m->first_row + (row + i) * m->row_step) * elem, elem);
}

static void pack_matrix(const struct tl_slot *slot, const struct tl_piece *piece, uint64_t skip_rows, uint32_t panel, const uint8_t *read,
                        uint8_t *scratch, uint8_t *ret_panel)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t row = (uint64_t)panel * TL_PANEL_ROWS, at = (row - (uint64_t)piece->panel_from * TL_PANEL_ROWS) * m->row_step + skip_rows;
    uint32_t n_rows = (uint32_t)(m->rows - row < TL_PANEL_ROWS ? m->rows - row : TL_PANEL_ROWS);
    const uint8_t *rows = read + at * slot->row_bytes;
    if (m->transposed) {
        gather_transposed(slot, read, row, n_rows, scratch);
        rows = scratch;
    } else if (m->row_step > 1) {
        for (uint32_t i = 0; i < n_rows; i++)
            memcpy(scratch + i * slot->row_bytes, rows + i * m->row_step * slot->row_bytes, slot->row_bytes);
        rows = scratch;
    }
    tl_panel_pack(m->tensor->number, rows, n_rows, m->cols, ret_panel);
}

void tl_piece_pack(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t panel_from,
                   uint32_t panel_to, const uint8_t *read, uint8_t *scratch, uint8_t *ret_frame)
{
    uint64_t first_row = slot_of(store, bank, piece->matrix)->matrix.first_row;
    for (uint32_t matrix = piece->matrix; matrix < piece->matrix + piece->n_matrices; matrix++) {
        const struct tl_slot *slot = slot_of(store, bank, matrix);
        uint64_t panel_bytes = slot->matrix_bytes / slot->n_panels;
        for (uint32_t panel = panel_from; panel < panel_to; panel++)
            pack_matrix(slot, piece, slot->matrix.first_row - first_row, panel, read, scratch,
                        ret_frame + bank->offset[matrix] + panel * panel_bytes);
    }
}
