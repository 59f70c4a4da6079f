/* SPDX-License-Identifier: MIT */
/* Panels of every format: the layout by its definition, zero padding, rows given back bit for bit, and decoded rows,
 * for one row to sixteen and column counts that end inside a bf16 pair. Buffers have exact sizes, for sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number/panel.h"

static uint8_t next_byte(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint8_t)(*seed >> 56);
}

/* Byte `at` of a row lies in panel block at / block; there in a field; there in a granule. */
static uint64_t place(const struct tl_number *n, uint32_t row, uint64_t at)
{
    uint64_t block = n->panel_elems / n->block_elems * n->block_bytes, start = at / block * block;
    for (const struct tl_number_field *field = n->fields;; field++) {
        assert_int_not_equal(field->bytes, 0);
        if (at < start + field->bytes) {
            uint64_t granule = (at - start) / field->granule;
            return TL_PANEL_ROWS * start + (granule * TL_PANEL_ROWS + row) * field->granule + (at - start) % field->granule;
        }
        start += field->bytes;
    }
}

static void check(const struct tl_number *n, uint32_t n_rows, uint64_t cols, uint64_t seed)
{
    uint64_t row_bytes, panel_bytes = tl_panel_bytes(n, cols), nonzero = 0;
    assert_true(tl_number_bytes(n, cols, &row_bytes));
    assert_true(panel_bytes >= TL_PANEL_ROWS * row_bytes && panel_bytes < TL_PANEL_ROWS * (row_bytes + 4));
    uint8_t *rows = malloc(n_rows * row_bytes), *panel = malloc(panel_bytes), *back = malloc(row_bytes);
    float *decoded = malloc(cols * 4), *expected = malloc(cols * 4);
    for (uint64_t i = 0; i < n_rows * row_bytes; i++)
        rows[i] = next_byte(&seed) | 1;
    memset(panel, 0xaa, panel_bytes);
    tl_panel_pack(n, rows, n_rows, cols, panel);
    for (uint32_t r = 0; r < n_rows; r++) {
        const uint8_t *row = rows + r * row_bytes;
        for (uint64_t at = 0; at < row_bytes; at++)
            if (panel[place(n, r, at)] != row[at])
                fail_msg("%s: row %u of %u, %u columns: byte %u is misplaced", n->name, r, n_rows, (unsigned)cols, (unsigned)at);
        tl_panel_row(n, panel, r, cols, back);
        assert_memory_equal(back, row, row_bytes);
        tl_number_decode(n, row, cols, expected);
        tl_panel_row_decode(n, panel, r, cols, decoded);
        assert_memory_equal(decoded, expected, cols * 4);
    }
    for (uint64_t i = 0; i < panel_bytes; i++)
        nonzero += panel[i] != 0;
    assert_int_equal(nonzero, n_rows * row_bytes);
    free(expected);
    free(decoded);
    free(back);
    free(panel);
    free(rows);
}

static void test_layout(void **state)
{
    (void)state;
    static const uint32_t blocks[] = {1, 2, 3, 4, 7, 18, 255, 257};
    for (int id = 0; id < TL_NUMBERS; id++)
        for (uint32_t n_rows = 1; n_rows <= TL_PANEL_ROWS; n_rows++)
            for (unsigned i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
                const struct tl_number *n = tl_number((enum tl_number_id)id);
                check(n, n_rows, (uint64_t)blocks[i] * n->block_elems, 1000 * n_rows + i);
            }
}

/* Sizes never wrap silently for what a file may ask: they stay those of 16 rows. */
static void test_sizes(void **state)
{
    (void)state;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        uint64_t cols = UINT64_C(1) << 40, bytes;
        assert_true(tl_number_bytes(n, cols, &bytes));
        assert_int_equal(tl_panel_row_bytes(n, cols), bytes);
        assert_int_equal(tl_panel_row_bytes(n, 0), 0);
    }
    assert_int_equal(tl_panel_row_bytes(tl_number(TL_NUMBER_BF16), 5), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout), cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
