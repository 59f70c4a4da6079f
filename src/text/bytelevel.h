/* SPDX-License-Identifier: MIT */
/* The 256 characters by which byte-level BPE spells bytes (Radford et al. 2019, "bytes to unicode"): printable Latin-1
 * stands for itself, the 68 other bytes for U+0100, U+0101 ... in their order. */
#ifndef TL_TEXT_BYTELEVEL_H
#define TL_TEXT_BYTELEVEL_H

#include <stddef.h>
#include <stdint.h>

/* Writes the characters of n_bytes bytes: at most 2 * n_bytes. Returns how many. */
size_t tl_bytelevel_spell(const char *bytes, size_t n_bytes, char *ret_text);
/* Writes the bytes that the characters stand for, at most n_bytes, and returns how many; -1 where one stands for none. */
ptrdiff_t tl_bytelevel_unspell(const char *text, size_t n_bytes, char *ret_bytes);

#endif
