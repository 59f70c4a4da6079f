/* SPDX-License-Identifier: MIT */
/* Dates in English, whatever the locale, in UTC of the moment given. */
#ifndef TL_TEXT_JINJA_TIME_H
#define TL_TEXT_JINJA_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TL_JINJA_TIME_BYTES = 1024 };

/* As strftime in the C locale; false: too long, or a letter that is not known. */
bool tl_jinja_time_format(int64_t seconds, const char *format, size_t n_bytes, char ret_text[TL_JINJA_TIME_BYTES], size_t *ret_n);

#endif
