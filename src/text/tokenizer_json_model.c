/* SPDX-License-Identifier: MIT */
/* The "model" of tokenizer.json: byte-pair encoding with its vocabulary and merges. Other kinds are refused by name. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "text/tokenizer_json.h"

static int read_vocab(struct tl_tokenizer_json *j)
{
    struct tl_json *json = &j->json;
    /* A member takes six bytes and more, so ids that leave larger holes than that are wrong. */
    uint64_t limit = (uint64_t)(json->end - json->text), id;
    if (limit > TL_VOCAB_MAX)
        limit = TL_VOCAB_MAX;
    int r = tl_json_next(json);
    if (r == TL_JSON_ARRAY)
        return tl_tokenizer_json_refuse(j, "model", "Unigram");
    if (r >= 0 && (r != TL_JSON_OBJECT || j->has_vocab))
        return tl_json_fail(json, "one object of names and ids");
    j->has_vocab = true;
    TL_AUTO char *name = tl_alloc(TL_TOKEN_MAX_BYTES + 1, 1);
    if (!name)
        return TL_E_NOMEM;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        size_t n = json->string.len;
        if (n > TL_TOKEN_MAX_BYTES)
            return tl_fail(TL_E_FILE, "%s: a token of %zu bytes, at most %d supported", j->where, n, TL_TOKEN_MAX_BYTES);
        memcpy(name, json->string.data, n);
        if ((r = tl_json_next(json)) < 0)
            return r;
        bool number = r == TL_JSON_NUMBER;
        if (!number || !tl_parse_u64(json->raw, json->raw_bytes, &id) || id >= limit)
            return tl_fail(TL_E_FILE, "%s: model.vocab: '%.*s': found %.*s, expected an id below %" PRIu64, j->where,
                           (int)(n < 40 ? n : 40), name, number && json->raw_bytes < 30 ? (int)json->raw_bytes : 30,
                           number ? json->raw : "no number", limit);
        bool byte = j->byte_fallback && tl_vocab_spelled_byte(name, n) >= 0;
        r = tl_vocab_add(&j->tokenizer->vocab, j->where, (uint32_t)id, name, n, byte ? TL_TOKEN_BYTE : TL_TOKEN_NORMAL);
    }
    return r;
}

/* --- merges --------------------------------------------------------------------------------------------------------- */

/* Merges wait here until there are enough of them to look up at once. */
struct waiting {
    struct tl_tokenizer_json *j;
    struct tl_buffer text;
    size_t at[2 * TL_MERGES_GROUP + 1], count;       /* borders of names in text */
};

static int flush(struct waiting *w)
{
    struct tl_merge_text merge[TL_MERGES_GROUP];
    const char *text = w->text.data;
    for (size_t i = 0; i < w->count; i++) {
        const size_t *at = &w->at[2 * i];
        merge[i] = (struct tl_merge_text){{text + at[0], at[1] - at[0]}, {text + at[1], at[2] - at[1]}};
    }
    int r = tl_merges_add(&w->j->tokenizer->merges, &w->j->tokenizer->vocab, w->j->where, merge, w->count);
    tl_buffer_clear(&w->text);
    w->count = 0;
    return r;
}

static int keep(struct waiting *w, int half, const char *name, size_t n)
{
    w->at[2 * w->count + (size_t)half] = w->text.len;
    int r = tl_buffer_append(&w->text, name, n);
    w->at[2 * w->count + (size_t)half + 1] = w->text.len;
    return r;
}

/* "a b" */
static int read_merge_string(struct waiting *w, const struct tl_json *json)
{
    const char *text = json->string.data, *blank = json->string.len ? memchr(text, ' ', json->string.len) : NULL;
    size_t n = json->string.len, left = blank ? (size_t)(blank - text) : 0;
    if (left == 0 || left + 1 == n || memchr(blank + 1, ' ', n - left - 1))
        return tl_fail(TL_E_FILE, "%s: model.merges: found '%.*s', expected two names with one blank between them", w->j->where,
                       (int)(n < 40 ? n : 40), text);
    int r = keep(w, 0, text, left);
    return r < 0 ? r : keep(w, 1, blank + 1, n - left - 1);
}

/* ["a", "b"], behind the "[" */
static int read_merge_pair(struct waiting *w, struct tl_json *json)
{
    for (int half = 0; half < 2; half++) {
        int r = tl_json_next(json);
        if (r >= 0)
            r = r == TL_JSON_STRING ? keep(w, half, json->string.data, json->string.len) : tl_json_fail(json, "a pair of names");
        if (r < 0)
            return r;
    }
    int r = tl_json_next(json);
    return r < 0 ? r : r == TL_JSON_ARRAY_END ? 0 : tl_json_fail(json, "the end of a pair");
}

static int read_merges(struct tl_tokenizer_json *j, struct tl_json *json)
{
    struct waiting w = {.j = j};
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_json_fail(json, "a list of merges");
    if (r >= 0)
        r = tl_merges_reserve(&j->tokenizer->merges, j->tokenizer->vocab.count);
    while (r >= 0 && (r = tl_json_next(json)) != TL_JSON_ARRAY_END && r >= 0) {
        r = r == TL_JSON_STRING ? read_merge_string(&w, json) : r == TL_JSON_ARRAY ? read_merge_pair(&w, json) :
            tl_json_fail(json, "a merge");
        if (r >= 0 && ++w.count == TL_MERGES_GROUP)
            r = flush(&w);
    }
    if (r >= 0 && w.count)
        r = flush(&w);
    tl_buffer_done(&w.text);
    return r;
}

/* Merges need the vocabulary: before it, only their place is noted. */
static int take_merges(struct tl_tokenizer_json *j)
{
    if (j->has_merges)
        return tl_json_fail(&j->json, "one list of merges");
    j->has_merges = true;
    if (j->has_vocab)
        return read_merges(j, &j->json);
    int r = tl_json_next(&j->json);
    if (r < 0 || r != TL_JSON_ARRAY)
        return r < 0 ? r : tl_json_fail(&j->json, "a list of merges");
    j->late_merges = j->json.raw;
    if ((r = tl_json_skip(&j->json)) >= 0)
        j->n_late_merges = (size_t)(j->json.at - j->late_merges);
    return r;
}

static int read_late_merges(struct tl_tokenizer_json *j)
{
    struct tl_json json;
    tl_json_init(&json, j->where, j->late_merges, j->n_late_merges);
    int r = read_merges(j, &json);
    tl_json_done(&json);
    return r;
}

/* --- options -------------------------------------------------------------------------------------------------------- */

/* A string or null into `out`. */
static int read_text(struct tl_json *json, struct tl_buffer *out)
{
    int r = tl_json_next(json);
    if (r < 0 || r == TL_JSON_NULL)
        return r < 0 ? r : 0;
    if (r != TL_JSON_STRING)
        return tl_json_fail(json, "a string or null");
    return tl_buffer_append(out, json->string.data, json->string.len);
}

/* null, "", 0 and 0.0 mean that the option is off. */
static int read_unsupported(struct tl_tokenizer_json *j, const char *name)
{
    double value;
    int r = tl_json_next(&j->json);
    bool off = r == TL_JSON_NULL || (r == TL_JSON_STRING && j->json.string.len == 0) ||
               (r == TL_JSON_NUMBER && tl_parse_f64(j->json.raw, j->json.raw_bytes, &value) && value == 0);
    return r < 0 ? r : off ? 0 : tl_tokenizer_json_refuse(j, "model", name);
}

static int read_flag(struct tl_json *json, bool *ret)
{
    int r = tl_json_next(json);
    if (r < 0 || r == TL_JSON_NULL)
        return r < 0 ? r : 0;
    if (r != TL_JSON_TRUE && r != TL_JSON_FALSE)
        return tl_json_fail(json, "true or false");
    *ret = r == TL_JSON_TRUE;
    return 0;
}

static int read_type(struct tl_tokenizer_json *j)
{
    int r = tl_json_next(&j->json);
    if (r < 0)
        return r;
    if (r != TL_JSON_STRING)
        return tl_json_fail(&j->json, "the model's type");
    return tl_json_is(&j->json, "BPE") ? 0 : tl_tokenizer_json_refuse(j, "model", j->json.string.data);
}

static int read_option(struct tl_tokenizer_json *j)
{
    static const char *const unsupported[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix"};
    struct { const char *name; bool *flag; } flags[] = {
        {"fuse_unk", &j->tokenizer->fuse_unknown}, {"byte_fallback", &j->byte_fallback},
        {"ignore_merges", &j->tokenizer->whole_words},
    };
    for (int i = 0; i < 3; i++) {
        if (tl_json_is(&j->json, unsupported[i]))
            return read_unsupported(j, unsupported[i]);
        if (tl_json_is(&j->json, flags[i].name))
            return read_flag(&j->json, flags[i].flag);
    }
    if (tl_json_is(&j->json, "type"))
        return read_type(j);
    if (tl_json_is(&j->json, "unk_token"))
        return read_text(&j->json, &j->unknown);
    if (tl_json_is(&j->json, "vocab"))
        return read_vocab(j);
    return tl_json_is(&j->json, "merges") ? take_merges(j) : tl_json_skip(&j->json);
}

/* byte_fallback may come behind the vocabulary. */
static void mark_bytes(struct tl_tokenizer_json *j)
{
    struct tl_vocab *vocab = &j->tokenizer->vocab;
    for (uint32_t id = 0; j->byte_fallback && id < vocab->count; id++)
        if (vocab->kind[id] == TL_TOKEN_NORMAL && tl_vocab_spelled_byte(tl_vocab_name(vocab, id), vocab->name[id].n_bytes) >= 0)
            vocab->kind[id] = TL_TOKEN_BYTE;
}

int tl_tokenizer_json_model(struct tl_tokenizer_json *j)
{
    int r = tl_json_next(&j->json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_json_fail(&j->json, "the model, an object");
    while (r >= 0 && (r = tl_json_next(&j->json)) == TL_JSON_KEY)
        r = read_option(j);
    if (r < 0)
        return r;
    j->tokenizer->model = TL_MODEL_BPE;
    mark_bytes(j);
    if (!j->has_vocab || !j->has_merges)
        return tl_fail(TL_E_FILE, "%s: model.%s is missing", j->where, j->has_vocab ? "merges" : "vocab");
    return j->late_merges ? read_late_merges(j) : 0;
}
