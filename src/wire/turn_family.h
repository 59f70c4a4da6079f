/* SPDX-License-Identifier: MIT */
/* How a family of models writes reasoning and tool calls: a row of turns.def. Texts that a row does not say are NULL. */
#ifndef TL_WIRE_TURN_FAMILY_H
#define TL_WIRE_TURN_FAMILY_H

#include <stdbool.h>

enum tl_turn_syntax {
    TL_TURN_JSON,            /* an object with the name and the arguments */
    TL_TURN_NAMED,           /* the name, a mark, the arguments as JSON */
    TL_TURN_XML,             /* the name, then keys and values between marks */
    TL_TURN_NOTATION,        /* the name, then keys and values in a notation of their own */
    TL_TURN_HARMONY,         /* messages with a head that says a channel and whom it is to */
};

enum { TL_TURN_SIGNS = 3 };

struct tl_turn_family {
    const char *name;
    const char *signs[TL_TURN_SIGNS];
    const char *token;
    enum tl_turn_syntax syntax;
    const char *think, *answer;          /* around reasoning; NULL: it has none */
    const char *content;                 /* before the content, behind the reasoning */
    const char *section, *call, *head, *mid, *tail, *end, *between, *section_end;
    const char *key, *key_end, *value_end;           /* of XML */
    const char *also;                    /* another text that opens a call */
    bool bare;                           /* an object at the beginning may be a call that nothing marks */
    bool numbered;                       /* names end with a colon and the number of the call */
    bool typed;                          /* a key is followed by `" string="true` or false */
    unsigned id_bytes;                   /* ids of calls are just so long; 0: "call_" and what follows */
};

#endif
