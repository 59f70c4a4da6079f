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
                token.at = (uint32_t)j->added.text.len;
                token.n_bytes = (uint32_t)j->json.string.len;
                r = tl_buffer_append(&j->added.text, j->json.string.data, j->json.string.len);
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
        return tl_fail(TL_E_FILE, "%s: added token %" PRIu32 " lacks its id or content", j->where, j->added.count);
    return tl_tokenizer_added_put(&j->added, &token);
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
    if ((r = tl_tokenizer_added_name(&j->added, j->tokenizer, j->where, (uint64_t)(j->json.end - j->json.text))) < 0 ||
        (r = find_unknown(j)) < 0 || (r = tl_tokenizer_json_normalizer(j)) < 0 || (r = tl_tokenizer_json_pre_tokenizer(j)) < 0 ||
        (r = tl_tokenizer_json_decoder(j)) < 0 || (r = tl_tokenizer_json_post_processor(j)) < 0)
        return r;
    tl_tokenizer_find_ends(j->tokenizer);
    return tl_tokenizer_added_match(&j->added, j->tokenizer);
}

int tl_tokenizer_build_text(struct tl_tokenizer *tokenizer, const char *where, const char *json, size_t n_bytes)
{
    struct tl_tokenizer_json j = {.tokenizer = tokenizer, .where = where};
    tl_json_init(&j.json, where, json, n_bytes);
    tl_tokenizer_added_init(&j.added);
    tl_buffer_init(&j.unknown, TL_TOKEN_MAX_BYTES);
    int r = build(&j);
    tl_json_done(&j.json);
    tl_json_tree_done(&j.normalizer);
    tl_json_tree_done(&j.pre_tokenizer);
    tl_json_tree_done(&j.post_processor);
    tl_json_tree_done(&j.decoder);
    tl_tokenizer_added_done(&j.added);
    tl_buffer_done(&j.unknown);
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
        return tl_tokenizer_build_tiktoken(tokenizer, file);
    snprintf(where, sizeof where, "%.220s/tokenizer.json", tl_modelfile_path(file));
    r = tl_tokenizer_build_text(tokenizer, where, text, n);
    tl_modelfile_drop_tokenizer_json(file);
    return r < 0 ? r : tl_tokenizer_read_config(tokenizer, file);
}
