/* SPDX-License-Identifier: MIT */
/* What a tokenizer is made of, for the files that build it (tokenizer_gguf.c, tokenizer_json*.c,
 * tokenizer_tiktoken.c) and those that run it
 * (encoder.c, bpe.c, spm.c, detokenizer.c). Nothing outside this room includes it. */
#ifndef TL_TEXT_TOKENIZER_PRIVATE_H
#define TL_TEXT_TOKENIZER_PRIVATE_H

#include "text/added.h"
#include "text/merges.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

enum { TL_TOKENIZER_ENDS = 64, TL_TOKENIZER_WISHES = 8 };

struct tl_tokenizer {
    enum { TL_MODEL_BPE, TL_MODEL_SPM } model;
    enum tl_spelling spelling;
    struct tl_vocab vocab;
    struct tl_merges merges;             /* BPE */
    bool ranks;                          /* BPE: no merges; what is a token merges, in the order of ids */
    uint32_t *order;                     /* SPM: [count], lower merges first */
    int32_t byte_id[256], unknown;
    bool whole_words;                    /* BPE: a word that is a token is that token */
    bool fuse_unknown;                   /* neighbouring unknown characters are one token */
    bool cuts;                           /* words may be cut before U+2581 behind any byte that is not in `glue` */
    uint8_t glue[32];
    struct tl_normalizer normalizer;
    struct tl_pretokenizer pretokenizer;
    struct tl_added raw, normal;         /* looked for before and after normalisation */
    int32_t bos, eos, end[TL_TOKENIZER_ENDS];
    unsigned n_ends;
    int32_t before[TL_TOKENIZER_WISHES], after[TL_TOKENIZER_WISHES];          /* ids that TL_ENCODE_BOS puts around a text */
    unsigned n_before, n_after;
    bool takes_blank;                    /* decoding takes one leading blank off */
};

/* Builders (that of json goes on to tiktoken.model where there is no tokenizer.json): fill in everything above but byte_id, cuts, glue and the pieces. */
int tl_tokenizer_build_gguf(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file);
int tl_tokenizer_build_json(struct tl_tokenizer *tokenizer, struct tl_modelfile *file);
int tl_tokenizer_build_tiktoken(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file);
int tl_tokenizer_build_ranks(struct tl_tokenizer *tokenizer, const char *where, const char *text, size_t n_bytes);
int tl_tokenizer_build_text(struct tl_tokenizer *tokenizer, const char *where, const char *json, size_t n_bytes);
/* What lies beside tokenizer.json (tokenizer_config.c). */
int tl_tokenizer_read_config(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file);

/* The ends of generation that are known by their names (tokenizer_ends.c). */
void tl_tokenizer_add_end(struct tl_tokenizer *tokenizer, int64_t id);           /* what is no id is left out */
void tl_tokenizer_find_ends(struct tl_tokenizer *tokenizer);
/* Is this the name of an added token that only control tokens have, "<|...|>"? It is then not made from typed text. */
bool tl_tokenizer_guarded(const char *name, size_t n_bytes);

#endif
