/* SPDX-License-Identifier: MIT */
/* Pre-tokenisers: steps that cut text into words, depth first, so that no list of words is ever held.
 * Rows of pretokenizers.def are those that GGUF files name. */
#ifndef TL_TEXT_PRETOKENIZER_H
#define TL_TEXT_PRETOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "text/regex.h"

enum { TL_PRETOKENIZER_STEPS = 16 };

/* What becomes of a match (a delimiter) and of the text between matches. */
enum tl_split_behavior {
    TL_SPLIT_ISOLATED, TL_SPLIT_REMOVED, TL_SPLIT_WITH_PREVIOUS, TL_SPLIT_WITH_NEXT, TL_SPLIT_CONTIGUOUS,
};

struct tl_pretoken_step {
    enum tl_pretoken_kind {
        TL_PRETOKEN_SPLIT,       /* at `regex`, whose text is `pattern`; without it at the string `pattern` */
        TL_PRETOKEN_PREFIX,      /* a blank before a word that has none */
        TL_PRETOKEN_SPELL,       /* bytes become the characters of byte-level BPE */
        TL_PRETOKEN_UNSPELL,     /* and back */
        TL_PRETOKEN_METASPACE,   /* blanks become `pattern`, which is also put before the word as `prepend` says */
    } kind;
    enum tl_split_behavior behavior;
    bool invert;                 /* what lies between matches is the delimiter */
    enum { TL_PREPEND_NEVER, TL_PREPEND_FIRST, TL_PREPEND_ALWAYS } prepend;
    struct tl_regex *regex;
    char *pattern;
    size_t n_pattern;
};

struct tl_pretokenizer { struct tl_pretoken_step step[TL_PRETOKENIZER_STEPS]; size_t count; };

void tl_pretokenizer_done(struct tl_pretokenizer *pretokenizer);
int tl_pretokenizer_add(struct tl_pretokenizer *pretokenizer, enum tl_pretoken_kind kind, struct tl_pretoken_step **ret_step);
int tl_pretokenizer_add_split(struct tl_pretokenizer *pretokenizer, const char *regex, size_t n_bytes,
                              enum tl_split_behavior behavior, bool invert);

/* The regular expression of GPT-2, which byte-level steps of tokenizer.json mean with use_regex. */
extern const char tl_pretokenizer_gpt2[];

/* A row of pretokenizers.def. */
struct tl_pretokenizer_row {
    const char *name;
    unsigned flags;
    const char *const *split;    /* NULL-terminated */
};
enum {
    TL_PRE_WHOLE_WORDS = 1,      /* a word that is a token is that token, whatever the merges say */
    TL_PRE_BOS = 2,              /* BOS is wished for where the file says nothing */
    TL_PRE_BLANKS = 4,           /* not byte-level: text with U+2581 for blanks, <0x0A> for bytes */
    TL_PRE_RANKS = 8,            /* ids are ranks, and merges are implied; those that a file lists leave out some */
};
extern const struct tl_pretokenizer_row tl_pretokenizer_rows[];       /* ends with a NULL name */
const struct tl_pretokenizer_row *tl_pretokenizer_find(const char *name);
/* The first row that cuts as this does and has that flag as given; NULL: none. */
const struct tl_pretokenizer_row *tl_pretokenizer_row_of(const struct tl_pretokenizer *pretokenizer, bool whole_words);
int tl_pretokenizer_add_row(struct tl_pretokenizer *pretokenizer, const struct tl_pretokenizer_row *row);

struct tl_pretoken_run {
    const struct tl_pretokenizer *pretokenizer;
    struct tl_regex_scratch *regex;
    struct tl_buffer buffer[TL_PRETOKENIZER_STEPS];
    bool starts;                 /* the text is the beginning of everything that is encoded */
    bool continues;              /* it goes on behind other text: nothing is put before its first word */
    int (*emit)(void *context, const char *word, size_t n_bytes);
    void *context;
};
/* Calls emit for each word in order; stops at its first failure. */
int tl_pretokenizer_run(struct tl_pretoken_run *run, const char *text, size_t n_bytes);
void tl_pretoken_run_done(struct tl_pretoken_run *run);

#endif
