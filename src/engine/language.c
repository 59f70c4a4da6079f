/* SPDX-License-Identifier: MIT */
/* Compiled grammars by the digest of their text, the latest used first to stay; those in use always do. */
#include "engine/language.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

enum { KEPT = 32 };

struct entry {
    uint8_t digest[TL_SHA256_BYTES];
    struct tl_grammar *grammar;
    uint32_t users;
    struct entry *next;                  /* used less lately */
};

struct tl_languages {
    pthread_mutex_t lock;
    const struct tl_turn_family *family;
    struct tl_trie *trie;
    struct entry *first;
};

int tl_languages_new(struct tl_engine *engine)
{
    const char *template_text = NULL;
    size_t n_bytes;
    int status = tl_meta_string(engine->file, "tokenizer.chat_template", &template_text, &n_bytes);
    if (status < 0)
        return status;
    struct tl_languages *languages = tl_alloc(1, sizeof(*languages));
    if (!languages)
        return TL_E_NOMEM;
    TL_AUTO char *text = status > 0 ? tl_strndup(template_text, n_bytes) : NULL;
    if (status > 0 && !text) {
        tl_free(languages);
        return TL_E_NOMEM;
    }
    pthread_mutex_init(&languages->lock, NULL);
    languages->family = tl_turn_family_of(text, engine->tokenizer);
    engine->languages = languages;
    return 0;
}

static void drop(struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    tl_grammar_free(entry->grammar);
    tl_free(entry);
}

void tl_languages_free(struct tl_engine *engine)
{
    struct tl_languages *languages = engine->languages;
    if (!languages)
        return;
    while (languages->first)
        drop(&languages->first);
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

/* Moves it to the front, and takes it. */
static const struct tl_grammar *find(struct tl_languages *languages, const uint8_t digest[TL_SHA256_BYTES])
{
    for (struct entry **at = &languages->first; *at; at = &(*at)->next) {
        struct entry *entry = *at;
        if (memcmp(entry->digest, digest, TL_SHA256_BYTES) != 0)
            continue;
        *at = entry->next;
        entry->next = languages->first;
        languages->first = entry;
        entry->users++;
        return entry->grammar;
    }
    return NULL;
}

static void forget(struct tl_languages *languages)
{
    uint32_t n = 0;
    for (struct entry **at = &languages->first; *at;) {
        if (++n > KEPT && !(*at)->users)
            drop(at);
        else
            at = &(*at)->next;
    }
}

static int compile(enum tl_language_kind kind, const char *where, const char *text, size_t n_bytes, struct tl_grammar **ret_grammar)
{
    switch (kind) {
    case TL_LANGUAGE_GBNF:   return tl_grammar_from_gbnf(where, text, n_bytes, ret_grammar);
    case TL_LANGUAGE_SCHEMA: return tl_grammar_from_schema(where, text, n_bytes, 0, ret_grammar);
    default:                 return tl_grammar_any_json(ret_grammar);
    }
}

/* Compiled without the lock: others go on, and where two compile the same one, both are kept for a while. */
static int add(struct tl_languages *languages, enum tl_language_kind kind, const char *where, const char *text, size_t n_bytes, struct entry *take_entry,
               const struct tl_grammar **ret_grammar)
{
    int status = compile(kind, where, text, n_bytes, &take_entry->grammar);
    if (status < 0) {
        tl_free(take_entry);
        return status;
    }
    *ret_grammar = take_entry->grammar;
    pthread_mutex_lock(&languages->lock);
    take_entry->next = languages->first;
    languages->first = take_entry;
    forget(languages);
    pthread_mutex_unlock(&languages->lock);
    return 0;
}

int tl_language_take(const struct tl_engine *engine, enum tl_language_kind kind, const char *where, const char *text, size_t n_bytes,
                     const struct tl_grammar **ret_grammar)
{
    struct tl_languages *languages = engine->languages;
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES], byte = (uint8_t)kind;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, &byte, 1);
    tl_sha256_add(&sha, text ? text : "", n_bytes);
    tl_sha256_end(&sha, digest);
    pthread_mutex_lock(&languages->lock);
    const struct tl_grammar *found = find(languages, digest);
    pthread_mutex_unlock(&languages->lock);
    if (found) {
        *ret_grammar = found;
        return 0;
    }
    struct entry *entry = tl_alloc(1, sizeof(*entry));
    if (!entry)
        return TL_E_NOMEM;
    memcpy(entry->digest, digest, sizeof(digest));
    entry->users = 1;
    return add(languages, kind, where, text, n_bytes, entry, ret_grammar);
}

void tl_language_give_back(const struct tl_engine *engine, const struct tl_grammar *grammar)
{
    struct tl_languages *languages = engine->languages;
    if (!grammar)
        return;
    pthread_mutex_lock(&languages->lock);
    for (struct entry *entry = languages->first; entry; entry = entry->next)
        entry->users -= entry->grammar == grammar;
    forget(languages);
    pthread_mutex_unlock(&languages->lock);
}

int tl_language_turn(const struct tl_engine *engine, const int32_t *prompt, size_t n_prompt, const struct tl_grammar *content, uint32_t think_tokens,
                     struct tl_turn **ret_turn)
{
    struct tl_turn_how how = {.family = engine->languages->family, .tokenizer = engine->tokenizer, .choice = TL_TOOLS_NONE, .content = content,
                              .prompt = prompt, .n_prompt = n_prompt, .think_tokens = think_tokens};
    int status = tl_language_trie(engine, &how.trie);
    return status < 0 ? status : tl_turn_new(&how, ret_turn);
}
