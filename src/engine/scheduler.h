/* SPDX-License-Identifier: MIT */
/* What a session asks the scheduler for: steps until its ids are computed, or, where it goes on, until it has ended.
 *
 * A step computes ids of the session behind its state's length, as many as there is room for. A request that goes on says
 * between two steps which ids come next (`next`), so that the next step is complete without waiting for any thread; what
 * came out is handed over to the thread that asked (`news`), whenever there is something, while steps go on.
 *
 * While a request runs, `ids`, `n_ids` and `state` of its session belong to its callbacks row and next. Drafts: next may put ids behind
 * the session's own, n_draft of them (within the context), and they are computed in the same step; `row` is then called for
 * the places rows_from, rows_from + 1, ... until it returns 0 as what it drew is not the id that follows in `ids`. */
#ifndef TL_ENGINE_SCHEDULER_H
#define TL_ENGINE_SCHEDULER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct tl_engine;
struct tl_session;

/* Of steps: what belongs to one of several requests, by their tokens. */
struct tl_share { double step_seconds, stall_seconds, memory_bytes, drive_bytes, expert_hits, expert_misses; };

enum { TL_NO_ROWS = UINT32_MAX };

struct tl_request {
    struct tl_session *session;
    uint32_t rows_from;                  /* `row` is called behind the id at this place and behind all later ones; what is in
                                            front of it may be taken from others who have computed it */
    uint32_t n_draft;                    /* ids behind the session's n_ids that the step computes too; may be cut for want of room */
    bool decodes;                        /* its ids continue an answer: set by `next` */
    uint32_t most_ahead;                 /* ids that `next` may be ahead of `news`; the request rests there. 0: no bound */

    /* Logits behind the id at `place`, in order; may be overwritten. From any thread of a step, while those of other requests
     * run. > 0: go on; 0: later rows of this step are of no use; < 0: failed. */
    int (*row)(void *context, uint32_t place, float *logits);
    /* When all ids are computed: from the thread that leads, between two steps, one request after the other; it may use the pool, and
     * states. Adds ids to the session (and sets rows_from and n_draft anew). What is computed behind n_ids - 1 is taken back
     * then. > 0: goes on; 0: ended; < 0: failed. NULL: it ends there. */
    int (*next)(void *context);
    /* From the thread that asked: n_ids of the session are final, n_done of them computed. Non-zero: wants no more; a negative one
     * is what the run returns. NULL: nothing is told. */
    int (*news)(void *context, uint32_t n_ids, uint32_t n_done);
    void *context;
    struct tl_share share;

    /* the scheduler's own */
    pthread_cond_t changed;
    uint32_t n_now;                      /* tokens in the step that runs; 0: not in it */
    uint32_t first_row;                  /* where they begin in it */
    uint32_t n_ids, n_done, n_told, n_done_told;         /* as news may be told, and as they were */
    uint64_t age;                        /* asked as the how-manieth */
    uint32_t border;                     /* a step ends there, and the state is kept: others part there; 0: nowhere */
    bool fresh, begun, leaves, finished; /* fresh: in no step yet; begun: all that it asked with is computed */
    bool refused, ended;                 /* in this step: `row` returned 0; nothing follows */
    int status, left;                    /* of its steps; what `news` ended with */
    char text[512];                      /* sentence of a failure, for the thread that asked */
    struct tl_request *next_waiting;
};

/* Puts the request into steps until it is done. Returns its status, the sentence recorded in this thread. Where `news` wanted no more
 * it is no failure; ids and states behind what it was told are for the caller to take back. */
int tl_scheduler_run(struct tl_engine *engine, struct tl_request *request);

#endif
