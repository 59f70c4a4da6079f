/* SPDX-License-Identifier: MIT */
/* Fits a model into a budget: how its weights are held, and how much context, chunk and cache there is. It runs the very
 * layouts that an engine uses, on counting arenas, so what it promises is what is taken; it works as well for a model
 * without a file (outlined.h). What is not asked for by name grows, one thing after the other in a fixed order, until the
 * budget is full: so a larger budget never holds the weights in a worse way, never gives less context or fewer frames,
 * and within a way nothing at all becomes less. */
#ifndef TL_PLAN_FIT_H
#define TL_PLAN_FIT_H

#include "base/buffer.h"
#include "model/model.h"
#include "plan/machine.h"

struct tl_fit_wish {
    uint32_t threads;                    /* that compute; 0: those of the machine */
    uint32_t context, sessions, chunk, block, frames;        /* demands; 0: as fits best */
    uint32_t better_chunk;               /* measured to be better than the usual chunk, where none is demanded; 0: not known */
    uint64_t ram_bytes;                  /* the budget for all that the process takes; 0: what the machine has less a margin */
    uint64_t trunk_bytes;                /* a demand too: model.h */
    uint64_t score_tokens;               /* laid out for sweeps over so many tokens; 0: for sessions */
    bool fewer_sessions, shorter_context;        /* what is said of them is a wish */
    uint64_t process_bytes;              /* that the process takes besides all below */
    /* Bytes that those who use the model take with these limits; NULL: none. */
    uint64_t (*users)(void *context, const struct tl_model *model, const struct tl_model_limits *limits);
    void *users_context;
    const struct tl_machine *machine;    /* finished; NULL: this one, with the usual speeds */
};

/* How the weights are held, from worse to better. */
enum tl_fit_way {
    TL_FIT_TRUNK_PASSES,                 /* part of the weights outside the routed experts passes through memory in every step */
    TL_FIT_EXPERTS_PASS,                 /* these are resident; routed experts are read as they are needed and kept in frames */
    TL_FIT_RESIDENT,                     /* all are in memory */
};

/* What decided a number. */
enum tl_fit_why {
    TL_FIT_ASKED,                        /* whoever wished named it */
    TL_FIT_MODEL,                        /* the model has no more */
    TL_FIT_USUAL,                        /* more would be of little use */
    TL_FIT_BUDGET,                       /* the budget allows no more */
};

struct tl_fit {
    struct tl_model_limits limits;       /* for tl_model_place, as the model is laid out now */
    enum tl_fit_way way;
    enum tl_fit_why context_why, sessions_why, chunk_why, held_why;      /* held: the frames, or what of the trunk stays */
    struct tl_model_memory memory;
    uint64_t budget_bytes, planned_bytes;        /* planned: memory.total and the next four */
    uint64_t users_bytes, staging_bytes, process_bytes, margin_bytes;
    uint64_t resident_bytes;             /* the least budget with which all would be resident; where it is, what is planned */
    /* facts that explanations need */
    uint64_t weight_bytes;               /* as stored */
    uint64_t trunk_bytes;                /* in memory, all of it resident */
    uint64_t passing_bytes, ring_bytes;  /* store.h */
    uint64_t frame_bytes, token_bytes;   /* of an expert in memory; of a token of context */
    uint32_t n_experts, n_used, trained_context;         /* experts of all layers together; of a layer for a token */
    double drive_rate, break_even_tokens;        /* bytes a second; N*: a sweep over so many takes as long to read as to compute */
    bool looks_ahead, threads_asked;
};

/* TL_E_BUDGET names the smallest budget that works. The model is left laid out (counting) as ret_fit says. */
int tl_fit_make(struct tl_model *model, const struct tl_fit_wish *wish, struct tl_fit *ret_fit);

/* Sentences, one a line: why resident or streamed, how many frames, which context, chunk, threads, look-ahead. */
void tl_fit_explain(const struct tl_fit *fit, struct tl_buffer *out);

#endif
