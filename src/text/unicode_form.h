/* SPDX-License-Identifier: MIT */
/* Unicode normalisation forms (UAX #15) of text of any length in linear time. */
#ifndef TL_TEXT_UNICODE_FORM_H
#define TL_TEXT_UNICODE_FORM_H

#include <stddef.h>

#include "base/buffer.h"

enum tl_unicode_form { TL_UNICODE_NFC, TL_UNICODE_NFD, TL_UNICODE_NFKC, TL_UNICODE_NFKD };

/* Is the text its own form for a reason that is cheap to see? */
bool tl_unicode_form_plain(enum tl_unicode_form form, const char *text, size_t n_bytes);
/* Appends the form of `text`, which is valid UTF-8. */
int tl_unicode_form_apply(enum tl_unicode_form form, const char *text, size_t n_bytes, struct tl_buffer *out);

#endif
