/* SPDX-License-Identifier: MIT */
/* Tasks and prompts: a JSON object a line, whose members are the rows of eval_fields.def (docs/eval.md). Blank lines are passed
 * over. What is wrong is a sentence with file and line. Files are hostile: every list and text has its bound. */
#ifndef TL_COMPRESS_EVAL_LINES_H
#define TL_COMPRESS_EVAL_LINES_H

#include "compress/eval.h"

enum { TL_EVAL_LIST = 64, TL_EVAL_LINE_BYTES = 16 << 20, TL_EVAL_LINES = 10000000 };

struct tl_eval_list { char **text; uint32_t n; };

struct tl_eval_item {
    const char *file;                    /* borrowed from the order */
    uint64_t line;
    int kind;                            /* enum tl_eval_kind; -1: a prompt */
    char *id;                            /* NULL: it has none */
    char *prompt, *messages;             /* one of them; messages: JSON */
    struct tl_eval_list choices, expect, stop, tags;
    uint32_t right;                      /* of the choices */
    char *verify;                        /* NULL: the order's command */
    uint32_t max_tokens;                 /* 0: the order's */
};

struct tl_eval_items { struct tl_eval_item *item; uint64_t n, cap; };

extern const char *const tl_eval_kinds[TL_EVAL_KINDS];              /* the member that says what is right */

/* Adds the lines of a file. tasks: each has exactly one of the members that judge; else none has. */
int tl_eval_items_read(struct tl_eval_items *items, const char *path, bool tasks, const struct tl_eval_order *order);
/* The same of a text. */
int tl_eval_items_parse(struct tl_eval_items *items, const char *path, const char *text, size_t n_bytes, bool tasks,
                        const struct tl_eval_order *order);
void tl_eval_items_done(struct tl_eval_items *items);

/* "FILE: line N: " before the sentence of a failure. */
int tl_eval_item_fail(const struct tl_eval_item *item, int status);
/* What is asked as messages: its own, or with `chat` a user's message; NULL where it is a text to go on from. tl_free. < 0: no memory */
int tl_eval_item_messages(const struct tl_eval_item *item, bool chat, char **ret_messages);

#endif
