/* SPDX-License-Identifier: MIT */
/* A smaller model that follows a sequence and goes on with it: what it draws at each place is the draft. It draws with the
 * sampler's own random numbers, so that at any temperature it tends to draw what the model itself will. Its positions count
 * from where it began to follow, which need not be the sequence's first. The leader's, between two steps. */
#ifndef TL_ENGINE_DRAFT_CHAIN_H
#define TL_ENGINE_DRAFT_CHAIN_H

#include "engine/draft.h"
#include "model/model.h"

enum { TL_DRAFT_STEP = 64 };          /* tokens at a time */

struct tl_draft_chain {
    struct tl_engine *engine;            /* whose pool and kernel */
    struct tl_model *model;
    struct tl_state *state;
    struct tl_sampler *sampler;
    uint32_t base;                       /* the place of the sequence at which its first position is */
    float *said;                         /* [width] of heads: what its last norm said behind the last token; else NULL */
    const struct tl_draft_place *place;  /* while it draws: what it draws behind */
    uint32_t n_history;
    int32_t drawn;
};

int tl_draft_chain_init(struct tl_draft_chain *chain, struct tl_engine *engine, struct tl_model *model);
void tl_draft_chain_done(struct tl_draft_chain *chain);
/* The place behind what it has followed. */
static inline uint32_t tl_draft_chain_end(const struct tl_draft_chain *chain) { return chain->base + chain->state->length; }
/* Begins anew at this place, or forgets what it followed from there on. */
void tl_draft_chain_begin(struct tl_draft_chain *chain, uint32_t place);
void tl_draft_chain_forget(struct tl_draft_chain *chain, uint32_t place);
/* Follows n ids more, some at a time; with `draws` it then draws the id behind place->ids [n_history]. hidden: as of
 * tl_batch, or NULL. */
int tl_draft_chain_follow(struct tl_draft_chain *chain, const int32_t *ids, const float *hidden, uint32_t n, bool draws);

#endif
