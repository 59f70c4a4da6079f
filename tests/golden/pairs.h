/* SPDX-License-Identifier: MIT */
/* Few rows that hold every pair of values of every two dimensions: what breaks by the meeting of two choices is seen,
 * without a run for each combination of all of them. */
#ifndef TESTS_GOLDEN_PAIRS_H
#define TESTS_GOLDEN_PAIRS_H

#include <stddef.h>
#include <stdint.h>

enum { PAIRS_DIMS = 16, PAIRS_VALUES = 8, PAIRS_ROWS = 128 };

/* n_values[n_dims] -> rows of values below them; returns how many. The same seed gives the same rows. */
size_t pairs_cover(const uint8_t *n_values, size_t n_dims, uint64_t seed, uint8_t ret_rows[PAIRS_ROWS][PAIRS_DIMS]);

#endif
