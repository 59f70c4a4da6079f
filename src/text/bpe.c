/* SPDX-License-Identifier: MIT */
/* Byte-pair encoding (Sennrich et al. 2016): symbols are bytes or characters, pairs merge in order of their rank, the
 * leftmost first among equals. A character without a token falls back to its bytes where the vocabulary has them. */
#include "text/bytelevel.h"
#include "text/characters.h"
#include "text/encoder.h"

static inline bool by_rank(const void *context, const struct tl_symbol *left, const struct tl_symbol *right,
                           uint32_t *ret_priority, int32_t *ret_id)
{
    if (left->id < 0 || right->id < 0)
        return false;
    const struct tl_merge *merge = tl_merges_find(context, left->id, right->id);
    if (!merge)
        return false;
    *ret_priority = merge->rank;
    *ret_id = merge->id;
    return true;
}

struct spelled { const struct tl_vocab *vocab; const char *text; };

/* Without a list of merges: two symbols merge where their bytes are a token, whose id is the rank. */
static inline bool by_name(const void *context, const struct tl_symbol *left, const struct tl_symbol *right, uint32_t *ret_priority,
                           int32_t *ret_id)
{
    const struct spelled *spelled = context;
    uint32_t n_bytes = left->n_bytes + right->n_bytes;
    int32_t id = n_bytes <= spelled->vocab->longest ? tl_vocab_find(spelled->vocab, spelled->text + left->start, n_bytes) : -1;
    if (!tl_vocab_plain(spelled->vocab, id))
        return false;
    *ret_priority = (uint32_t)id;
    *ret_id = id;
    return true;
}

/* May a piece of text be this token? Tokens that are found by name are too, where names are the text itself. */
static bool usable(const struct tl_tokenizer *tokenizer, int32_t id)
{
    return tl_vocab_plain(&tokenizer->vocab, id) ||
           (id >= 0 && tokenizer->spelling != TL_SPELLING_BYTES && tokenizer->vocab.kind[id] == TL_TOKEN_USER);
}

/* The token that the whole word is, or -1. */
static int32_t whole_word(const struct tl_tokenizer *tokenizer, const char *word, size_t n_bytes)
{
    char spelled[2 * TL_TOKEN_MAX_BYTES];
    if (n_bytes > TL_TOKEN_MAX_BYTES)
        return -1;
    if (tokenizer->spelling == TL_SPELLING_BYTES) {
        n_bytes = tl_bytelevel_spell(word, n_bytes, spelled);
        word = spelled;
    }
    int32_t id = tl_vocab_find(&tokenizer->vocab, word, n_bytes);
    return usable(tokenizer, id) ? id : -1;
}

/* What has no token is a symbol only where an unknown token will stand for it; else its neighbours are neighbours. */
static void add_symbol(struct tl_encoder *encoder, size_t start, size_t n_bytes, int32_t id)
{
    if (id >= 0 || encoder->tokenizer->unknown >= 0)
        tl_symbols_add(&encoder->symbols, (uint32_t)start, (uint32_t)n_bytes, id);
}

static void add_bytes(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        add_symbol(encoder, i, 1, encoder->tokenizer->byte_id[(uint8_t)word[i]]);
}

/* A character: its token, else its bytes if all of them have one, else a symbol without an id. */
static void add_chars(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    const struct tl_tokenizer *tokenizer = encoder->tokenizer;
    for (size_t at = 0, n; at < n_bytes; at += n) {
        n = tl_character_bytes(word + at, n_bytes - at);
        int32_t id = tl_vocab_find(&tokenizer->vocab, word + at, n);
        id = usable(tokenizer, id) ? id : -1;
        bool bytes = id < 0;
        for (size_t i = 0; i < n && bytes; i++)
            bytes = tokenizer->byte_id[(uint8_t)word[at + i]] >= 0;
        if (!bytes) {
            add_symbol(encoder, at, n, id);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            add_symbol(encoder, at + i, 1, tokenizer->byte_id[(uint8_t)word[at + i]]);
    }
}

static int put_symbols(struct tl_encoder *encoder)
{
    bool unknown_before = false;
    for (uint32_t i = encoder->symbols.count ? 0 : TL_SYMBOL_NONE; i != TL_SYMBOL_NONE; i = encoder->symbols.symbol[i].next) {
        const struct tl_symbol *symbol = &encoder->symbols.symbol[i];
        bool unknown = symbol->id < 0;
        int r = 0;
        if (!unknown)
            r = tl_encoder_put(encoder, symbol->id);
        else if (!unknown_before || !encoder->tokenizer->fuse_unknown)
            r = tl_encoder_put_unknown(encoder);
        if (r < 0)
            return r;
        unknown_before = unknown;
    }
    return 0;
}

/* Symbols are places in the spelled word: a byte's name has one or two bytes. */
static int merge_by_name(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    const struct tl_tokenizer *tokenizer = encoder->tokenizer;
    struct tl_buffer *spelled = &encoder->spelled;
    char name[2];
    tl_buffer_clear(spelled);
    for (size_t i = 0; i < n_bytes; i++) {
        size_t n = tl_bytelevel_spell(word + i, 1, name);
        tl_symbols_add(&encoder->symbols, (uint32_t)spelled->len, (uint32_t)n, tokenizer->byte_id[(uint8_t)word[i]]);
        tl_buffer_append(spelled, name, n);
    }
    if (spelled->status < 0)
        return spelled->status;
    tl_symbols_merge(&encoder->symbols, by_name, &(struct spelled){&tokenizer->vocab, spelled->data});
    return put_symbols(encoder);
}

int tl_bpe_encode(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    if (encoder->tokenizer->whole_words) {
        int32_t id = whole_word(encoder->tokenizer, word, n_bytes);
        if (id >= 0)
            return tl_encoder_put(encoder, id);
    }
    int r = tl_symbols_reserve(&encoder->symbols, n_bytes);
    if (r < 0)
        return r;
    if (encoder->tokenizer->ranks)
        return merge_by_name(encoder, word, n_bytes);
    if (encoder->tokenizer->spelling == TL_SPELLING_BYTES)
        add_bytes(encoder, word, n_bytes);
    else
        add_chars(encoder, word, n_bytes);
    tl_symbols_merge(&encoder->symbols, by_rank, &encoder->tokenizer->merges);
    return put_symbols(encoder);
}
