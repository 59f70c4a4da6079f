/* SPDX-License-Identifier: MIT */
/* The merges of byte-pair encoding: a hash table from a pair of ids to its rank and the id that it becomes.
 * Lower ranks merge first. Chains are bounded as those of the vocabulary are. */
#ifndef TL_TEXT_MERGES_H
#define TL_TEXT_MERGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/vocab.h"

enum { TL_MERGES_MAX = 1 << 26, TL_MERGES_GROUP = 64 };

struct tl_merge { int32_t left, right; uint32_t rank; int32_t id; };       /* left < 0: a free slot */

struct tl_merges {
    struct tl_merge *slot;
    uint32_t n_slots, count;
    uint64_t seed;
};

int tl_merges_reserve(struct tl_merges *merges, uint64_t count);      /* a guess, before the first add */
void tl_merges_done(struct tl_merges *merges);
/* The next merges in order of rank, by names. Fails where a name or a concatenation is no token, or a pair is there
 * already. */
struct tl_merge_text { struct tl_text left, right; };
int tl_merges_add(struct tl_merges *merges, const struct tl_vocab *vocab, const char *where, const struct tl_merge_text *text,
                  size_t count);

/* Forgets merges that make a control token: typed text must not become one. */
void tl_merges_drop_control(struct tl_merges *merges, const struct tl_vocab *vocab);

const struct tl_merge *tl_merges_find(const struct tl_merges *merges, int32_t left, int32_t right);   /* NULL: none */

#endif
