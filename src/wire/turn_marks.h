/* SPDX-License-Identifier: MIT */
/* Texts that mean something to a turn: the marks of its family, and the names of control tokens, which are never shown. Found
 * in text that comes in pieces: what may become one waits. Private to turn*.c. */
#ifndef TL_WIRE_TURN_MARKS_H
#define TL_WIRE_TURN_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"
#include "wire/turn_family.h"

struct tl_turn_mark { const char *bytes; size_t n_bytes; };           /* n_bytes 0: the family has none */

enum tl_turn_sign {          /* bits: which marks are looked for, and what was found */
    TL_TURN_SIGN_THINK = 1, TL_TURN_SIGN_ANSWER = 2, TL_TURN_SIGN_SECTION = 4, TL_TURN_SIGN_CALL = 8, TL_TURN_SIGN_ALSO = 16,
    TL_TURN_SIGN_CONTROL = 32, TL_TURN_SIGN_OPENER = 64,
    TL_TURN_SIGN_CALLS = TL_TURN_SIGN_SECTION | TL_TURN_SIGN_CALL | TL_TURN_SIGN_ALSO,
};

struct tl_turn_marks {
    struct tl_turn_mark think, answer, section, call, head, mid, tail, end, section_end, key, key_end, value_end, also;
    struct tl_turn_mark opener, role;    /* how the prompt begins a message, and the control token that this begins with */
    struct tl_turn_mark *control;        /* [n_controls], in order of their bytes */
    size_t n_controls;
    bool first[256];                     /* does a mark or a control token begin with this byte? */
};

int tl_turn_marks_init(struct tl_turn_marks *ret_marks, const struct tl_turn_family *family, const struct tl_tokenizer *tokenizer, bool controls);
void tl_turn_marks_done(struct tl_turn_marks *marks);
/* `text` begins a message; borrowed. It is cut where the family's reasoning begins. */
void tl_turn_marks_open(struct tl_turn_marks *marks, const char *text, size_t n_bytes);
/* Without the blanks at its ends. */
struct tl_turn_mark tl_turn_mark_of(const char *text);

/* The first of `signs` in text[from..n): its offset, what it is and its bytes. None: ret_sign 0 and the offset behind which one may
 * begin (n where `final`). */
size_t tl_turn_marks_find(const struct tl_turn_marks *marks, unsigned signs, const char *text, size_t from, size_t n, bool final,
                          enum tl_turn_sign *ret_sign, size_t *ret_bytes);

static inline bool tl_turn_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

#endif
