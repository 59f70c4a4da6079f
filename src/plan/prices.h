/* SPDX-License-Identifier: MIT */
/* Published prices of tokens, for scale beside what they cost here: the rows of prices.def. They change; each has its date. */
#ifndef TL_PLAN_PRICES_H
#define TL_PLAN_PRICES_H

#include "base/buffer.h"

struct tl_price {
    const char *geometry;                /* NULL: weights are not open */
    const char *name, *vendor;
    double read, written;                /* dollars a million tokens */
    const char *seen, *source;           /* "2026-04" */
};

extern const struct tl_price tl_prices[];
extern const size_t tl_price_count;

const struct tl_price *tl_price_of(const char *geometry);             /* NULL: none; geometry may be NULL */
/* A list: the row of this geometry first, where it has one; then all others. */
void tl_prices_write(const char *geometry, struct tl_buffer *json);

#endif
