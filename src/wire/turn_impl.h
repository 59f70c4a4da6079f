/* SPDX-License-Identifier: MIT */
/* A turn while it is read. Text that may still become a mark waits in `held`; what is decided is given out as events.
 * Private to turn*.c. */
#ifndef TL_WIRE_TURN_IMPL_H
#define TL_WIRE_TURN_IMPL_H

#include "base/buffer.h"
#include "wire/turn.h"
#include "wire/turn_family.h"
#include "wire/turn_marks.h"
#include "wire/turn_tools.h"

enum tl_turn_phase {
    TL_TURN_REASONING,
    TL_TURN_CONTENT,
    TL_TURN_BETWEEN,         /* in a section, before a call or behind one */
    TL_TURN_CALL,            /* before the arguments: nothing is given out yet */
    TL_TURN_ARGUMENTS,       /* a JSON value, given out as it comes */
    TL_TURN_BEHIND,          /* in the object around them */
    TL_TURN_KEY,             /* of XML: before a key, or at the end */
    TL_TURN_VALUE,
    TL_TURN_WORDS,           /* arguments in a notation */
    TL_TURN_CLOSE,           /* before the mark that ends a call */
    TL_TURN_HEADER,          /* of a message of harmony */
    TL_TURN_DROP,            /* nothing of the rest is the answer's */
};

/* The object of a call, byte by byte. Offsets are into `held`. */
struct tl_turn_object {
    size_t at, from;                     /* looked at so far; where the string or value at hand begins */
    size_t name, n_name, args, n_args;
    unsigned depth, wraps;
    bool string, escape, scalar, has_name, has_args, args_done;
    unsigned char expects, key;
};

struct tl_turn {
    struct tl_turn_how how;
    const struct tl_turn_family *family;
    struct tl_turn_tools tools;
    struct tl_turn_marks marks;
    struct tl_buffer held;
    size_t at, end;                      /* what waits; less than a whole character may be behind it */
    size_t seen;                         /* no mark begins before it */
    size_t body;                         /* of a call that is not certain: behind its marks */
    enum tl_turn_phase phase;
    bool final;                          /* nothing more comes */
    bool blank;                          /* of this content or reasoning only blanks came */
    bool strip;                          /* blanks that come now belong to a mark */
    bool section, tried_bare;
    unsigned hard_calls;                 /* marks of calls that are control tokens: they end reasoning */
    char *opener;                        /* how the prompt begins the answer's message */
    struct tl_turn_object object;
    uint32_t calls, last_number;
    int32_t tool;                        /* of the call at hand, or -1 */
    struct tl_buffer key, scratch;
    unsigned char value;                 /* how the value at hand is written: enums in turn_xml.c, turn_notation.c */
    bool comma, over;                    /* over: of harmony: behind the arguments of a call */
    unsigned types;                      /* that the value may have */
    struct tl_turn_steer *steer;         /* turn_guide.c */
};

enum { TL_TURN_MORE = 1, TL_TURN_WAIT = 0 };

/* turn_emit.c */
int tl_turn_say(struct tl_turn *turn, enum tl_event_kind kind, const char *bytes, size_t n_bytes);
int tl_turn_begin_call(struct tl_turn *turn, const char *name, size_t n_bytes);
int tl_turn_say_arguments(struct tl_turn *turn, const char *bytes, size_t n_bytes);
int tl_turn_end_call(struct tl_turn *turn);                           /* what comes next */
/* The marks up to `body` begin no call: they are content, and reading goes on behind them. */
int tl_turn_no_call(struct tl_turn *turn);

static inline const char *tl_turn_text_at(const struct tl_turn *turn, size_t at) { return turn->held.data + at; }
void tl_turn_skip_blanks(const struct tl_turn *turn, size_t *at);
/* Is the mark at `at`? 1: yes; 0: no; -1: that depends on what comes. */
int tl_turn_is_at(const struct tl_turn *turn, size_t at, struct tl_turn_mark mark);

/* One step of a phase: TL_TURN_MORE, TL_TURN_WAIT, < 0. */
int tl_turn_read_reasoning(struct tl_turn *turn);
int tl_turn_read_content(struct tl_turn *turn);
int tl_turn_read_between(struct tl_turn *turn);
int tl_turn_read_call(struct tl_turn *turn);
int tl_turn_read_object(struct tl_turn *turn);
int tl_turn_read_function(struct tl_turn *turn, size_t at);
int tl_turn_read_arguments(struct tl_turn *turn);
int tl_turn_read_behind(struct tl_turn *turn);
int tl_turn_read_key(struct tl_turn *turn);
int tl_turn_read_value(struct tl_turn *turn);
int tl_turn_read_notation(struct tl_turn *turn);
int tl_turn_read_close(struct tl_turn *turn);
int tl_turn_read_header(struct tl_turn *turn);

/* turn_guide.c */
int tl_turn_steer_new(struct tl_turn *turn);
void tl_turn_steer_free(struct tl_turn *turn);

#endif
