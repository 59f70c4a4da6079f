/* SPDX-License-Identifier: MIT */
/* A tokenizer from GGUF metadata: tokenizer.ggml.model names the kind, .pre the row of pretokenizers.def.
 *
 * Arrays must have one element a token, merges must name tokens, scores must be numbers; what the format can say and we
 * cannot do is refused by name. Control tokens are found in raw text as they stand there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/characters.h"
#include "text/tokenizer_private.h"

#define KEY "tokenizer.ggml."

enum { AHEAD = 16 };

struct source {
    const struct tl_modelfile *file;
    struct tl_tokenizer *tokenizer;
    const struct tl_pretokenizer_row *row;
    char where[256];
};

/* An array that must be there (or may be missing: *ret NULL) and, with `count`, must have that many elements. */
static int get_array(const struct source *s, const char *key, bool required, uint64_t count, const struct tl_meta **ret)
{
    const char *path = tl_modelfile_path(s->file);
    const struct tl_meta *meta = tl_modelfile_meta(s->file, key);
    *ret = meta;
    if (!meta)
        return required ? tl_fail(TL_E_FILE, "%s: key %s is missing", path, key) : 0;
    if (!meta->is_array)
        return tl_fail(TL_E_FILE, "%s: key %s: found a single value, expected an array", path, key);
    if (count && meta->count != count)
        return tl_fail(TL_E_FILE, "%s: key %s has %" PRIu64 " elements, expected one for each of %" PRIu64 " tokens", path, key,
                       meta->count, count);
    return 0;
}

/* --- tokens --------------------------------------------------------------------------------------------------------- */

static int read_kind(const struct source *s, const struct tl_meta *types, uint64_t id, const char *name, size_t n_bytes,
                     enum tl_token_kind *ret_kind)
{
    int64_t kind = TL_TOKEN_NORMAL;
    char padding[32];
    int r = types ? tl_meta_at_i64(types, id, &kind) : 0;
    if (r < 0)
        return r;
    if (kind < TL_TOKEN_UNDEFINED || kind > TL_TOKEN_BYTE)
        return tl_fail(TL_E_FILE, "%s: key " KEY "token_type: token %" PRIu64 " has type %" PRId64 ", expected 0 to 6",
                       tl_modelfile_path(s->file), id, kind);
    *ret_kind = (enum tl_token_kind)kind;
    if (kind != TL_TOKEN_USER)
        return 0;
    /* Converters fill vocabularies up with such names. */
    size_t n = (size_t)snprintf(padding, sizeof padding, "[PAD%" PRIu64 "]", id);
    if (n == n_bytes && memcmp(padding, name, n) == 0)
        *ret_kind = TL_TOKEN_UNUSED;
    return 0;
}

static int read_tokens(struct source *s)
{
    const struct tl_meta *tokens, *types;
    uint64_t bytes = 0;
    const char *name;
    size_t n_bytes;
    int r = get_array(s, KEY "tokens", true, 0, &tokens);
    if (r < 0)
        return r;
    if (tokens->count == 0 || tokens->count > TL_VOCAB_MAX)
        return tl_fail(TL_E_FILE, "%s: key " KEY "tokens has %" PRIu64 " elements, expected 1 to %d", tl_modelfile_path(s->file),
                       tokens->count, TL_VOCAB_MAX);
    if ((r = get_array(s, KEY "token_type", false, tokens->count, &types)) < 0)
        return r;
    for (uint64_t id = 0; id < tokens->count; id++, bytes += n_bytes)
        if ((r = tl_meta_at_string(tokens, id, &name, &n_bytes)) < 0)
            return r;
    if ((r = tl_vocab_reserve(&s->tokenizer->vocab, (uint32_t)tokens->count, bytes)) < 0)
        return r;
    snprintf(s->where, sizeof s->where, "%.150s: key " KEY "tokens", tl_modelfile_path(s->file));
    for (uint64_t id = 0; id < tokens->count; id++) {
        if (id + AHEAD < tokens->count && tl_meta_at_string(tokens, id + AHEAD, &name, &n_bytes) >= 0)
            tl_vocab_expect(&s->tokenizer->vocab, name, n_bytes);
        enum tl_token_kind kind = TL_TOKEN_NORMAL;
        if ((r = tl_meta_at_string(tokens, id, &name, &n_bytes)) < 0 || (r = read_kind(s, types, id, name, n_bytes, &kind)) < 0 ||
            (r = tl_vocab_add(&s->tokenizer->vocab, s->where, (uint32_t)id, name, n_bytes, kind)) < 0)
            return r;
    }
    return 0;
}

static int split_merge(const struct source *s, const struct tl_meta *merges, uint64_t index, struct tl_merge_text *ret)
{
    const char *text = NULL;
    size_t n = 0;
    int r = tl_meta_at_string(merges, index, &text, &n);
    if (r < 0)
        return r;
    const char *blank = n > 1 ? memchr(text + 1, ' ', n - 1) : NULL;
    if (!blank)
        return tl_fail(TL_E_FILE, "%s: merge %" PRIu64 ": found '%.*s', expected two names with a blank between them", s->where,
                       index, (int)(n < 40 ? n : 40), text);
    size_t left = (size_t)(blank - text);
    *ret = (struct tl_merge_text){{text, left}, {blank + 1, n - left - 1}};
    return 0;
}

static int read_merges(struct source *s)
{
    const struct tl_meta *merges;
    int r = get_array(s, KEY "merges", true, 0, &merges);
    if (r < 0 || (r = tl_merges_reserve(&s->tokenizer->merges, merges->count)) < 0)
        return r;
    snprintf(s->where, sizeof s->where, "%.150s: key " KEY "merges", tl_modelfile_path(s->file));
    for (uint64_t i = 0; i < merges->count; i += TL_MERGES_GROUP) {
        struct tl_merge_text text[TL_MERGES_GROUP];
        size_t n = 0;
        for (; n < TL_MERGES_GROUP && i + n < merges->count; n++)
            if ((r = split_merge(s, merges, i + n, &text[n])) < 0)
                return r;
        if ((r = tl_merges_add(&s->tokenizer->merges, &s->tokenizer->vocab, s->where, text, n)) < 0)
            return r;
    }
    return 0;
}

/* Numbers in the order of their bits, turned around: the highest score comes first. */
static uint32_t order_of(float score)
{
    uint32_t bits;
    score = score == 0.0f ? 0.0f : score;
    memcpy(&bits, &score, sizeof bits);
    return ~(bits & 0x80000000u ? ~bits : bits | 0x80000000u);
}

static int read_scores(struct source *s)
{
    const struct tl_meta *scores;
    uint32_t count = s->tokenizer->vocab.count;
    int r = get_array(s, KEY "scores", true, count, &scores);
    if (r < 0)
        return r;
    if (!(s->tokenizer->order = tl_alloc(count, sizeof *s->tokenizer->order)))
        return TL_E_NOMEM;
    for (uint32_t id = 0; id < count; id++) {
        double score;
        if ((r = tl_meta_at_f64(scores, id, &score)) < 0)
            return r;
        s->tokenizer->order[id] = order_of((float)score);
    }
    return 0;
}

/* --- special tokens ------------------------------------------------------------------------------------------------- */

/* The id under a key; without the key that of `name`, where such a control token exists (NULL: none). */
static int read_id(const struct source *s, const char *key, const char *name, int32_t *ret_id)
{
    struct tl_vocab *vocab = &s->tokenizer->vocab;
    uint64_t id = 0;
    int r = tl_meta_u64(s->file, key, vocab->count - 1, &id);
    if (r < 0)
        return r;
    if (r == 0 && !name)
        return 0;
    bool typed = tl_modelfile_meta(s->file, KEY "token_type");
    int32_t found = r ? (int32_t)id : tl_vocab_find(vocab, name, strlen(name));
    if (found < 0 || (r == 0 && typed && vocab->kind[found] != TL_TOKEN_CONTROL && vocab->kind[found] != TL_TOKEN_UNKNOWN))
        return 0;
    if (!typed)
        vocab->kind[found] = TL_TOKEN_CONTROL;
    *ret_id = found;
    return 0;
}

static int read_wish(struct source *s, const char *key, int32_t id, bool wished, int32_t *ret_ids, unsigned *ret_count)
{
    int r = tl_meta_bool(s->file, key, &wished);
    if (r < 0)
        return r;
    if (r > 0 && wished && id < 0)
        return tl_fail(TL_E_FILE, "%s: key %s: found true, expected false where no such token is named",
                       tl_modelfile_path(s->file), key);
    *ret_count = wished && id >= 0;
    ret_ids[0] = id;
    return 0;
}

static int read_specials(struct source *s)
{
    struct tl_tokenizer *t = s->tokenizer;
    bool spm = t->model == TL_MODEL_SPM;
    int32_t eot = -1, eom = -1;
    int r;
    if ((r = read_id(s, KEY "bos_token_id", spm ? "<s>" : NULL, &t->bos)) < 0 ||
        (r = read_id(s, KEY "eos_token_id", spm ? "</s>" : NULL, &t->eos)) < 0 ||
        (r = read_id(s, KEY "unknown_token_id", spm ? "<unk>" : NULL, &t->unknown)) < 0 ||
        (r = read_id(s, KEY "eot_token_id", NULL, &eot)) < 0 || (r = read_id(s, KEY "eom_token_id", NULL, &eom)) < 0)
        return r;
    if (t->spelling == TL_SPELLING_BYTES)
        t->unknown = -1;                 /* what such files name is not what the model makes of unknown bytes */
    bool wished = spm || (s->row && s->row->flags & TL_PRE_BOS);
    if ((r = read_wish(s, KEY "add_bos_token", t->bos, wished, t->before, &t->n_before)) < 0 ||
        (r = read_wish(s, KEY "add_eos_token", t->eos, false, t->after, &t->n_after)) < 0)
        return r;
    tl_tokenizer_add_end(t, t->eos);
    tl_tokenizer_add_end(t, eot);
    tl_tokenizer_add_end(t, eom);
    tl_tokenizer_find_ends(t);
    return 0;
}

/* Names that are looked for in text. SentencePiece's user-defined symbols are written with U+2581 for blanks. */
static int collect_added(struct source *s)
{
    struct tl_vocab *vocab = &s->tokenizer->vocab;
    for (uint32_t id = 0; id < vocab->count; id++) {
        enum tl_token_kind kind = vocab->kind[id];
        if (kind != TL_TOKEN_CONTROL && kind != TL_TOKEN_UNKNOWN && kind != TL_TOKEN_USER)
            continue;
        const char *name = tl_vocab_name(vocab, id);
        size_t n = vocab->name[id].n_bytes;
        unsigned flags = kind != TL_TOKEN_USER || tl_tokenizer_guarded(name, n) ? TL_ADDED_SPECIAL : 0;
        char text[TL_ADDED_MAX_BYTES];
        size_t n_text = 0;
        if (kind == TL_TOKEN_USER && s->tokenizer->spelling == TL_SPELLING_BLANKS && n <= sizeof text) {
            for (size_t i = 0; i < n; n_text++) {
                bool blank = n - i >= 3 && memcmp(name + i, TL_BLANK, 3) == 0;
                text[n_text] = blank ? ' ' : name[i];
                i += blank ? 3 : 1;
            }
            name = text;
            n = n_text;
        }
        int r = tl_added_add(&s->tokenizer->raw, name, n, (int32_t)id, flags);
        if (r < 0)
            return tl_fail_in(r, "%s", tl_modelfile_path(s->file));
    }
    return 0;
}

/* --- kinds ---------------------------------------------------------------------------------------------------------- */

static int refuse_unsupported(const struct source *s)
{
    bool removes = false;
    int r = tl_meta_bool(s->file, KEY "remove_extra_whitespaces", &removes);
    if (r < 0)
        return r;
    const char *key = removes ? KEY "remove_extra_whitespaces" : KEY "precompiled_charsmap";
    if (removes || tl_modelfile_meta(s->file, key))
        return tl_fail(TL_E_FILE, "%s: key %s: this normalisation is not supported", tl_modelfile_path(s->file), key);
    return 0;
}

static int build_spm(struct source *s)
{
    struct tl_tokenizer *t = s->tokenizer;
    bool prefix = true;
    int r;
    t->model = TL_MODEL_SPM;
    t->fuse_unknown = true;
    t->spelling = TL_SPELLING_BLANKS;
    if ((r = refuse_unsupported(s)) < 0 || (r = read_tokens(s)) < 0 || (r = read_scores(s)) < 0 ||
        (r = tl_meta_bool(s->file, KEY "add_space_prefix", &prefix)) < 0)
        return r;
    t->takes_blank = prefix;
    if (prefix && (r = tl_normalizer_add_prepend(&t->normalizer, TL_BLANK)) < 0)
        return r;
    return tl_normalizer_add_replace(&t->normalizer, " ", TL_BLANK);
}

static int build_bpe(struct source *s, const char *pre)
{
    struct tl_tokenizer *t = s->tokenizer;
    int r;
    s->row = tl_pretokenizer_find(pre);
    if (!s->row)
        return tl_fail(TL_E_FILE, "%s: key " KEY "pre: pre-tokenizer '%.60s' is not supported", tl_modelfile_path(s->file), pre);
    t->model = TL_MODEL_BPE;
    t->spelling = s->row->flags & TL_PRE_BLANKS ? TL_SPELLING_BLANKS : TL_SPELLING_BYTES;
    t->whole_words = s->row->flags & TL_PRE_WHOLE_WORDS;
    t->fuse_unknown = s->row->flags & TL_PRE_BLANKS;
    t->ranks = s->row->flags & TL_PRE_RANKS;
    if ((r = read_tokens(s)) < 0 || (!t->ranks && (r = read_merges(s)) < 0) || (r = tl_pretokenizer_add_row(&t->pretokenizer, s->row)) < 0)
        return r;
    return s->row->flags & TL_PRE_BLANKS ? tl_normalizer_add_replace(&t->normalizer, " ", TL_BLANK) : 0;
}

int tl_tokenizer_build_gguf(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file)
{
    struct source s = {.file = file, .tokenizer = tokenizer};
    const char *model, *pre = "default";
    size_t n;
    int r = tl_meta_string(file, KEY "model", &model, &n);
    if (r < 0)
        return r;
    if (r == 0)
        return tl_fail(TL_E_FILE, "%s: key " KEY "model is missing", tl_modelfile_path(file));
    if ((r = tl_meta_string(file, KEY "pre", &pre, &n)) < 0)
        return r;
    if (strcmp(model, "llama") == 0)
        r = build_spm(&s);
    else if (strcmp(model, "gpt2") == 0)
        r = build_bpe(&s, pre);
    else if (strcmp(model, "gemma4") == 0)
        r = build_bpe(&s, "gemma4");
    else
        r = tl_fail(TL_E_FILE, "%s: key " KEY "model: tokenizer '%.60s' is not supported", tl_modelfile_path(file), model);
    if (r < 0 || (r = read_specials(&s)) < 0)
        return r;
    return collect_added(&s);
}
