/* SPDX-License-Identifier: MIT */
/* Panels: interleaves 16 rows granule by granule, as the fields of a format say, and takes rows out again.
 * Everything follows from the format's facts; only the inner loops know granule sizes (1, 2 and 4 bytes). A format
 * whose panel block is one granule (the plain ones) is treated as one field as long as the row. */
#include "number/panel.h"

#include <string.h>

/* How a row of `cols` columns falls into panel blocks. */
struct cut {
    uint64_t stored_bytes;               /* of the row as it is in the file */
    uint64_t blocks, block_bytes;        /* panel blocks, and what a row gives to one */
};

static struct cut cut_row(const struct tl_number *number, uint64_t cols)
{
    uint64_t per_block = number->panel_elems / number->block_elems;
    struct cut cut = {.block_bytes = per_block * number->block_bytes};
    cut.stored_bytes = (cols + number->block_elems - 1) / number->block_elems * number->block_bytes;
    cut.blocks = (cols + number->panel_elems - 1) / number->panel_elems;
    return cut;
}

uint64_t tl_panel_row_bytes(const struct tl_number *number, uint64_t cols)
{
    struct cut cut = cut_row(number, cols);
    return cut.blocks * cut.block_bytes;
}

/* --- 16 rows of one field into its place --------------------------------------------------------------------------- */

typedef uint32_t four __attribute__((vector_size(16)));

static inline four load4(const uint8_t *from)
{
    four v;
    memcpy(&v, from, sizeof(v));
    return v;
}

/* Four granules of four rows at a time: a transposition. */
static inline void turn4(const uint8_t *const from[], uint64_t at, uint8_t *to)
{
    four a = load4(from[0] + at), b = load4(from[1] + at), c = load4(from[2] + at), d = load4(from[3] + at);
    four ac = __builtin_shufflevector(a, c, 0, 4, 1, 5), bd = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    four ca = __builtin_shufflevector(a, c, 2, 6, 3, 7), db = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    four turned[4] = {__builtin_shufflevector(ac, bd, 0, 4, 1, 5), __builtin_shufflevector(ac, bd, 2, 6, 3, 7),
                      __builtin_shufflevector(ca, db, 0, 4, 1, 5), __builtin_shufflevector(ca, db, 2, 6, 3, 7)};
    for (uint32_t i = 0; i < 4; i++)
        memcpy(to + i * 4 * TL_PANEL_ROWS, &turned[i], sizeof(turned[i]));
}

/* from[r]: row r of the field; n granules. */
static void pack4(const uint8_t *const from[TL_PANEL_ROWS], uint64_t at, uint64_t n, uint8_t *restrict to)
{
    uint64_t i = 0;
    for (; i + 4 <= n; i += 4, to += 4 * 4 * TL_PANEL_ROWS)
        for (uint32_t r = 0; r < TL_PANEL_ROWS; r += 4)
            turn4(from + r, at + 4 * i, to + 4 * r);
    for (; i < n; i++, to += 4 * TL_PANEL_ROWS)
        for (uint32_t r = 0; r < TL_PANEL_ROWS; r++)
            memcpy(to + 4 * r, from[r] + at + 4 * i, 4);
}

static void pack2(const uint8_t *const from[TL_PANEL_ROWS], uint64_t at, uint64_t n, uint8_t *restrict to)
{
    for (uint64_t i = 0; i < n; i++, to += 2 * TL_PANEL_ROWS)
        for (uint32_t r = 0; r < TL_PANEL_ROWS; r++)
            memcpy(to + 2 * r, from[r] + at + 2 * i, 2);
}

static void pack1(const uint8_t *const from[TL_PANEL_ROWS], uint64_t at, uint64_t n, uint8_t *restrict to)
{
    for (uint64_t i = 0; i < n; i++, to += TL_PANEL_ROWS)
        for (uint32_t r = 0; r < TL_PANEL_ROWS; r++)
            to[r] = from[r][at + i];
}

static void pack_field(const uint8_t *const from[TL_PANEL_ROWS], uint64_t at, uint64_t n_bytes, uint32_t granule,
                       uint8_t *to)
{
    if (granule == 4)
        pack4(from, at, n_bytes / 4, to);
    else if (granule == 2)
        pack2(from, at, n_bytes / 2, to);
    else
        pack1(from, at, n_bytes, to);
}

/* --- one row of one field into its place, and back ------------------------------------------------------------------ */

static void put_granules(uint8_t *panel, uint32_t row, uint64_t n_bytes, uint32_t granule, const uint8_t *from)
{
    for (uint64_t at = 0; at < n_bytes; at += granule)
        memcpy(panel + TL_PANEL_ROWS * at + row * granule, from + at, granule);
}

static void get_granules(const uint8_t *panel, uint32_t row, uint64_t n_bytes, uint32_t granule, uint8_t *restrict to)
{
    panel += row * granule;
    if (granule == 4)
        for (uint64_t at = 0; at < n_bytes; at += 4)
            memcpy(to + at, panel + TL_PANEL_ROWS * at, 4);
    else if (granule == 2)
        for (uint64_t at = 0; at < n_bytes; at += 2)
            memcpy(to + at, panel + TL_PANEL_ROWS * at, 2);
    else
        for (uint64_t at = 0; at < n_bytes; at++)
            to[at] = panel[TL_PANEL_ROWS * at];
}

static bool one_granule(const struct tl_number *number)
{
    return number->fields[0].bytes == number->fields[0].granule && number->fields[1].bytes == 0;
}

/* --- whole panels --------------------------------------------------------------------------------------------------- */

/* Rows are short and there are 16 of them, so the next panel's are asked for while these are turned; mostly it follows. */
static inline void fetch_ahead(const uint8_t *const from[TL_PANEL_ROWS], uint64_t at, uint64_t n_bytes, const uint8_t *to)
{
    enum { LINE = 64, TO_AHEAD = 2048 };
    uint64_t panel_bytes = (uint64_t)(from[1] - from[0]) * TL_PANEL_ROWS;
    for (uint64_t line = 0; line < n_bytes; line += LINE)
        for (uint32_t r = 0; r < TL_PANEL_ROWS; r++)
            __builtin_prefetch(from[r] + panel_bytes + at + line);
    for (uint64_t line = 0; line < TL_PANEL_ROWS * n_bytes; line += LINE)
        __builtin_prefetch(to + TL_PANEL_ROWS * at + line + TO_AHEAD, 1);
}

/* The blocks [0, n) that all 16 rows have whole. */
static void pack_blocks(const struct tl_number *number, const uint8_t *const from[TL_PANEL_ROWS], uint64_t n,
                        uint64_t block_bytes, uint8_t *to)
{
    if (one_granule(number)) {
        pack_field(from, 0, n * block_bytes, number->fields[0].granule, to);
        return;
    }
    uint64_t at = 0;
    for (uint64_t block = 0; block < n; block++) {
        fetch_ahead(from, at, block_bytes, to);
        for (const struct tl_number_field *field = number->fields; field->bytes; field++) {
            pack_field(from, at, field->bytes, field->granule, to + TL_PANEL_ROWS * at);
            at += field->bytes;
        }
    }
}

/* One row alone, its last block possibly short of columns; the panel was cleared. */
static void pack_row(const struct tl_number *number, const uint8_t *from, uint32_t row, const struct cut *cut,
                     uint64_t from_block, uint8_t *panel)
{
    uint8_t block[TL_NUMBER_MAX_BLOCK_BYTES];
    for (uint64_t b = from_block; b < cut->blocks; b++) {
        uint64_t at = b * cut->block_bytes, left = cut->stored_bytes - at;
        memset(block, 0, cut->block_bytes);
        memcpy(block, from + at, left < cut->block_bytes ? left : cut->block_bytes);
        const uint8_t *part = block;
        for (const struct tl_number_field *field = number->fields; field->bytes; field++) {
            put_granules(panel + TL_PANEL_ROWS * at, row, field->bytes, field->granule, part);
            part += field->bytes;
            at += field->bytes;
        }
    }
}

void tl_panel_pack(const struct tl_number *number, const void *rows, uint32_t n_rows, uint64_t cols, void *ret_panel)
{
    struct cut cut = cut_row(number, cols);
    uint64_t whole = n_rows == TL_PANEL_ROWS ? cut.stored_bytes / cut.block_bytes : 0;
    uint8_t *panel = ret_panel;
    if (whole) {
        const uint8_t *from[TL_PANEL_ROWS];
        for (uint32_t r = 0; r < TL_PANEL_ROWS; r++)
            from[r] = (const uint8_t *)rows + r * cut.stored_bytes;
        pack_blocks(number, from, whole, cut.block_bytes, panel);
    }
    if (whole == cut.blocks)
        return;
    uint64_t done = TL_PANEL_ROWS * whole * cut.block_bytes;
    memset(panel + done, 0, TL_PANEL_ROWS * cut.blocks * cut.block_bytes - done);
    for (uint32_t r = 0; r < n_rows; r++)
        pack_row(number, (const uint8_t *)rows + r * cut.stored_bytes, r, &cut, whole, panel);
}

/* What a row gave to the `n` panel blocks from `index` on, in stored order; several only where a block is one granule. */
static void take_blocks(const struct tl_number *number, const uint8_t *panel, uint32_t row, uint64_t index, uint64_t n,
                        uint64_t block_bytes, uint8_t *ret_bytes)
{
    uint64_t at = index * block_bytes;
    for (const struct tl_number_field *field = number->fields; field->bytes; field++) {
        get_granules(panel + TL_PANEL_ROWS * at, row, n * field->bytes, field->granule, ret_bytes);
        ret_bytes += n * field->bytes;
        at += n * field->bytes;
    }
}

/* How many panel blocks pass through a buffer at once. */
static uint64_t stride_of(const struct tl_number *number, const struct cut *cut)
{
    return one_granule(number) ? TL_NUMBER_MAX_BLOCK_BYTES / cut->block_bytes : 1;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void tl_panel_row(const struct tl_number *number, const void *panel, uint32_t row, uint64_t cols, void *ret_row)
{
    struct cut cut = cut_row(number, cols);
    uint64_t stride = stride_of(number, &cut);
    uint8_t bytes[TL_NUMBER_MAX_BLOCK_BYTES], *to = ret_row;
    for (uint64_t b = 0; b < cut.blocks; b += stride) {
        uint64_t at = b * cut.block_bytes, n = lesser(stride, cut.blocks - b);
        take_blocks(number, panel, row, b, n, cut.block_bytes, bytes);
        memcpy(to + at, bytes, lesser(n * cut.block_bytes, cut.stored_bytes - at));
    }
}

void tl_panel_row_decode(const struct tl_number *number, const void *panel, uint32_t row, uint64_t cols, float *ret_values)
{
    struct cut cut = cut_row(number, cols);
    uint64_t stride = stride_of(number, &cut);
    uint8_t bytes[TL_NUMBER_MAX_BLOCK_BYTES];
    float values[TL_NUMBER_MAX_BLOCK];
    for (uint64_t b = 0; b < cut.blocks; b += stride) {
        uint64_t at = b * number->panel_elems, n = lesser(stride, cut.blocks - b), elems = n * number->panel_elems;
        bool whole = elems <= cols - at;
        take_blocks(number, panel, row, b, n, cut.block_bytes, bytes);
        tl_number_decode(number, bytes, elems, whole ? ret_values + at : values);
        if (!whole)
            memcpy(ret_values + at, values, (cols - at) * sizeof(float));
    }
}
