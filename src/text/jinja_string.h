/* SPDX-License-Identifier: MIT */
/* What filters and methods of strings share. The origin of every byte is kept; results are marked as safe for HTML where
 * the string is. */
#ifndef TL_TEXT_JINJA_STRING_H
#define TL_TEXT_JINJA_STRING_H

#include "text/jinja_value.h"

enum { TL_JINJA_LEFT = 1, TL_JINJA_RIGHT = 2 };

/* chars NULL: blanks. */
int tl_jinja_string_strip(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *chars, unsigned sides,
                          struct tl_jinja_value *ret);
int tl_jinja_string_replace(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *old,
                            const struct tl_jinja_text *with, int64_t count, struct tl_jinja_value *ret);    /* count < 0: all */
int tl_jinja_string_lines(struct tl_jinja *j, const struct tl_jinja_text *text, bool keep_ends, struct tl_jinja_value *ret);

enum tl_jinja_style { TL_JINJA_ALL_UPPER, TL_JINJA_ALL_LOWER, TL_JINJA_CAPITAL, TL_JINJA_WORDS, TL_JINJA_WORDS_BY_BLANKS, TL_JINJA_SWAPPED };
int tl_jinja_string_case(struct tl_jinja *j, const struct tl_jinja_text *text, enum tl_jinja_style style, struct tl_jinja_value *ret);

#endif
