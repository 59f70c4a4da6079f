/* SPDX-License-Identifier: MIT */
/* Pieces of experts: what one read of the drive brings, and how its rows become panels. A piece holds whole panels, so it
 * is packed by itself whenever it lands. Gate and up come first: they are used first. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store_impl.h"

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

enum { MOST_PIECES = 1 << 24 };

static int add_piece(struct tl_store *store, const struct tl_piece *piece)
{
    if (store->n_pieces == MOST_PIECES)
        return tl_fail(TL_E_FILE, "%s: found weights of more than %d pieces of %d MiB, expected less", tl_modelfile_path(store->file), MOST_PIECES,
                       TL_PIECE_BYTES >> 20);
    if (tl_grow((void **)&store->pieces, store->n_pieces, &store->cap_pieces, sizeof(*store->pieces)) < 0)
        return TL_E_NOMEM;
    store->pieces[store->n_pieces++] = *piece;
    return 0;
}

static uint64_t matrix_file_bytes(const struct tl_matrix *m) { return m->tensor->n_bytes / (m->each ? 1 : tl_matrix_stored(m)); }

/* Panels from .. to - 1 of a matrix, in about equal parts. */
static int cut_matrix(struct tl_store *store, const struct tl_slot *slot, uint32_t matrix, uint32_t n_matrices, uint32_t from, uint32_t to)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t panels = to - from, n = (panels * TL_PANEL_ROWS * m->row_step * slot->row_bytes + TL_PIECE_BYTES - 1) / TL_PIECE_BYTES;
    n = m->transposed ? 1 : n < panels ? n : panels;
    for (uint64_t i = 0; i < n; i++) {
        struct tl_piece piece = {matrix, n_matrices, from + (uint32_t)(panels * i / n), from + (uint32_t)(panels * (i + 1) / n)};
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
        const struct tl_slot *slot = slot_of(store, bank, matrix);
        bank->stored_bytes += slot->stored_bytes / slot->matrix.count * (both ? 2 : 1);
        status = cut_matrix(store, slot, matrix, both ? 2 : 1, 0, slot->n_panels);
    }
    bank->n_pieces = store->n_pieces - bank->first_piece;
    return status;
}

int tl_use_cut(struct tl_store *store, const struct tl_slot *slot, struct tl_use_cut *use)
{
    int status = 0;
    use->first_piece = store->n_pieces;
    for (uint32_t m = 0; m < slot->matrix.count && status >= 0; m++)
        status = cut_matrix(store, slot, m, 1, use->panel_from, use->panel_to);
    use->n_pieces = store->n_pieces - use->first_piece;
    for (uint32_t i = 0; i < use->n_pieces; i++) {
        uint64_t bytes = tl_panels_raw_bytes(slot, &store->pieces[use->first_piece + i]);
        use->raw_bytes = bytes > use->raw_bytes ? bytes : use->raw_bytes;
    }
    return status;
}

/* --- where they lie --- */

/* Codes, and scales where they are apart, as bytes of their tensors. */
static struct tl_apart_span span_of(const struct tl_slot *slot, uint32_t expert, uint32_t from, uint32_t to)
{
    const struct tl_matrix *m = &slot->matrix;
    expert %= tl_matrix_stored(m);
    if (m->number)
        return tl_apart_span(slot, expert, from, to);
    if (m->transposed)
        return (struct tl_apart_span){.codes_at = m->each ? 0 : expert * matrix_file_bytes(m), .codes_bytes = matrix_file_bytes(m)};
    uint64_t first = (uint64_t)from * TL_PANEL_ROWS, end = (uint64_t)to * TL_PANEL_ROWS;
    end = end < m->rows ? end : m->rows;
    uint64_t row = (m->each ? 0 : expert * m->matrix_step) + m->first_row + first * m->row_step;
    return (struct tl_apart_span){.codes_at = row * slot->row_bytes, .codes_bytes = ((end - first - 1) * m->row_step + 1) * slot->row_bytes};
}

static void join(uint64_t *at, uint64_t *bytes, uint64_t other_at, uint64_t other_bytes)
{
    uint64_t end = *at + *bytes > other_at + other_bytes ? *at + *bytes : other_at + other_bytes;
    *at = *at < other_at ? *at : other_at;
    *bytes = end - *at;
}

/* What a piece reads: of all its matrices together. */
static struct tl_apart_span piece_span(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert)
{
    struct tl_apart_span span = span_of(slot_of(store, bank, piece->matrix), expert, piece->panel_from, piece->panel_to);
    if (piece->n_matrices > 1) {
        struct tl_apart_span more = span_of(slot_of(store, bank, piece->matrix + 1), expert, piece->panel_from, piece->panel_to);
        join(&span.codes_at, &span.codes_bytes, more.codes_at, more.codes_bytes);
        join(&span.scales_at, &span.scales_bytes, more.scales_at, more.scales_bytes);
    }
    return span;
}

static uint32_t extents_of(const struct tl_slot *slot, uint32_t index, const struct tl_apart_span *span, struct tl_extent ret_extents[TL_EXTENTS])
{
    const struct tl_matrix *m = &slot->matrix;
    const struct tl_tensor *codes = m->each ? m->each[index] : m->tensor;
    ret_extents[0] = (struct tl_extent){codes->part, codes->offset + span->codes_at, span->codes_bytes};
    if (!m->number)
        return 1;
    const struct tl_tensor *scales = m->each ? m->each_scales[index] : m->scales;
    ret_extents[1] = (struct tl_extent){scales->part, scales->offset + span->scales_at, span->scales_bytes};
    return 2;
}

uint32_t tl_piece_extents(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert,
                          struct tl_extent ret_extents[TL_EXTENTS])
{
    struct tl_apart_span span = piece_span(store, bank, piece, expert);
    return extents_of(slot_of(store, bank, piece->matrix), expert, &span, ret_extents);
}

uint32_t tl_panels_extents(const struct tl_slot *slot, const struct tl_piece *piece, struct tl_extent ret_extents[TL_EXTENTS])
{
    struct tl_apart_span span = span_of(slot, piece->matrix, piece->panel_from, piece->panel_to);
    return extents_of(slot, piece->matrix, &span, ret_extents);
}

static uint64_t room_of(const struct tl_extent *extents, uint32_t n)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += tl_extent_room(extents[i].n_bytes);
    return bytes;
}

uint64_t tl_panels_raw_bytes(const struct tl_slot *slot, const struct tl_piece *piece)
{
    struct tl_extent extents[TL_EXTENTS];
    return room_of(extents, tl_panels_extents(slot, piece, extents));
}

/* Scales that belong to rows of several experts make some pieces longer; all else is alike for every expert. */
static bool alike(const struct tl_store *store, const struct tl_bank *bank)
{
    bool alike = true;
    for (uint32_t i = 0; i < TL_BANK_MATRICES; i++) {
        const struct tl_matrix *m = &slot_of(store, bank, i)->matrix;
        alike = alike && (!m->number || m->each || m->scale_step);
    }
    return alike;
}

uint64_t tl_bank_raw_bytes(const struct tl_store *store, const struct tl_bank *bank)
{
    struct tl_extent extents[TL_EXTENTS];
    uint64_t most = 0;
    uint32_t n = alike(store, bank) ? 1 : bank->n_experts;
    for (uint32_t expert = 0; expert < n; expert++)
        for (uint32_t p = 0; p < bank->n_pieces; p++) {
            uint32_t n_extents = tl_piece_extents(store, bank, &store->pieces[bank->first_piece + p], expert, extents);
            uint64_t bytes = room_of(extents, n_extents);
            most = bytes > most ? bytes : most;
        }
    return most;
}

uint64_t tl_slot_scratch(const struct tl_slot *slot)
{
    uint64_t bytes = slot->matrix.transposed || slot->matrix.row_step > 1 ? TL_PANEL_ROWS * slot->row_bytes : 0;
    bytes = slot->matrix.number ? tl_apart_scratch(slot) : bytes;
    return (bytes + TL_ARENA_ALIGN - 1) / TL_ARENA_ALIGN * TL_ARENA_ALIGN;
}

uint64_t tl_bank_scratch(const struct tl_store *store, const struct tl_bank *bank)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < TL_BANK_MATRICES; i++) {
        uint64_t bytes = tl_slot_scratch(slot_of(store, bank, i));
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

/* rows: where the panel's first one lies; of transposed matrices, where all of it does. */
static void pack_panel(const struct tl_slot *slot, uint32_t panel, const uint8_t *rows, uint8_t *scratch, uint8_t *ret_panel)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t row = (uint64_t)panel * TL_PANEL_ROWS;
    uint32_t n_rows = (uint32_t)(m->rows - row < TL_PANEL_ROWS ? m->rows - row : TL_PANEL_ROWS);
    if (m->transposed)
        gather_transposed(slot, rows, row, n_rows, scratch);
    for (uint32_t i = 0; i < n_rows && !m->transposed && m->row_step > 1; i++)
        memcpy(scratch + i * slot->row_bytes, rows + i * m->row_step * slot->row_bytes, slot->row_bytes);
    tl_panel_pack(slot->number, m->transposed || m->row_step > 1 ? scratch : rows, n_rows, m->cols, ret_panel);
}

/* Panels from .. to - 1 of a matrix, out of the bytes of `all` that were read. */
static void pack_panels(const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to, const struct tl_apart_span *all,
                        const uint8_t *const read[TL_EXTENTS], uint8_t *scratch, uint8_t *ret_panels)
{
    if (from >= to)
        return;
    struct tl_apart_span own = span_of(slot, index, from, to);
    const uint8_t *codes = read[0] + (own.codes_at - all->codes_at);
    if (slot->matrix.number) {
        tl_apart_pack(slot, index % tl_matrix_stored(&slot->matrix), from, to, codes, read[1] + (own.scales_at - all->scales_at), scratch, ret_panels);
        return;
    }
    for (uint32_t panel = from; panel < to; panel++, ret_panels += slot->matrix_bytes / slot->n_panels) {
        uint64_t rows = slot->matrix.transposed ? 0 : (uint64_t)(panel - from) * TL_PANEL_ROWS * slot->matrix.row_step;
        pack_panel(slot, panel, codes + rows * slot->row_bytes, scratch, ret_panels);
    }
}

void tl_piece_pack(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert, uint32_t from,
                   uint32_t to, const uint8_t *const read[TL_EXTENTS], uint8_t *scratch, uint8_t *ret_frame)
{
    struct tl_apart_span all = piece_span(store, bank, piece, expert);
    for (uint32_t matrix = piece->matrix; matrix < piece->matrix + piece->n_matrices; matrix++) {
        const struct tl_slot *slot = slot_of(store, bank, matrix);
        uint64_t panel_bytes = slot->matrix_bytes / slot->n_panels;
        pack_panels(slot, expert, from, to, &all, read, scratch, ret_frame + bank->offset[matrix] + from * panel_bytes);
    }
}

void tl_panels_pack(const struct tl_slot *slot, const struct tl_piece *piece, uint32_t from, uint32_t to,
                    const uint8_t *const read[TL_EXTENTS], uint8_t *scratch, uint8_t *ret_panels)
{
    struct tl_apart_span all = span_of(slot, piece->matrix, piece->panel_from, piece->panel_to);
    pack_panels(slot, piece->matrix, from, to, &all, read, scratch, ret_panels);
}
