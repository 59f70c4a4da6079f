/* SPDX-License-Identifier: MIT */
/* Greedy: of some rows built at random, each dimension in turn taking the value that covers most, the best one is kept. */
#include "pairs.h"

#include <stdbool.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { TRIES = 12, OPEN = 0xFF };

struct cover {
    const uint8_t *n_values;
    size_t n_dims, left;                 /* left: pairs that no row has yet */
    uint64_t random;
    bool done[PAIRS_DIMS][PAIRS_DIMS][PAIRS_VALUES][PAIRS_VALUES];
};

static uint32_t draw(struct cover *cover, uint32_t below)
{
    cover->random = cover->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((cover->random >> 33) % below);
}

/* Pairs that dimension d with value v adds to what is chosen of the row. */
static size_t gain(const struct cover *cover, const uint8_t *row, size_t d, uint8_t v)
{
    size_t n = 0;
    for (size_t e = 0; e < cover->n_dims; e++)
        n += e != d && row[e] != OPEN && !cover->done[d][e][v][row[e]];
    return n;
}

static size_t build(struct cover *cover, uint8_t *row)
{
    size_t order[PAIRS_DIMS], total = 0;
    memset(row, OPEN, PAIRS_DIMS);
    for (size_t i = 0; i < cover->n_dims; i++) {
        size_t k = draw(cover, (uint32_t)i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; i < cover->n_dims; i++) {
        size_t d = order[i], best = 0;
        uint8_t first = (uint8_t)draw(cover, cover->n_values[d]), value = first;
        for (uint8_t k = 0; k < cover->n_values[d]; k++) {
            uint8_t v = (uint8_t)((first + k) % cover->n_values[d]);
            size_t n = gain(cover, row, d, v);
            value = n > best ? v : value;
            best = n > best ? n : best;
        }
        row[d] = value;
        total += best;
    }
    return total;
}

static void take(struct cover *cover, const uint8_t *row)
{
    for (size_t d = 0; d < cover->n_dims; d++)
        for (size_t e = 0; e < cover->n_dims; e++)
            if (d != e && !cover->done[d][e][row[d]][row[e]]) {
                cover->done[d][e][row[d]][row[e]] = true;
                cover->left--;
            }
}

size_t pairs_cover(const uint8_t *n_values, size_t n_dims, uint64_t seed, uint8_t ret_rows[PAIRS_ROWS][PAIRS_DIMS])
{
    static struct cover cover;
    cover = (struct cover){ .n_values = n_values, .n_dims = n_dims, .random = seed };
    size_t n_rows = 0;
    assert_true(n_dims <= PAIRS_DIMS);
    for (size_t d = 0; d < n_dims; d++)
        for (size_t e = 0; e < n_dims; e++)
            cover.left += d != e ? (size_t)n_values[d] * n_values[e] : 0;
    for (; cover.left; n_rows++) {
        uint8_t row[PAIRS_DIMS];
        size_t best = 0;
        assert_true(n_rows < PAIRS_ROWS);
        for (int i = 0; i < TRIES || best == 0; i++) {
            size_t n = build(&cover, row);
            if (n > best)
                memcpy(ret_rows[n_rows], row, sizeof(row));
            best = n > best ? n : best;
        }
        take(&cover, ret_rows[n_rows]);
    }
    return n_rows;
}
