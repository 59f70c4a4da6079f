/* SPDX-License-Identifier: MIT */
/* The languages of a family's tool calls, as grammars. Private to turn*.c. */
#ifndef TL_WIRE_TURN_LANGUAGE_H
#define TL_WIRE_TURN_LANGUAGE_H

#include "grammar/grammar.h"
#include "wire/turn_family.h"
#include "wire/turn_tools.h"

struct tl_turn_span { const char *bytes; size_t n_bytes; };

/* `lead`, the name of one of the tools (of `only` where that is not -1), `behind`; or `instead`, where it is not empty. Blanks
 * that lead begins with are free. */
int tl_turn_language_name(const struct tl_turn_family *family, const struct tl_turn_tools *tools, int32_t only, struct tl_turn_span lead,
                          struct tl_turn_span behind, struct tl_turn_span instead, struct tl_grammar **ret_grammar);
/* `lead`, the arguments of a tool, `behind`. What of its schema cannot be enforced is left open. */
int tl_turn_language_arguments(const struct tl_turn_family *family, const struct tl_turn_tool *tool, struct tl_turn_span lead,
                               struct tl_turn_span behind, struct tl_grammar **ret_grammar);

#endif
