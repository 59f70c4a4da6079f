/* SPDX-License-Identifier: MIT */
/* Decimal numbers as they are written, and patterns of the numbers on one side of a bound. */
#ifndef TL_GRAMMAR_DECIMAL_H
#define TL_GRAMMAR_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TL_DECIMAL_DIGITS = 40 };
#define TL_DECIMAL_FRACTION "(\\.[0-9]{1,6})?"

/* The sign, the whole part, and digits behind the point without zeros at the end. Zero has no sign. */
struct tl_decimal { bool negative; uint64_t whole; char fraction[TL_DECIMAL_DIGITS + 1]; };

struct tl_bound { bool set, strict; struct tl_decimal at; };

/* A number of JSON; false where it has more than 18 digits before the point or too many behind it. */
bool tl_decimal_read(const char *text, size_t n, struct tl_decimal *ret);
int tl_decimal_compare(const struct tl_decimal *a, const struct tl_decimal *b);
/* Appends a pattern, ^...$, of the numbers up to the bound (`most`) or from it on; `whole` ones have no point. */
void tl_bound_pattern(struct tl_buffer *out, const struct tl_bound *bound, bool most, bool whole);

#endif
