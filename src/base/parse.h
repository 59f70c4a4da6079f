/* SPDX-License-Identifier: MIT */
/* Numbers from text, whole and exact: false where the text is anything else or does not fit. Independent of the locale. */
#ifndef TL_BASE_PARSE_H
#define TL_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool tl_parse_u64(const char *text, size_t n_bytes, uint64_t *ret);       /* decimal digits only */
bool tl_parse_i64(const char *text, size_t n_bytes, int64_t *ret);        /* the same, with an optional minus */
bool tl_parse_f64(const char *text, size_t n_bytes, double *ret);         /* decimal, finite, at most 500 characters */
bool tl_parse_count(const char *text, size_t n_bytes, double *ret);       /* not negative; 4096, 30M, 2.5B, 1e6, 10k: powers of 1000 */
bool tl_parse_bytes(const char *text, size_t n_bytes, uint64_t *ret);     /* 4096, 512M, 1.5G, 20GiB: powers of 1024 */

/* "TEXT:NUMBER" or "TEXT": the bytes of TEXT, and the number where there is one (the last colon counts). */
size_t tl_parse_scaled(const char *text, double *ret_number);

#endif
