/* SPDX-License-Identifier: MIT */
/* SentencePiece's BPE (Kudo and Richardson 2018): any two neighbours whose text together is a token may merge, the
 * token's score decides, higher first, the leftmost first among equals. Characters that end without a token are spelled
 * by their bytes. */
#include "text/characters.h"
#include "text/encoder.h"

struct text { const struct tl_tokenizer *tokenizer; const char *word; };

static inline bool by_score(const void *context, const struct tl_symbol *left, const struct tl_symbol *right,
                            uint32_t *ret_priority, int32_t *ret_id)
{
    const struct text *text = context;
    const struct tl_vocab *vocab = &text->tokenizer->vocab;
    uint32_t n_bytes = left->n_bytes + right->n_bytes;
    if (n_bytes > vocab->longest)
        return false;
    int32_t id = tl_vocab_find(vocab, text->word + left->start, n_bytes);
    if (!tl_vocab_plain(vocab, id))
        return false;
    *ret_priority = text->tokenizer->order[id];
    *ret_id = id;
    return true;
}

/* A character that merged with nothing. */
static int put_character(struct tl_encoder *encoder, const char *text, size_t n_bytes, bool *unknown_before)
{
    const struct tl_tokenizer *tokenizer = encoder->tokenizer;
    int32_t id = tl_vocab_find(&tokenizer->vocab, text, n_bytes);
    if (tl_vocab_plain(&tokenizer->vocab, id)) {
        *unknown_before = false;
        return tl_encoder_put(encoder, id);
    }
    bool bytes = true;
    for (size_t i = 0; i < n_bytes && bytes; i++)
        bytes = tokenizer->byte_id[(uint8_t)text[i]] >= 0;
    int r = 0;
    for (size_t i = 0; i < n_bytes && bytes && r >= 0; i++)
        r = tl_encoder_put(encoder, tokenizer->byte_id[(uint8_t)text[i]]);
    if (!bytes && !(*unknown_before && tokenizer->fuse_unknown))
        r = tl_encoder_put_unknown(encoder);
    *unknown_before = !bytes;
    return r;
}

int tl_spm_encode(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    struct tl_symbols *symbols = &encoder->symbols;
    struct text text = {encoder->tokenizer, word};
    bool unknown_before = false;
    if (n_bytes == 0)
        return 0;
    int r = tl_symbols_reserve(symbols, n_bytes);
    if (r < 0)
        return r;
    for (size_t at = 0, n; at < n_bytes; at += n) {
        n = tl_character_bytes(word + at, n_bytes - at);
        tl_symbols_add(symbols, (uint32_t)at, (uint32_t)n, -1);
    }
    tl_symbols_merge(symbols, by_score, &text);
    for (uint32_t i = 0; i != TL_SYMBOL_NONE && r >= 0; i = symbols->symbol[i].next) {
        const struct tl_symbol *symbol = &symbols->symbol[i];
        r = symbol->id >= 0 ? tl_encoder_put(encoder, symbol->id) :
                              put_character(encoder, word + symbol->start, symbol->n_bytes, &unknown_before);
        if (symbol->id >= 0)
            unknown_before = false;
    }
    return r;
}
