/* SPDX-License-Identifier: MIT */
/* What tokenizers ask of characters in valid UTF-8. White space is Unicode's White_Space property. */
#ifndef TL_TEXT_CHARACTERS_H
#define TL_TEXT_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_BLANK "\xE2\x96\x81"          /* U+2581, SentencePiece's blank */

/* Bytes of the first character; n_bytes must not be 0. */
static inline size_t tl_character_bytes(const char *text, size_t n_bytes)
{
    unsigned char c = (unsigned char)*text;
    size_t n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return n < n_bytes ? n : n_bytes;
}

size_t tl_character_leading_space(const char *text, size_t n_bytes);  /* bytes */
size_t tl_character_trailing_space(const char *text, size_t n_bytes);
bool tl_character_word_before(const char *text, size_t n_bytes);      /* is the last character one of a word? */
bool tl_character_word_after(const char *text, size_t n_bytes);       /* is the first one? */

#endif
