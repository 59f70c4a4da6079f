/* SPDX-License-Identifier: MIT */
/* The parts of a pattern's way: text to an expression, expression to an automaton. */
#ifndef TL_GRAMMAR_PATTERN_H
#define TL_GRAMMAR_PATTERN_H

#include "grammar/language.h"

/* The expression of a pattern; TL_LANGUAGE_UNKNOWN where something in it is not supported. */
int tl_pattern_read(struct tl_draft *draft, const char *text, size_t n_bytes, uint32_t *ret_expr);

#endif
