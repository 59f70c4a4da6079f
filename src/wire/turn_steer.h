/* SPDX-License-Identifier: MIT */
/* What a turn's guide knows. It is asked ahead of the text that the turn reads, by another thread: it shares nothing with the
 * reading but what never changes. Private to turn_*.c. */
#ifndef TL_WIRE_TURN_STEER_H
#define TL_WIRE_TURN_STEER_H

#include <string.h>

#include "wire/turn_impl.h"
#include "wire/turn_language.h"

enum tl_steer_stage {
    TL_STEER_START,          /* nothing is written yet */
    TL_STEER_REASON,
    TL_STEER_FREE,           /* content; where there are tools, marks of calls are looked for */
    TL_STEER_CONTENT,        /* content by its grammar */
    TL_STEER_NAME,           /* of a call: from its first text to behind the name */
    TL_STEER_ARGUMENTS,
    TL_STEER_CHOICE,         /* of a token: one more call, or the end of them */
    TL_STEER_OVER,           /* nothing may follow */
};

/* A text of the family, cut in two: ids up to its last control token, and the text behind that. */
struct tl_steer_text { int32_t *id; size_t n_ids; struct tl_turn_span text; };

struct tl_turn_steer {
    struct tl_guide guide;
    const struct tl_turn *turn;
    const struct tl_turn_family *family;
    enum tl_steer_stage stage;           /* the one behind the queue, while there is a queue */
    bool bound;                          /* the content has a language, or begins with a call */
    bool calls;                          /* calls are looked for, or asked for */
    bool required, section, may_end;     /* may_end: instead of one more call */
    bool blank;                          /* nothing but blanks so far */
    bool again;                          /* at least one call is complete */
    bool fresh;                          /* nothing has come in this stage */
    int32_t think, mark;                 /* the tokens that open reasoning and a call; -1: none */
    int32_t banned;                      /* not the next token; -1: none */
    int32_t only, tool;                  /* of TL_TOOLS_ONE; of the call at hand */
    uint32_t thought;
    int32_t *queue;                      /* ids that must come */
    uint64_t at, n_queue, cap_queue;
    struct tl_buffer tail;               /* the end of what was written; of NAME all of it */
    const struct tl_grammar *names, **arguments;     /* of the call at hand; [tools], made when they are asked for */
    struct tl_matcher *matcher;
    uint64_t *plain;                     /* ids of reasoning before a bound answer: no control token but the one that closes it */
    int32_t *ends;
    size_t n_ends;
    struct tl_steer_text first, other, mid, tail_text, close;         /* close: of a section */
    char *owned[3];                      /* the texts of first, other, tail_text */
    bool lead_cut;                       /* of the call at hand: a part of its first text came with the mark; the rest is cut_lead */
    struct tl_turn_span cut_lead;
    int32_t *content, *said;             /* ids of the family's text before content; of what the prompt has said of a message's head */
    size_t n_content, n_said;
    int32_t analysis;                    /* the token of harmony's channel; -1: none */
    uint32_t n_answer;                   /* tokens that close reasoning */
    uint32_t most_arguments, least;      /* tokens; where a call is required */
};

/* turn_steer.c: making one, and its texts and languages. */
int tl_steer_force(struct tl_turn_steer *steer, const char *text, size_t n_bytes);
int tl_steer_cut(const struct tl_turn_steer *steer, const char *text, struct tl_steer_text *ret_text);
int tl_steer_force_ids(struct tl_turn_steer *steer, const int32_t *ids, size_t n);
int tl_steer_match(struct tl_turn_steer *steer, const struct tl_grammar *grammar);
int tl_steer_names(struct tl_turn_steer *steer, struct tl_turn_span lead, bool more);
int tl_steer_arguments(struct tl_turn_steer *steer, int32_t tool, const struct tl_grammar **ret_grammar);
/* tokens of the call at hand behind the stage: what must be left for them. */
uint32_t tl_steer_reserve(const struct tl_turn_steer *steer, enum tl_steer_stage stage);

/* turn_stage.c: the first stage, and how one follows another. */
int tl_steer_begin(struct tl_turn_steer *steer, bool reasons);
void tl_steer_enter(struct tl_turn_steer *steer, enum tl_steer_stage stage);
int tl_steer_content(struct tl_turn_steer *steer);
int tl_steer_close_reasoning(struct tl_turn_steer *steer);
int tl_steer_call(struct tl_turn_steer *steer, int32_t tool);
void tl_steer_end_calls(struct tl_turn_steer *steer);
int tl_steer_end_name(struct tl_turn_steer *steer);
int tl_steer_end_arguments(struct tl_turn_steer *steer);

/* turn_allow.c: the ids that may come in a stage, as tl_guide.allow says; some or all of them; a call instead of content. */
int tl_steer_allow_start(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed);
int tl_steer_allow_reasoning(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed);
int tl_steer_allow_choice(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed);
int tl_steer_allow_matched(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed);
int tl_steer_allow_only(const struct tl_turn_steer *steer, uint64_t *allowed, int32_t id);
int tl_steer_allow_all_but(const struct tl_turn_steer *steer, uint64_t *allowed, int32_t id);
bool tl_steer_may_call(const struct tl_turn_steer *steer);
void tl_steer_fill(const struct tl_turn_steer *steer, uint64_t *allowed, int value);
void tl_steer_set_ends(const struct tl_turn_steer *steer, uint64_t *allowed);

/* turn_take.c: what came in a stage, as tl_guide.take says; 0 is as good as 1. */
int tl_steer_take_start(struct tl_turn_steer *steer, int32_t id, const char *bytes, size_t n_bytes);
int tl_steer_take_reasoning(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes);
int tl_steer_take_free(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes);
int tl_steer_take_choice(struct tl_turn_steer *steer, int32_t id);
int tl_steer_take_matched(struct tl_turn_steer *steer, int32_t id, const char *bytes, size_t n_bytes);

static inline bool tl_steer_harmony(const struct tl_turn_steer *steer) { return steer->family->syntax == TL_TURN_HARMONY; }
static inline size_t tl_steer_length(const char *text) { return text ? strlen(text) : 0; }
static inline bool tl_steer_thinks(const struct tl_turn_steer *steer)
{
    return steer->turn->marks.think.n_bytes && steer->turn->how.think_tokens > 0;
}

#endif
