/* SPDX-License-Identifier: MIT */
/* Normalisers: steps that rewrite a stretch of text before it is cut into words. */
#ifndef TL_TEXT_NORMALIZER_H
#define TL_TEXT_NORMALIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "text/regex.h"
#include "text/unicode_form.h"

enum { TL_NORMALIZER_STEPS = 16 };

struct tl_normal_step {
    enum tl_normal_kind { TL_NORMAL_FORM, TL_NORMAL_LOWER, TL_NORMAL_REPLACE, TL_NORMAL_PREPEND, TL_NORMAL_STRIP } kind;
    enum tl_unicode_form form;
    char *pattern, *content;             /* REPLACE a string; PREPEND: content */
    size_t n_pattern, n_content;
    struct tl_regex *regex;              /* REPLACE an expression */
    bool left, right;                    /* STRIP */
};

struct tl_normalizer { struct tl_normal_step step[TL_NORMALIZER_STEPS]; size_t count; };

void tl_normalizer_done(struct tl_normalizer *normalizer);
/* A new step of a kind, zeroed otherwise; TL_E_FILE: too many. */
int tl_normalizer_add(struct tl_normalizer *normalizer, enum tl_normal_kind kind, struct tl_normal_step **ret_step);
int tl_normalizer_add_replace(struct tl_normalizer *normalizer, const char *pattern, const char *content);
int tl_normalizer_add_prepend(struct tl_normalizer *normalizer, const char *content);

/* `text` is valid UTF-8; `continues`: it goes on behind other text, so nothing is prepended. *ret_text is `text` itself
 * or lives in one of the two buffers, which are the caller's and reused. */
int tl_normalizer_run(const struct tl_normalizer *normalizer, struct tl_regex_scratch *scratch, bool continues, const char *text,
                      size_t n_bytes, struct tl_buffer buffer[2], const char **ret_text, size_t *ret_bytes);

#endif
