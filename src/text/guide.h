/* SPDX-License-Identifier: MIT */
/* A guide decides which ids an answer may go on with: a grammar, the bounds of reasoning, the syntax of a tool call. It follows
 * the answer id by id; drafts are checked against it one after the other, so nothing is ever taken back.
 *
 * Its functions are called by the threads of steps, one call at a time, ahead of the answer's text: what reads that text in the
 * thread that asked (wire/turn.h) shares no changing state with them. Where the reader stops the answer they have seen more of it. */
#ifndef TL_TEXT_GUIDE_H
#define TL_TEXT_GUIDE_H

#include <stdint.h>

struct tl_guide {
    /* The ids that may come next, ends of generation among them; `left`: tokens that may still come, this one included
     * (UINT32_MAX: no bound). 0: all; 1: those whose bits are set in `allowed` [(vocabulary + 63) / 64], never none; < 0: failed. */
    int (*allow)(struct tl_guide *guide, uint32_t left, uint64_t *allowed);
    /* Takes the id that was drawn, but no end of generation that ends the answer. 1: goes on; 0: the answer ends behind it; < 0: failed. */
    int (*take)(struct tl_guide *guide, int32_t id);
    /* Ids that must come next, as far as that is known without asking (a draft): how many of `room`. May be NULL. */
    uint32_t (*forced)(struct tl_guide *guide, int32_t *ret_ids, uint32_t room);
};

#endif
