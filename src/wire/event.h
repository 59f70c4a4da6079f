/* SPDX-License-Identifier: MIT */
/* What happens to one part of a request, in the order in which it happens: what forms write down. Texts are borrowed for the
 * call, whole characters, and may come in pieces. */
#ifndef TL_WIRE_EVENT_H
#define TL_WIRE_EVENT_H

#include <stddef.h>
#include <stdint.h>

enum tl_event_kind {
    TL_EVENT_PROGRESS,       /* `done` of `total` tokens of the prompt are computed, `reused` of them were found */
    TL_EVENT_REASONING,      /* text */
    TL_EVENT_CONTENT,        /* text */
    TL_EVENT_CALL,           /* the `call`-th tool call begins: id, name */
    TL_EVENT_ARGUMENTS,      /* text: a piece of its arguments, together a JSON object */
    TL_EVENT_TOKEN,          /* a token was drawn, or echoed: logprobs, where the request asks for them; before the text that it completes */
    TL_EVENT_EMBEDDING,      /* values of the `part`-th input */
    TL_EVENT_END,            /* finish, usage */
};

struct tl_event_logprob { int32_t id; float logprob; };               /* NAN: of the first token of a text, which follows nothing */

struct tl_usage {
    uint32_t prompt_tokens, reused_tokens, tokens, reasoning_tokens, drafted_tokens, accepted_tokens;
    double prefill_seconds, decode_seconds;
    double step_seconds, stall_seconds;              /* its share of the steps; of their waits for the drive */
    uint64_t memory_bytes, drive_bytes;              /* its share of the weights read from memory and from the drive */
    uint64_t expert_hits, expert_misses;
};

struct tl_event {
    enum tl_event_kind kind;
    uint32_t part;
    const char *text;
    size_t n_bytes;
    uint32_t call;                       /* 0, 1, ... within the part */
    const char *id, *name;
    uint32_t done, total, reused;
    double seconds;                      /* of TL_EVENT_PROGRESS: since the part was begun */
    const float *values;
    uint32_t n_values;
    const struct tl_event_logprob *logprobs;         /* [1 + n_top]: of the token, then of the likeliest */
    uint32_t n_top;
    const char *finish;                  /* "stop", "length", "tool_calls" */
    const char *stop;                    /* the stop string that ended it; NULL: none did */
    const struct tl_usage *usage;
    int64_t ended;                       /* seconds since 1970, of TL_EVENT_END; 0: not known */
};

#endif
