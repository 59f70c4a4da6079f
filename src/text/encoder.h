/* SPDX-License-Identifier: MIT */
/* One call of encoding: text goes through added tokens, normaliser and pre-tokeniser to words, and words to ids.
 * Everything that grows on the way is held here, so that a word costs no allocation. */
#ifndef TL_TEXT_ENCODER_H
#define TL_TEXT_ENCODER_H

#include "text/symbols.h"
#include "text/tokenizer_private.h"

enum { TL_ENCODER_WORD = 28, TL_ENCODER_CACHE = 4096 };

/* A short word that was met before, and where its ids are in the output. */
struct tl_encoder_entry { uint32_t at, count; uint8_t n_bytes; char word[TL_ENCODER_WORD]; };

struct tl_encoder {
    const struct tl_tokenizer *tokenizer;
    unsigned flags;
    const uint8_t *plain;                /* marks bytes in which no control token is recognised; NULL: none is marked */
    int32_t *ids;
    uint64_t count, capacity;
    struct tl_symbols symbols;
    struct tl_buffer spelled;            /* the word that is encoded, where names are looked up in it */
    struct tl_buffer normal[2];
    struct tl_regex_scratch regex;
    struct tl_pretoken_run run;
    struct tl_encoder_entry *cache;      /* NULL for short texts */
};

int tl_encoder_run(struct tl_encoder *encoder, const char *text, size_t n_bytes);
void tl_encoder_done(struct tl_encoder *encoder);

int tl_encoder_grow(struct tl_encoder *encoder);
static inline int tl_encoder_put(struct tl_encoder *encoder, int32_t id)
{
    if (encoder->count == encoder->capacity) {
        int r = tl_encoder_grow(encoder);
        if (r < 0)
            return r;
    }
    encoder->ids[encoder->count++] = id;
    return 0;
}

/* A character without a token: the unknown token, or nothing where the vocabulary has none. */
int tl_encoder_put_unknown(struct tl_encoder *encoder);

/* The two models: a word's ids are appended. */
int tl_bpe_encode(struct tl_encoder *encoder, const char *word, size_t n_bytes);
int tl_spm_encode(struct tl_encoder *encoder, const char *word, size_t n_bytes);

#endif
