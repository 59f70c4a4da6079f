/* SPDX-License-Identifier: MIT */
/* What answers are bound to: made when it is needed, and kept. */
#include "engine/language.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

struct tl_languages {
    pthread_mutex_t lock;
    const struct tl_turn_family *family;
    struct tl_trie *trie;
    struct tl_grammar_cache *grammars;
};

int tl_languages_new(struct tl_engine *engine)
{
    const char *template_text = NULL;
    size_t n_bytes;
    int status = tl_meta_string(engine->file, "tokenizer.chat_template", &template_text, &n_bytes);
    if (status < 0)
        return status;
    TL_AUTO char *text = status > 0 ? tl_strndup(template_text, n_bytes) : NULL;
    struct tl_languages *languages = engine->languages = tl_alloc(1, sizeof(*languages));
    if (!languages || (status > 0 && !text))
        return TL_E_NOMEM;
    pthread_mutex_init(&languages->lock, NULL);
    languages->family = tl_turn_family_of(text, engine->tokenizer);
    return tl_grammar_cache_new(&languages->grammars);
}

void tl_languages_free(struct tl_engine *engine)
{
    struct tl_languages *languages = engine->languages;
    if (!languages)
        return;
    tl_grammar_cache_free(languages->grammars);
    tl_trie_free(languages->trie);
    pthread_mutex_destroy(&languages->lock);
    tl_free(languages);
    engine->languages = NULL;
}

const struct tl_turn_family *tl_language_family(const struct tl_engine *engine) { return engine->languages->family; }

int tl_language_trie(const struct tl_engine *engine, const struct tl_trie **ret_trie)
{
    struct tl_languages *languages = engine->languages;
    pthread_mutex_lock(&languages->lock);
    int status = languages->trie ? 0 : tl_trie_new(engine->tokenizer, &languages->trie);
    if (status >= 0)
        *ret_trie = languages->trie;
    pthread_mutex_unlock(&languages->lock);
    return status;
}

/* --- grammars --------------------------------------------------------------------------------------------------------------- */

struct source { enum tl_language_kind kind; const char *where, *text; size_t n_bytes; };

static int compile(const void *context, struct tl_grammar **ret_grammar)
{
    const struct source *from = context;
    switch (from->kind) {
    case TL_LANGUAGE_GBNF:   return tl_grammar_from_gbnf(from->where, from->text, from->n_bytes, ret_grammar);
    case TL_LANGUAGE_SCHEMA: return tl_grammar_from_schema(from->where, from->text, from->n_bytes, 0, ret_grammar);
    default:                 return tl_grammar_any_json(ret_grammar);
    }
}

int tl_language_take(const struct tl_engine *engine, enum tl_language_kind kind, const char *where, const char *text, size_t n_bytes,
                     const struct tl_grammar **ret_grammar)
{
    struct tl_sha256 sha;
    uint8_t key[TL_SHA256_BYTES], byte = (uint8_t)kind;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, &byte, 1);
    tl_sha256_add(&sha, text ? text : "", n_bytes);
    tl_sha256_end(&sha, key);
    return tl_grammar_cache_take(engine->languages->grammars, key, compile, &(struct source){kind, where, text, n_bytes}, ret_grammar);
}

void tl_language_give_back(const struct tl_engine *engine, const struct tl_grammar *grammar)
{
    tl_grammar_cache_give_back(engine->languages->grammars, grammar);
}

int tl_language_turn(const struct tl_engine *engine, struct tl_turn_how *how, struct tl_turn **ret_turn)
{
    how->family = engine->languages->family;
    how->tokenizer = engine->tokenizer;
    how->grammars = engine->languages->grammars;
    int status = tl_language_trie(engine, &how->trie);
    return status < 0 ? status : tl_turn_new(how, ret_turn);
}
