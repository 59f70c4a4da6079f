/* SPDX-License-Identifier: MIT */
/* Languages of characters as deterministic automata: what patterns, formats, lengths and lists of names say of a string, so
 * that several can be joined exactly. A state's arcs are sorted and disjoint; a character without one leads nowhere.
 *
 * Sizes are bounded: what would grow beyond TL_LANGUAGE_STATES fails with TL_LANGUAGE_LARGE, which says no sentence. */
#ifndef TL_GRAMMAR_LANGUAGE_H
#define TL_GRAMMAR_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grammar/draft.h"

enum {
    TL_LANGUAGE_STATES = 4096, TL_LANGUAGE_ARCS = 1 << 18,
    TL_LANGUAGE_LARGE = -100, TL_LANGUAGE_UNKNOWN = -101,            /* too large; a pattern with something that is not supported */
};

struct tl_arc { uint32_t lo, hi, to; };
struct tl_language_state { uint32_t first, n; bool accepts; };

struct tl_language {
    struct tl_language_state *state;     /* 0 is the start */
    struct tl_arc *arc;
    uint64_t n_states, n_arcs, state_cap, arc_cap;
};

void tl_language_done(struct tl_language *language);                  /* zeroed ones too */
/* A pattern of ECMA-262 as it stands in a schema: it may match anywhere unless it is anchored. Lookaround, backreferences, word
 * boundaries and properties of Unicode are TL_LANGUAGE_UNKNOWN. */
int tl_language_pattern(const char *text, size_t n_bytes, struct tl_language *ret_language);
int tl_language_lengths(uint32_t min, uint32_t max, struct tl_language *ret_language);        /* max below min: none */
struct tl_text { const char *bytes; size_t n_bytes; };
int tl_language_names(const struct tl_text *name, size_t n, struct tl_language *ret_language);       /* just these; sorts them */
/* What is in both, or in the first alone. */
int tl_language_both(const struct tl_language *a, const struct tl_language *b, struct tl_language *ret_language);
int tl_language_without(const struct tl_language *a, const struct tl_language *b, struct tl_language *ret_language);
/* The first becomes what is in both; the second is done with. Where it fails the first is as it was. */
int tl_language_narrow(struct tl_language *language, struct tl_language *take_more);
int tl_language_minimise(struct tl_language *language);               /* what the makers above hand out is so already */
bool tl_language_takes(const struct tl_language *language, const char *text, size_t n_bytes);
bool tl_language_empty(const struct tl_language *language);

/* Building: states first, then each state's arcs in order. */
int tl_language_add_state(struct tl_language *language, bool accepts, uint32_t *ret_state);
int tl_language_add_arc(struct tl_language *language, uint32_t lo, uint32_t hi, uint32_t to);         /* of the state whose arcs end the list */

/* A rule that reads a text of the language: as it is, or (`quoted`) as the inside of a JSON string. */
uint32_t tl_language_rule(struct tl_draft *draft, const struct tl_language *language, bool quoted);

#endif
