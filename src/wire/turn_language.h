/* SPDX-License-Identifier: MIT */
/* The languages of a family's tool calls, as grammars. Private to turn*.c. */
#ifndef TL_WIRE_TURN_LANGUAGE_H
#define TL_WIRE_TURN_LANGUAGE_H

#include "grammar/cache.h"
#include "wire/turn_family.h"
#include "wire/turn_tools.h"

struct tl_turn_span { const char *bytes; size_t n_bytes; };

/* Both are kept in the cache, to which they are to be given back.
 *
 * `lead`, the name of one of the tools (of `only` where that is not -1), `behind`; or `instead`, where it is not empty. Blanks
 * that lead begins with are free. */
struct tl_turn_names { struct tl_turn_span lead, behind, instead; int32_t only; };
int tl_turn_language_name(struct tl_grammar_cache *cache, const struct tl_turn_family *family, const struct tl_turn_tools *tools,
                          const struct tl_turn_names *names, const struct tl_grammar **ret_grammar);
/* `lead`, the arguments of a tool, `behind`. What of its schema cannot be enforced is left open. */
int tl_turn_language_arguments(struct tl_grammar_cache *cache, const struct tl_turn_family *family, const struct tl_turn_tool *tool,
                               struct tl_turn_span lead, struct tl_turn_span behind, const struct tl_grammar **ret_grammar);

#endif
