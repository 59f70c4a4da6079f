/* SPDX-License-Identifier: MIT */
/* Panels: the one layout in which matrices reach the kernels.
 *
 * A panel is 16 consecutive rows of a matrix. Within it, panel blocks (panel_elems columns of all 16 rows) follow each
 * other along the columns; within a panel block the fields of the format follow each other, and each field is
 * interleaved granule by granule: granule 0 of row 0, of row 1, ... of row 15, granule 1 of row 0, ... So one vector
 * load brings the same granule of 16 rows. Nothing is requantised or widened: a panel has exactly the bytes of its 16 rows.
 * Missing rows of the last panel and the odd column of bf16 are zero bytes. */
#ifndef TL_NUMBER_PANEL_H
#define TL_NUMBER_PANEL_H

#include "number/number.h"

enum { TL_PANEL_ROWS = 16 };

/* Bytes of one stored row ([cols], padded to whole panel blocks) and of one panel (16 of these). */
uint64_t tl_panel_row_bytes(const struct tl_number *number, uint64_t cols);
static inline uint64_t tl_panel_bytes(const struct tl_number *number, uint64_t cols)
{
    return TL_PANEL_ROWS * tl_panel_row_bytes(number, cols);
}

/* Packs n_rows (1..16) rows, each tl_number_bytes(cols) long and lying one behind the other. Speed matters: this runs at
 * load over every byte of the model (goal: > 2 GB/s a core for 4-bit formats). */
void tl_panel_pack(const struct tl_number *number, const void *rows, uint32_t n_rows, uint64_t cols, void *ret_panel);

/* Gives one row of a panel back in its stored form. */
void tl_panel_row(const struct tl_number *number, const void *panel, uint32_t row, uint64_t cols, void *ret_row);

/* One row decoded to f32 [cols]; for embeddings and for the reference kernels. */
void tl_panel_row_decode(const struct tl_number *number, const void *panel, uint32_t row, uint64_t cols, float *ret_values);

#endif
