/* SPDX-License-Identifier: MIT */
/* Where a text is in a grammar: the set of all stacks that it may have led to.
 *
 * A set is a sorted list of frames: a node, how often a REPEAT was entered, and below it `tail`, itself the set of all that may
 * lie there. Same sets have the same number, so that what is known of one is known wherever it comes again: its rows of
 * steps make a deterministic automaton that is written while it is used. Ambiguity costs frames, not copies of stacks. */
#ifndef TL_GRAMMAR_STACKS_H
#define TL_GRAMMAR_STACKS_H

#include "grammar/grammar_private.h"

enum { TL_STACKS_DEAD = 0, TL_STACKS_BOTTOM = 1 };                    /* no stack; a complete text and nothing else */

struct tl_frame { uint32_t node, count, tail; };

struct tl_stack_set {
    uint32_t first, n;       /* its frames */
    uint32_t least;          /* bytes of the shortest text to the end */
    uint32_t depth;          /* frames on each other */
    uint32_t hash, next;     /* next: in its bucket */
    uint32_t row;            /* its steps, + 1; 0: none known */
    uint32_t tokens;         /* in how many tokens that shortest text is written, + 1; 0: not known (matcher.c) */
    uint32_t mask;           /* what a matcher knows of it, + 1 */
    int16_t best;            /* the byte that the shortest text goes on with; -1: none, -2: not known */
    bool accepts;            /* the text may end here */
};

/* The steps of a set. Of the ranges of bytes that were asked about, those in `stay` lead back to the set. */
struct tl_stack_row {
    uint32_t to[256];        /* the set behind each byte, + 1; 0: not known */
    uint64_t asked, stay;    /* tl_byte_ranges, as bits */
};

struct tl_work { struct tl_frame frame; uint32_t next; bool queued; };

struct tl_stacks {
    const struct tl_grammar *grammar;
    struct tl_frame *frame;
    struct tl_stack_set *set;
    struct tl_stack_row *row;
    uint64_t n_frames, n_sets, n_rows, frame_cap, set_cap, row_cap;
    uint32_t *bucket;
    struct { uint32_t a, b, sum; } *sum;                              /* unions that were made, direct mapped */
    /* while a set is made */
    struct tl_work *work;
    uint32_t *queue, *head;  /* head [n_nodes]: the frames of a node, + 1 */
    uint64_t n_work, n_queue, work_cap, queue_cap;
    uint32_t accept;         /* the frame of TL_GRAMMAR_ACCEPT, + 1 */
    uint8_t *plain;          /* [n_nodes]: what mask.c found out about them */
    uint64_t spent;          /* frames looked at since who asks set it to 0 */
    int status;              /* the first failure; sets are dead from then on */
};

int tl_stacks_init(struct tl_stacks *stacks, const struct tl_grammar *grammar);
void tl_stacks_done(struct tl_stacks *stacks);
uint32_t tl_stacks_start(struct tl_stacks *stacks);                   /* before the first byte */
uint32_t tl_stacks_make_step(struct tl_stacks *stacks, uint32_t set, uint8_t byte);
/* Do all bytes of these ranges lead back to the set? Where no step of it is known: no. */
bool tl_stacks_stay(struct tl_stacks *stacks, uint32_t set, uint64_t ranges);
/* Forgets all sets but these, whose numbers it changes. */
int tl_stacks_clear(struct tl_stacks *stacks, uint32_t *keep, size_t n);
bool tl_stacks_full(const struct tl_stacks *stacks);                  /* it is time to clear */
/* The byte that the shortest text goes on with (of several the smallest); -1 at its end. */
int tl_stacks_best(struct tl_stacks *stacks, uint32_t set);

static inline uint32_t tl_stacks_step(struct tl_stacks *stacks, uint32_t set, uint8_t byte)
{
    uint32_t row = stacks->set[set].row, to = row ? stacks->row[row - 1].to[byte] : 0;
    return to ? to - 1 : tl_stacks_make_step(stacks, set, byte);
}

#endif
