/* SPDX-License-Identifier: MIT */
/* One answer of a request on its way: what its request wants of generating, the guide that holds it to its language, and its
 * tokens and text told as events. A chat's is a turn; a completion's text is content as it comes. */
#ifndef TL_ENGINE_TELLING_H
#define TL_ENGINE_TELLING_H

#include "engine/ask.h"
#include "engine/generate.h"

struct tl_telling {
    const struct tl_ask *ask;
    uint32_t part;
    int (*event)(void *context, const struct tl_event *event);        /* < 0 ends the answer with that status */
    void *context;
    struct tl_turn *turn;                /* NULL: of a completion */
    struct tl_fence *fence;
    struct tl_guide *guide;              /* of either; NULL: all ids may come */
    const char *stop;                    /* the stop string that ended it, set before its end; NULL: none did */
    uint32_t least;                      /* tokens that it takes at least */
    uint32_t reasoning_tokens;
    int status;                          /* why a callback ended the answer */
};

/* Stays where it is until it is done; the ask is borrowed. event NULL: only `least` is of interest. */
int tl_telling_begin(struct tl_telling *telling, const struct tl_ask *ask, uint32_t part, int (*event)(void *context, const struct tl_event *event),
                     void *context);
void tl_telling_done(struct tl_telling *telling);

/* Bounds, sampling, stops, guide; callbacks token, prompt and text, whose context the telling is. */
void tl_telling_how(struct tl_telling *telling, struct tl_generate *ret_how);
/* Behind the last text: what was held back, and the end with its counts. finish: "stop", "length"; ret_calls may be NULL. */
int tl_telling_end(struct tl_telling *telling, const char **finish, struct tl_usage *usage, uint32_t *ret_calls);

#endif
