/* SPDX-License-Identifier: MIT */
/* tokenizer.json (Hugging Face tokenizers): the whole file, added tokens, and putting the parts together.
 * What a part means is in tokenizer_json_model.c, tokenizer_json_parts.c and tokenizer_json_post.c. A component that is
 * not known is refused by its name: a tokenizer that is nearly right is wrong. */
#include "text/tokenizer_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"

int tl_tokenizer_json_refuse(const struct tl_tokenizer_json *j, const char *part, const char *kind)
{
    return tl_fail(TL_E_FILE, "%s: %s: %.100s is not supported", j->where, part, *kind ? kind : "a value without a type");
}

const char *tl_tokenizer_json_pattern(const struct tl_json_tree *tree, const struct tl_json_node *node, bool *ret_regex,
                                      size_t *ret_bytes)
{
    const struct tl_json_node *pattern = tl_json_tree_get(tree, node, "pattern");
    const struct tl_json_node *text = tl_json_tree_get(tree, pattern, "String");
    *ret_regex = !text;
    if (!text)
        text = tl_json_tree_get(tree, pattern, "Regex");
    if (!text || text->kind != TL_JSON_STRING)
        return NULL;
    *ret_bytes = text->n_text;
    return tl_json_tree_text(tree, text);
}

/* --- added tokens --------------------------------------------------------------------------------------------------- */

static int grow_added(struct tl_tokenizer_json *j)
{
    if (j->n_added < j->added_capacity)
        return 0;
    uint32_t capacity = 2 * j->added_capacity + 64;
    struct tl_tokenizer_added *added = tl_realloc(j->added, capacity, sizeof *added);
    if (!added)
        return TL_E_NOMEM;
    j->added = added;
    j->added_capacity = capacity;
    return 0;
}

/* Behind the "{" of one. */
static int read_added_token(struct tl_tokenizer_json *j)
{
    struct tl_tokenizer_added token = {.id = UINT32_MAX};
    struct { const char *name; bool *flag; } flags[] = {
        {"single_word", &token.single_word}, {"lstrip", &token.lstrip}, {"rstrip", &token.rstrip},
        {"normalized", &token.normalized}, {"special", &token.special},
    };
    bool has_content = false;
    int r;
    while ((r = tl_json_next(&j->json)) == TL_JSON_KEY) {
        size_t which = 0;
        while (which < 5 && !tl_json_is(&j->json, flags[which].name))
            which++;
        uint64_t id = 0;
        if (which < 5) {
            r = tl_json_bool(&j->json, flags[which].flag);
        } else if (tl_json_is(&j->json, "id")) {
            r = tl_json_u64(&j->json, TL_VOCAB_MAX - 1, &id);
            token.id = (uint32_t)id;
        } else if (tl_json_is(&j->json, "content")) {
            if ((r = tl_json_next(&j->json)) == TL_JSON_STRING) {
                has_content = true;
                token.at = (uint32_t)j->added_text.len;
                token.n_bytes = (uint32_t)j->json.string.len;
                r = tl_buffer_append(&j->added_text, j->json.string.data, j->json.string.len);
            } else if (r >= 0) {
                r = tl_json_fail(&j->json, "the token's text");
            }
        } else {
            r = tl_json_skip(&j->json);
        }
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    if (!has_content || token.id == UINT32_MAX)
        return tl_fail(TL_E_FILE, "%s: added token %" PRIu32 " lacks its id or content", j->where, j->n_added);
    if ((r = grow_added(j)) >= 0)
        j->added[j->n_added++] = token;
    return r;
}

static int read_added_tokens(struct tl_tokenizer_json *j)
{
    int r = tl_json_next(&j->json);
    if (r == TL_JSON_NULL || r < 0)
        return r < 0 ? r : 0;
    if (r != TL_JSON_ARRAY)
        return tl_json_fail(&j->json, "a list of added tokens");
    while ((r = tl_json_next(&j->json)) == TL_JSON_OBJECT)
        if ((r = read_added_token(j)) < 0)
            return r;
    return r < 0 ? r : r == TL_JSON_ARRAY_END ? 0 : tl_json_fail(&j->json, "an added token");
}

/* An id for a name that the vocabulary may have too; both must say the same. */
static int name_added(struct tl_tokenizer_json *j, const struct tl_tokenizer_added *token)
{
    struct tl_vocab *vocab = &j->tokenizer->vocab;
    const char *text = j->added_text.data + token->at;
    int32_t known = tl_vocab_find(vocab, text, token->n_bytes);
    if (known >= 0 && (uint32_t)known != token->id)
        return tl_fail(TL_E_FILE, "%s: added token '%.*s' has id %" PRIu32 ", in the vocabulary it has %" PRId32, j->where,
                       (int)(token->n_bytes < 40 ? token->n_bytes : 40), text, token->id, known);
    enum tl_token_kind kind = token->special ? TL_TOKEN_CONTROL : TL_TOKEN_USER;
    if (known >= 0 && token->special)
        vocab->kind[known] = TL_TOKEN_CONTROL;
    else if (known >= 0)
        return 0;                        /* the model goes on making it from text, too */
    else if (token->id > j->json.end - j->json.text)
        return tl_fail(TL_E_FILE, "%s: added token id %" PRIu32 " is too far from the others", j->where, token->id);
    else
        return tl_vocab_add(vocab, j->where, token->id, text, token->n_bytes, kind);
    return 0;
}

static int match_added(struct tl_tokenizer_json *j, const struct tl_tokenizer_added *token, struct tl_regex_scratch *scratch,
                       struct tl_buffer buffer[2])
{
    struct tl_tokenizer *t = j->tokenizer;
    const char *text = j->added_text.data + token->at;
    size_t n = token->n_bytes;
    bool special = t->vocab.kind[token->id] == TL_TOKEN_CONTROL || tl_tokenizer_guarded(text, n);
    unsigned flags = (special ? TL_ADDED_SPECIAL : 0u) | (token->lstrip ? TL_ADDED_LSTRIP : 0u) |
                     (token->rstrip ? TL_ADDED_RSTRIP : 0u) | (token->single_word ? TL_ADDED_WORD : 0u);
    if (!token->normalized || special)   /* control tokens are found where the text is still as it was marked */
        return tl_added_add(&t->raw, text, n, (int32_t)token->id, flags);
    int r = tl_normalizer_run(&t->normalizer, scratch, false, text, n, buffer, &text, &n);
    return r < 0 ? r : tl_added_add(&t->normal, text, n, (int32_t)token->id, flags);
}

static int match_all_added(struct tl_tokenizer_json *j)
{
    struct tl_regex_scratch scratch;
    struct tl_buffer buffer[2] = {0};
    int r = 0;
    tl_regex_scratch_init(&scratch, j->added_text.len);
    for (uint32_t i = 0; i < j->n_added && r >= 0; i++)
        r = match_added(j, &j->added[i], &scratch, buffer);
    tl_regex_scratch_done(&scratch);
    tl_buffer_done(&buffer[0]);
    tl_buffer_done(&buffer[1]);
    return r;
}

/* --- the file ------------------------------------------------------------------------------------------------------- */

static int read_member(struct tl_tokenizer_json *j)
{
    struct { const char *name; struct tl_json_tree *tree; } trees[] = {
        {"normalizer", &j->normalizer}, {"pre_tokenizer", &j->pre_tokenizer}, {"post_processor", &j->post_processor},
        {"decoder", &j->decoder},
    };
    for (int i = 0; i < 4; i++)
        if (tl_json_is(&j->json, trees[i].name))
            return tl_json_tree_read(trees[i].tree, &j->json);
    if (tl_json_is(&j->json, "added_tokens"))
        return read_added_tokens(j);
    if (tl_json_is(&j->json, "model"))
        return tl_tokenizer_json_model(j);
    return tl_json_skip(&j->json);
}

static int find_unknown(struct tl_tokenizer_json *j)
{
    if (!j->unknown.len)
        return 0;
    j->tokenizer->unknown = tl_vocab_find(&j->tokenizer->vocab, j->unknown.data, j->unknown.len);
    return j->tokenizer->unknown >= 0 ? 0 :
           tl_fail(TL_E_FILE, "%s: model.unk_token '%.40s' is no token", j->where, j->unknown.data);
}

static int build(struct tl_tokenizer_json *j)
{
    int r = tl_json_next(&j->json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_json_fail(&j->json, "an object");
    while (r >= 0 && (r = tl_json_next(&j->json)) == TL_JSON_KEY)
        r = read_member(j);
    if (r < 0 || (r = tl_json_next(&j->json)) < 0)
        return r;
    if (!j->has_vocab)
        return tl_fail(TL_E_FILE, "%s: model.vocab is missing", j->where);
    for (uint32_t i = 0; i < j->n_added; i++)
        if ((r = name_added(j, &j->added[i])) < 0)
            return r;
    if ((r = find_unknown(j)) < 0 || (r = tl_tokenizer_json_normalizer(j)) < 0 || (r = tl_tokenizer_json_pre_tokenizer(j)) < 0 ||
        (r = tl_tokenizer_json_decoder(j)) < 0 || (r = tl_tokenizer_json_post_processor(j)) < 0)
        return r;
    tl_tokenizer_find_ends(j->tokenizer);
    return match_all_added(j);
}

int tl_tokenizer_build_text(struct tl_tokenizer *tokenizer, const char *where, const char *json, size_t n_bytes)
{
    struct tl_tokenizer_json j = {.tokenizer = tokenizer, .where = where};
    tl_json_init(&j.json, where, json, n_bytes);
    tl_buffer_init(&j.added_text, UINT32_MAX / 2);
    tl_buffer_init(&j.unknown, TL_TOKEN_MAX_BYTES);
    int r = build(&j);
    tl_json_done(&j.json);
    tl_json_tree_done(&j.normalizer);
    tl_json_tree_done(&j.pre_tokenizer);
    tl_json_tree_done(&j.post_processor);
    tl_json_tree_done(&j.decoder);
    tl_buffer_done(&j.added_text);
    tl_buffer_done(&j.unknown);
    tl_free(j.added);
    return r;
}

int tl_tokenizer_build_json(struct tl_tokenizer *tokenizer, struct tl_modelfile *file)
{
    char where[256];
    const char *text = NULL;
    size_t n = 0;
    int r = tl_modelfile_tokenizer_json(file, &text, &n);
    if (r < 0)
        return r;
    if (!text)
        return tl_fail(TL_E_FILE, "%s: tokenizer.json is missing", tl_modelfile_path(file));
    snprintf(where, sizeof where, "%.220s/tokenizer.json", tl_modelfile_path(file));
    r = tl_tokenizer_build_text(tokenizer, where, text, n);
    tl_modelfile_drop_tokenizer_json(file);
    return r < 0 ? r : tl_tokenizer_read_config(tokenizer, file);
}
