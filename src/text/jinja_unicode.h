/* SPDX-License-Identifier: MIT */
/* Properties and case of code points, as Python's str methods see them. */
#ifndef TL_TEXT_JINJA_UNICODE_H
#define TL_TEXT_JINJA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool tl_jinja_unicode_is_space(uint32_t code);
bool tl_jinja_unicode_is_line_end(uint32_t code);
bool tl_jinja_unicode_is_printable(uint32_t code);
bool tl_jinja_unicode_is_alpha(uint32_t code);
bool tl_jinja_unicode_is_digit(uint32_t code);       /* a decimal digit of any script */
bool tl_jinja_unicode_is_alnum(uint32_t code);
bool tl_jinja_unicode_is_upper(uint32_t code);
bool tl_jinja_unicode_is_lower(uint32_t code);

enum tl_jinja_case { TL_JINJA_UPPER, TL_JINJA_LOWER, TL_JINJA_TITLE };
/* One to three code points. */
unsigned tl_jinja_unicode_case(uint32_t code, enum tl_jinja_case to, uint32_t ret_codes[3]);

#endif
