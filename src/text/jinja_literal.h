/* SPDX-License-Identifier: MIT */
/* What literals of a template mean. */
#ifndef TL_TEXT_JINJA_LITERAL_H
#define TL_TEXT_JINJA_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Newlines of any kind become '\n', one at the very end goes. `to` [n_bytes]; returns how many were written. */
size_t tl_jinja_literal_normalise(const char *text, size_t n_bytes, char *to);

/* The text of a string literal, escapes as in Python's. `to` [2 * n_bytes]; -1: a broken escape. */
long tl_jinja_literal_unescape(const char *text, size_t n_bytes, char *to);

/* An integer with its underscores and prefix; false where it needs more than 64 bits. */
bool tl_jinja_literal_integer(const char *text, size_t n_bytes, int64_t *ret);

#endif
