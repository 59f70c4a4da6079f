/* SPDX-License-Identifier: MIT */
/* From text to words, in this order: added tokens in the raw text; ill-formed bytes, which go past everything; the
 * normaliser; added tokens in normalised text; the pre-tokeniser; cuts before blanks where no merge can cross.
 * Words that come again are copied from where they came first. */
#include "text/encoder.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/characters.h"

enum { CACHED_TEXT_BYTES = 2048 };

int tl_encoder_grow(struct tl_encoder *encoder)
{
    return tl_grow((void **)&encoder->ids, encoder->count, &encoder->capacity, sizeof *encoder->ids);
}

int tl_encoder_put_unknown(struct tl_encoder *encoder)
{
    return encoder->tokenizer->unknown >= 0 ? tl_encoder_put(encoder, encoder->tokenizer->unknown) : 0;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static int encode_word(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    bool spm = encoder->tokenizer->model == TL_MODEL_SPM;
    return spm ? tl_spm_encode(encoder, word, n_bytes) : tl_bpe_encode(encoder, word, n_bytes);
}

static int copy_ids(struct tl_encoder *encoder, uint32_t at, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int r = tl_encoder_put(encoder, encoder->ids[at + i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int put_ids(struct tl_encoder *encoder, const int32_t *ids, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int r = tl_encoder_put(encoder, ids[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int put_word(struct tl_encoder *encoder, const char *word, size_t n_bytes)
{
    if (!encoder->cache || n_bytes > TL_ENCODER_WORD)
        return encode_word(encoder, word, n_bytes);
    struct tl_encoder_entry *entry = &encoder->cache[tl_hash_bytes(word, n_bytes, 0) >> 32 & (TL_ENCODER_CACHE - 1)];
    if (entry->n_bytes == n_bytes && memcmp(entry->word, word, n_bytes) == 0)
        return copy_ids(encoder, entry->at, entry->count);
    size_t before = encoder->count;
    int r = encode_word(encoder, word, n_bytes);
    if (r < 0 || encoder->count > UINT32_MAX)
        return r;
    entry->at = (uint32_t)before;
    entry->count = (uint32_t)(encoder->count - before);
    entry->n_bytes = (uint8_t)n_bytes;
    memcpy(entry->word, word, n_bytes);
    return 0;
}

/* Does a word end before the U+2581 at `at`? */
static bool cuts_at(const struct tl_tokenizer *tokenizer, const char *text, size_t at)
{
    uint8_t before = (uint8_t)text[at - 1];
    return !(tokenizer->glue[before / 8] >> before % 8 & 1);
}

static int emit(void *context, const char *text, size_t n_bytes)
{
    struct tl_encoder *encoder = context;
    const struct tl_tokenizer *tokenizer = encoder->tokenizer;
    size_t start = 0, from = 1;
    while (tokenizer->cuts && from < n_bytes) {
        const char *blank = memmem(text + from, n_bytes - from, TL_BLANK, 3);
        if (!blank)
            break;
        size_t at = (size_t)(blank - text);
        from = at + 3;
        if (!cuts_at(tokenizer, text, at))
            continue;
        int r = put_word(encoder, text + start, at - start);
        if (r < 0)
            return r;
        start = at;
    }
    return start < n_bytes ? put_word(encoder, text + start, n_bytes - start) : 0;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

/* Where a stretch of text stands: at the very beginning; behind other text, so that no blank is put before it. */
struct place { bool starts, continues; };

static int encode_normal(struct tl_encoder *encoder, const char *text, size_t n_bytes, struct place place)
{
    struct tl_added_match match;
    for (size_t at = 0; at < n_bytes;) {
        bool found = tl_added_find(&encoder->tokenizer->normal, text, n_bytes, at, false, NULL, &match);
        size_t end = found ? match.start : n_bytes;
        encoder->run.starts = place.starts && at == 0;
        encoder->run.continues = place.continues && at == 0;
        int r = tl_pretokenizer_run(&encoder->run, text + at, end - at);
        if (r >= 0 && found)
            r = tl_encoder_put(encoder, match.id);
        if (r < 0)
            return r;
        at = found ? match.end : n_bytes;
    }
    return 0;
}

/* Valid UTF-8 between raw added tokens and ill-formed bytes. */
static int encode_valid(struct tl_encoder *encoder, const char *text, size_t n_bytes, struct place place)
{
    const char *normal = NULL;
    size_t n_normal = 0;
    int r = tl_normalizer_run(&encoder->tokenizer->normalizer, &encoder->regex, place.continues, text, n_bytes, encoder->normal,
                              &normal, &n_normal);
    return r < 0 ? r : encode_normal(encoder, normal, n_normal, place);
}

/* An ill-formed run of bytes: each byte's own token, or what stands for U+FFFD. */
static int encode_broken(struct tl_encoder *encoder, const char *text, size_t n_bytes)
{
    const int32_t *byte_id = encoder->tokenizer->byte_id;
    bool all = true;
    for (size_t i = 0; i < n_bytes; i++)
        all = all && byte_id[(uint8_t)text[i]] >= 0;
    if (!all)
        return encode_word(encoder, "\xEF\xBF\xBD", 3);
    for (size_t i = 0; i < n_bytes; i++) {
        int r = tl_encoder_put(encoder, byte_id[(uint8_t)text[i]]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int encode_text(struct tl_encoder *encoder, const char *text, size_t n_bytes, struct place place)
{
    size_t start = 0, at = 0;
    int r = 0;
    while (at < n_bytes && r >= 0) {
        uint32_t code;
        int n = (uint8_t)text[at] < 0x80 ? 1 : tl_utf8_decode(text + at, n_bytes - at, &code);
        if (n > 0) {
            at += (size_t)n;
            continue;
        }
        if (at > start)
            r = encode_valid(encoder, text + start, at - start, place);
        if (r >= 0)
            r = encode_broken(encoder, text + at, (size_t)-n);
        at += (size_t)-n;
        start = at;
        place = (struct place){false, true};
    }
    if (r >= 0 && start < n_bytes)
        r = encode_valid(encoder, text + start, n_bytes - start, place);
    return r;
}

static int encode_all(struct tl_encoder *encoder, const char *text, size_t n_bytes)
{
    struct tl_added_match match;
    bool special = encoder->flags & TL_ENCODE_SPECIAL;
    for (size_t at = 0; at < n_bytes;) {
        bool found = tl_added_find(&encoder->tokenizer->raw, text, n_bytes, at, special, encoder->plain, &match);
        struct place place = {at == 0, at == 0 && (encoder->flags & TL_ENCODE_CONTINUE)};
        int r = encode_text(encoder, text + at, (found ? match.start : n_bytes) - at, place);
        if (r >= 0 && found)
            r = tl_encoder_put(encoder, match.id);
        if (r < 0)
            return r;
        at = found ? match.end : n_bytes;
    }
    return 0;
}

int tl_encoder_run(struct tl_encoder *encoder, const char *text, size_t n_bytes)
{
    const struct tl_tokenizer *tokenizer = encoder->tokenizer;
    if (n_bytes > INT32_MAX)
        return tl_fail(TL_E_USAGE, "text of %zu bytes, at most %d supported", n_bytes, INT32_MAX);
    tl_regex_scratch_init(&encoder->regex, n_bytes);
    encoder->run.pretokenizer = &tokenizer->pretokenizer;
    encoder->run.regex = &encoder->regex;
    encoder->run.emit = emit;
    encoder->run.context = encoder;
    if (n_bytes >= CACHED_TEXT_BYTES && !(encoder->cache = tl_alloc(TL_ENCODER_CACHE, sizeof *encoder->cache)))
        return TL_E_NOMEM;
    bool wishes = encoder->flags & TL_ENCODE_BOS;
    int r = wishes ? put_ids(encoder, tokenizer->before, tokenizer->n_before) : 0;
    if (r >= 0)
        r = encode_all(encoder, text, n_bytes);
    if (r >= 0 && wishes)
        r = put_ids(encoder, tokenizer->after, tokenizer->n_after);
    return r;
}

void tl_encoder_done(struct tl_encoder *encoder)
{
    tl_free(encoder->ids);
    tl_free(encoder->cache);
    tl_symbols_done(&encoder->symbols);
    tl_buffer_done(&encoder->spelled);
    tl_buffer_done(&encoder->normal[0]);
    tl_buffer_done(&encoder->normal[1]);
    tl_regex_scratch_done(&encoder->regex);
    tl_pretoken_run_done(&encoder->run);
}
