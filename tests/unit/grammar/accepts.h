/* SPDX-License-Identifier: MIT */
/* Does a grammar take a text? And grammars that are refused, by what is said. */
#ifndef TESTS_UNIT_GRAMMAR_ACCEPTS_H
#define TESTS_UNIT_GRAMMAR_ACCEPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "grammar/grammar.h"

bool accepts(const struct tl_grammar *grammar, const char *text);                 /* the whole of it, and it may end there */
bool accepts_bytes(const struct tl_grammar *grammar, const char *bytes, size_t n_bytes);
bool begins(const struct tl_grammar *grammar, const char *text);                  /* something may follow, or not */
struct tl_grammar *gbnf(const char *text);                                        /* must be good */
struct tl_grammar *schema(const char *json, unsigned flags);

#endif
