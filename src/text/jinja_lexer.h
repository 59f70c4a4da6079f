/* SPDX-License-Identifier: MIT */
/* Tokens of a template, one after the other. The settings are those under which chat templates are run: trim_blocks and
 * lstrip_blocks on, keep_trailing_newline off. */
#ifndef TL_TEXT_JINJA_LEXER_H
#define TL_TEXT_JINJA_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tl_jinja_token_kind {
    TL_JINJA_T_END,
    TL_JINJA_T_DATA, TL_JINJA_T_BLOCK_BEGIN, TL_JINJA_T_BLOCK_END, TL_JINJA_T_OUTPUT_BEGIN, TL_JINJA_T_OUTPUT_END,
    TL_JINJA_T_NAME, TL_JINJA_T_STRING, TL_JINJA_T_INTEGER, TL_JINJA_T_FLOAT,
#define OPERATOR(name, spelling) TL_JINJA_T_##name,
#include "text/jinja_tokens.def"
#undef OPERATOR
};

struct tl_jinja_token {
    enum tl_jinja_token_kind kind;
    uint32_t line;
    const char *start;                   /* its characters; of STRING those between the quotes, still escaped */
    size_t n;
};

enum { TL_JINJA_BRACKETS = 200 };        /* open brackets at once */

struct tl_jinja_lexer {
    const char *at, *end;
    uint32_t line;
    enum { TL_JINJA_IN_DATA, TL_JINJA_IN_BLOCK, TL_JINJA_IN_OUTPUT } mode;
    enum tl_jinja_token_kind pending;    /* the opening that follows the data just returned; END: none */
    bool line_starting;                  /* the last token ended a line */
    unsigned n_brackets;
    char bracket[TL_JINJA_BRACKETS];
};

/* `text` is UTF-8 with newlines normalised to '\n'; it outlives the tokens. */
void tl_jinja_lexer_init(struct tl_jinja_lexer *lexer, const char *text, size_t n_bytes);
int tl_jinja_lexer_next(struct tl_jinja_lexer *lexer, struct tl_jinja_token *ret_token);     /* TL_E_FILE with the line */

const char *tl_jinja_token_name(enum tl_jinja_token_kind kind);      /* for messages */

#endif
