/* SPDX-License-Identifier: MIT */
/* Where pairs of ids occurred in a text of ids, so that what followed the longest end of a sequence is found at once.
 *
 * Every pair is registered under the place behind it; places of one hash form a chain, latest first. Nothing here allocates
 * but init. One thread at a time. */
#ifndef TL_ENGINE_NGRAMS_H
#define TL_ENGINE_NGRAMS_H

#include <stdbool.h>
#include <stdint.h>

enum { TL_NGRAM_LEAST = 2, TL_NGRAM_LONGEST = 32 };

struct tl_ngrams {
    uint32_t *first;                     /* [mask + 1] latest place of a hash; 0: none */
    uint32_t *before;                    /* [most] the one before it */
    uint32_t mask, most, n;              /* n: ids of the text that are registered */
};

/* What follows at a place, and how many ids before it are as at the end of the sequence. */
struct tl_ngram { uint32_t at, length; };

int tl_ngrams_init(struct tl_ngrams *ngrams, uint32_t most);
void tl_ngrams_done(struct tl_ngrams *ngrams);
void tl_ngrams_clear(struct tl_ngrams *ngrams);
uint64_t tl_ngrams_bytes(uint32_t most);

/* Registers ids[n .. n_ids) of the text; n_ids: `most` at most. */
void tl_ngrams_add(struct tl_ngrams *ngrams, const int32_t *ids, uint32_t n_ids);
/* The place in the text (ids, as added) before which it equals the end of `tail` longest; the latest of those. Such a place
 * has at least one id. False: there is none with TL_NGRAM_LEAST equal ids. Ids below zero equal nothing. */
bool tl_ngrams_find(const struct tl_ngrams *ngrams, const int32_t *ids, const int32_t *tail, uint32_t n_tail, struct tl_ngram *ret_found);

/* 0 to 4: the longer the match, the likelier that what follows is the same. */
static inline uint32_t tl_ngram_class(uint32_t length) { return length < 3 ? 0 : length < 4 ? 1 : length < 7 ? 2 : length < 13 ? 3 : 4; }

#endif
