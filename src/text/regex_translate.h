/* SPDX-License-Identifier: MIT */
/* The regular expressions of tokenizer.json are Oniguruma's (Ruby syntax, UTF-8); PCRE2 runs them. This rewrites the
 * places where the two mean different things, and refuses what has no equal. */
#ifndef TL_TEXT_REGEX_TRANSLATE_H
#define TL_TEXT_REGEX_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TL_REGEX_MAX_BYTES = 65536, TL_REGEX_DEPTH = 32 };

/* The state of a rewriting; shared with the part that does bracketed classes. */
struct tl_regex_translation {
    const char *text, *at, *end;
    struct tl_buffer *out;
    size_t atom;                         /* where in `out` the last quantifiable thing begins; SIZE_MAX: nothing does */
    size_t group[TL_REGEX_DEPTH];
    unsigned depth;
};

/* Appends the PCRE2 pattern (for PCRE2_UTF, PCRE2_UCP, PCRE2_MULTILINE, newline LF). */
int tl_regex_translate(const char *pattern, size_t n_bytes, struct tl_buffer *out);

int tl_regex_translate_fail(const struct tl_regex_translation *translation, const char *what);
/* At "[": the whole class. */
int tl_regex_translate_class(struct tl_regex_translation *translation);
/* Behind "\p" or "\P": the braces, as \p{...} or \P{...}. */
int tl_regex_translate_property(struct tl_regex_translation *translation, bool negated, struct tl_buffer *out);
/* Behind "\x" or "\u": the code point. */
int tl_regex_translate_code(struct tl_regex_translation *translation, char letter, uint32_t *ret_code);

/* What Oniguruma's \s and \w hold, as members of a PCRE2 class. */
#define TL_REGEX_SPACE "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define TL_REGEX_WORD                                                                                                   \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}"     \
    "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"
#define TL_REGEX_HEX "0-9A-Fa-f"

#endif
