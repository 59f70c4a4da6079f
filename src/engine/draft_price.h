/* SPDX-License-Identifier: MIT */
/* What drafts are worth: the time of a step by the number of its tokens, as measured in this run, and how often drafted ids
 * were what the model then drew, by their position. The time holds the waits for the drive, so that the experts which more
 * tokens ask for are in the price of streamed models.
 *
 * Whatever is estimated, an account is kept: drafted steps against what plain ones would have taken. While drafts have lost
 * more than a fiftieth of the time spent decoding, nothing is drafted; so a run is never much slower than without. */
#ifndef TL_ENGINE_DRAFT_PRICE_H
#define TL_ENGINE_DRAFT_PRICE_H

#include <stdbool.h>
#include <stdint.h>

enum { TL_DRAFT_MOST = 15, TL_DRAFT_POINTS = 40 };

/* Of late, by position: ids proposed whose forerunners were all accepted, and of these the accepted ones. */
struct tl_odds { float tried[TL_DRAFT_MOST], kept[TL_DRAFT_MOST]; };

/* own: of a sequence, which soon forgets; all: of all sequences. */
void tl_odds_note(struct tl_odds *own, struct tl_odds *all, uint32_t n_drafted, uint32_t n_accepted);
/* The probability that the id at a position is accepted if those before it are: of this sequence as far as it tells, else of
 * all, else `prior`. ret_odds [TL_DRAFT_MOST]. */
void tl_odds_read(const struct tl_odds *own, const struct tl_odds *all, float prior, float *ret_odds);

/* Where drafts do not pay they are tried again after a while, each time after a longer one. */
struct tl_patience { uint32_t declined, wait; };

struct tl_draft_price {
    float seconds[TL_DRAFT_POINTS], weight[TL_DRAFT_POINTS];          /* of steps with about so many tokens; how many were measured of late */
    double n, x, y, xx, xy;              /* of all steps of late: sums of 1, tokens, seconds, their products */
    double total, lost;                  /* seconds of late: decoding; of these more than plain steps would have taken, < 0: less */
};

/* A step in which sequences decode has run. n_given: ids that it gave them together; own_seconds: of drafting for it. */
struct tl_draft_step { uint32_t n_sequences, n_tokens, n_given; double seconds, own_seconds; };
void tl_draft_price_note(struct tl_draft_price *price, const struct tl_draft_step *step);
double tl_draft_price_seconds(const struct tl_draft_price *price, uint32_t n_tokens);      /* 0: nothing is known */
bool tl_draft_price_blocked(const struct tl_draft_price *price, uint32_t n_sequences);

/* How many of at most `most` ids to draft for one more of the sequences of a step. */
struct tl_draft_ask {
    uint32_t n_sequences, n_tokens;      /* of the step as planned so far, this sequence's one token among them */
    double expected;                     /* drafted ids of other sequences that will probably be accepted */
    double own_each;                     /* seconds of drafting an id */
    const float *odds;                   /* [TL_DRAFT_MOST] */
    uint32_t most;
    bool replays;                        /* from the first wrong id on a step's tokens are computed again, as the state went beyond */
};
uint32_t tl_draft_price_choose(const struct tl_draft_price *price, const struct tl_draft_ask *ask, struct tl_patience *patience);
double tl_draft_price_expected(const float *odds, uint32_t n_ids);          /* accepted ids of so many */

#endif
