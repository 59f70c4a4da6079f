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
    TL_EVENT_TOKEN,          /* a token was drawn: logprobs, where the request asks for them; before the text that it completes */
    TL_EVENT_END,            /* finish, usage, timing */
};

struct tl_event_logprob { int32_t id; float logprob; };

struct tl_usage {
    uint32_t prompt_tokens, reused_tokens, tokens, reasoning_tokens, drafted_tokens, accepted_tokens;
    double prefill_seconds, decode_seconds;
};

struct tl_event {
    enum tl_event_kind kind;
    uint32_t part;
    const char *text;
    size_t n_bytes;
    uint32_t call;                       /* 0, 1, ... within the part */
    const char *id, *name;
    uint32_t done, total, reused;
    const struct tl_event_logprob *logprobs;         /* [1 + n_top]: of the token, then of the likeliest */
    uint32_t n_top;
    const char *finish;                  /* "stop", "length", "tool_calls" */
    const struct tl_usage *usage;
};

#endif
