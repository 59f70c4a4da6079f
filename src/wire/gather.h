/* SPDX-License-Identifier: MIT */
/* What the events of one part come to: for documents, and for streams whose last frames say everything again. */
#ifndef TL_WIRE_GATHER_H
#define TL_WIRE_GATHER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "wire/event.h"

struct tl_gathered_call {
    char *id, *name;
    struct tl_buffer arguments;
};

struct tl_gather {
    struct tl_buffer reasoning, content;
    struct tl_gathered_call *call;
    uint64_t n_calls, room_calls;
    struct tl_event_logprob *logprobs;   /* [n_tokens][1 + n_top] */
    uint64_t n_tokens, room_logprobs;
    uint32_t n_top;
    float *values;                       /* of an embedding */
    uint32_t n_values;
    const char *finish;                  /* NULL: it has not ended */
    struct tl_usage usage;
};

void tl_gather_init(struct tl_gather *gather);
void tl_gather_done(struct tl_gather *gather);
int tl_gather_event(struct tl_gather *gather, const struct tl_event *event);

#endif
