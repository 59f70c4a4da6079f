/* SPDX-License-Identifier: MIT */
/* UTF-8, one code point at a time: no surrogates, no overlong forms, nothing above U+10FFFF (RFC 3629). */
#ifndef TL_BASE_UTF8_H
#define TL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TL_UTF8_MAX_BYTES = 4, TL_UTF8_REPLACEMENT = 0xFFFD };

/* The code point at `text`. Returns its bytes (1..4), or minus the bytes of the ill-formed run to replace by one U+FFFD
 * (1..3, Unicode's "maximal subpart"; *ret_code is then U+FFFD). n_bytes must not be 0. */
int tl_utf8_decode(const char *text, size_t n_bytes, uint32_t *ret_code);

/* Writes 1..4 bytes and returns how many; what is no scalar value is written as U+FFFD. */
unsigned tl_utf8_encode(uint32_t code, char ret_bytes[TL_UTF8_MAX_BYTES]);

/* Bytes at the end of the text that begin a character whose rest is missing: 0..3. */
size_t tl_utf8_unfinished(const char *text, size_t n_bytes);

bool tl_utf8_valid(const char *text, size_t n_bytes);

#endif
