/* SPDX-License-Identifier: MIT */
/* The tokenizer that others see: built by tokenizer_gguf.c, tokenizer_json.c or tokenizer_tiktoken.c, finished and asked here. */
#include "text/tokenizer.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/characters.h"
#include "text/encoder.h"
#include "text/tokenizer_private.h"

/* Notes the bytes that stand before a U+2581 inside some token: text may be cut before it behind all others. */
static void find_glue(struct tl_tokenizer *tokenizer)
{
    const struct tl_vocab *vocab = &tokenizer->vocab;
    for (uint32_t id = 0; id < vocab->count; id++) {
        const char *name = tl_vocab_name(vocab, id), *end = name + vocab->name[id].n_bytes, *at = name;
        if (vocab->kind[id] == TL_TOKEN_CONTROL || vocab->kind[id] == TL_TOKEN_UNKNOWN)
            continue;
        while (at < end && (at = memmem(at, (size_t)(end - at), TL_BLANK, 3))) {
            if (at > name)
                tokenizer->glue[(uint8_t)at[-1] / 8] |= (uint8_t)(1 << (uint8_t)at[-1] % 8);
            at += 3;
        }
    }
}

/* U+2581 is a token itself, and no character is left out, which would make neighbours of those beside it. */
static bool may_cut(const struct tl_tokenizer *tokenizer)
{
    bool bytes = true;
    for (int i = 0; i < 256; i++)
        bytes = bytes && tokenizer->byte_id[i] >= 0;
    return tokenizer->spelling != TL_SPELLING_BYTES && (bytes || tokenizer->unknown >= 0) &&
           tl_vocab_plain(&tokenizer->vocab, tl_vocab_find(&tokenizer->vocab, TL_BLANK, 3));
}

static int finish(struct tl_tokenizer *tokenizer)
{
    tl_vocab_byte_ids(&tokenizer->vocab, tokenizer->spelling, tokenizer->byte_id);
    tl_merges_drop_control(&tokenizer->merges, &tokenizer->vocab);
    tokenizer->cuts = may_cut(tokenizer);
    if (tokenizer->cuts)
        find_glue(tokenizer);
    tl_added_finish(&tokenizer->raw);
    tl_added_finish(&tokenizer->normal);
    return tl_vocab_build_pieces(&tokenizer->vocab, tokenizer->spelling);
}

static struct tl_tokenizer *make(void)
{
    struct tl_tokenizer *tokenizer = tl_alloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return NULL;
    tl_vocab_init(&tokenizer->vocab);
    tokenizer->unknown = tokenizer->bos = tokenizer->eos = -1;
    return tokenizer;
}

int tl_tokenizer_new(struct tl_modelfile *file, struct tl_tokenizer **ret_tokenizer)
{
    struct tl_tokenizer *tokenizer = make();
    if (!tokenizer)
        return TL_E_NOMEM;
    int r = tl_modelfile_format(file) == TL_MODELFILE_GGUF ? tl_tokenizer_build_gguf(tokenizer, file) :
                                                             tl_tokenizer_build_json(tokenizer, file);
    if (r >= 0)
        r = finish(tokenizer);
    if (r < 0)
        tl_tokenizer_free(tokenizer);
    else
        *ret_tokenizer = tokenizer;
    return r < 0 ? r : 0;
}

typedef int build_text(struct tl_tokenizer *tokenizer, const char *where, const char *text, size_t n_bytes);

static int new_from(build_text *build, const char *where, const char *text, size_t n_bytes, struct tl_tokenizer **ret_tokenizer)
{
    struct tl_tokenizer *tokenizer = make();
    if (!tokenizer)
        return TL_E_NOMEM;
    int r = build(tokenizer, where, text, n_bytes);
    if (r >= 0)
        r = finish(tokenizer);
    if (r < 0)
        tl_tokenizer_free(tokenizer);
    else
        *ret_tokenizer = tokenizer;
    return r < 0 ? r : 0;
}

int tl_tokenizer_new_text(const char *where, const char *json, size_t n_bytes, struct tl_tokenizer **ret_tokenizer)
{
    return new_from(tl_tokenizer_build_text, where, json, n_bytes, ret_tokenizer);
}

int tl_tokenizer_new_ranks(const char *where, const char *text, size_t n_bytes, struct tl_tokenizer **ret_tokenizer)
{
    return new_from(tl_tokenizer_build_ranks, where, text, n_bytes, ret_tokenizer);
}

void tl_tokenizer_free(struct tl_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    tl_vocab_done(&tokenizer->vocab);
    tl_merges_done(&tokenizer->merges);
    tl_free(tokenizer->order);
    tl_normalizer_done(&tokenizer->normalizer);
    tl_pretokenizer_done(&tokenizer->pretokenizer);
    tl_added_done(&tokenizer->raw);
    tl_added_done(&tokenizer->normal);
    tl_free(tokenizer);
}

int tl_tokenizer_encode(const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags,
                        int32_t **ret_ids, size_t *ret_count)
{
    return tl_tokenizer_encode_marked(tokenizer, text, n_bytes, NULL, flags, ret_ids, ret_count);
}

int tl_tokenizer_encode_marked(const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes, const uint8_t *plain,
                               unsigned flags, int32_t **ret_ids, size_t *ret_count)
{
    struct tl_encoder encoder = {.tokenizer = tokenizer, .flags = flags, .plain = plain};
    int r = tl_encoder_run(&encoder, text, n_bytes);
    if (r >= 0 && !encoder.ids)
        r = tl_encoder_grow(&encoder);
    if (r >= 0) {
        *ret_ids = encoder.ids;
        *ret_count = encoder.count;
        encoder.ids = NULL;
    }
    tl_encoder_done(&encoder);
    return r < 0 ? r : 0;
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

static bool is_id(const struct tl_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (uint32_t)id < tokenizer->vocab.count;
}

uint32_t tl_tokenizer_size(const struct tl_tokenizer *tokenizer)
{
    return tokenizer->vocab.count;
}

const char *tl_tokenizer_name(const struct tl_tokenizer *tokenizer, int32_t id)
{
    return is_id(tokenizer, id) ? tl_vocab_name(&tokenizer->vocab, (uint32_t)id) : "";
}

int32_t tl_tokenizer_id(const struct tl_tokenizer *tokenizer, const char *name, size_t n_bytes)
{
    return tl_vocab_find(&tokenizer->vocab, name, n_bytes);
}

bool tl_tokenizer_is_control(const struct tl_tokenizer *tokenizer, int32_t id)
{
    return is_id(tokenizer, id) &&
           (tokenizer->vocab.kind[id] == TL_TOKEN_CONTROL || tokenizer->vocab.kind[id] == TL_TOKEN_UNKNOWN);
}

bool tl_tokenizer_ends(const struct tl_tokenizer *tokenizer, int32_t id)
{
    for (unsigned i = 0; i < tokenizer->n_ends; i++)
        if (tokenizer->end[i] == id)
            return true;
    return false;
}

int32_t tl_tokenizer_bos(const struct tl_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t tl_tokenizer_eos(const struct tl_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

bool tl_tokenizer_adds_bos(const struct tl_tokenizer *tokenizer)
{
    return tokenizer->bos >= 0 && tokenizer->n_before > 0 && tokenizer->before[0] == tokenizer->bos;
}
