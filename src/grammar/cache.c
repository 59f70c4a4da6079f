/* SPDX-License-Identifier: MIT */
/* A list, the grammar used last in front. What two threads compile at once is there twice until the older one is forgotten. */
#include "grammar/cache.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/grammar_private.h"

enum { KEPT = 512, KEPT_BYTES = 64 << 20 };

struct entry {
    uint8_t key[TL_SHA256_BYTES];
    struct tl_grammar *grammar;
    uint64_t n_bytes;
    uint32_t users;
    uint32_t least;                      /* tokens of its shortest text, + 1; 0: not measured */
    struct entry *next;                  /* used less lately */
};

struct tl_grammar_cache {
    pthread_mutex_t lock;
    struct entry *first;
};

int tl_grammar_cache_new(struct tl_grammar_cache **ret_cache)
{
    struct tl_grammar_cache *cache = tl_alloc(1, sizeof *cache);
    if (!cache)
        return TL_E_NOMEM;
    pthread_mutex_init(&cache->lock, NULL);
    *ret_cache = cache;
    return 0;
}

static void drop(struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    tl_grammar_free(entry->grammar);
    tl_free(entry);
}

void tl_grammar_cache_free(struct tl_grammar_cache *cache)
{
    if (!cache)
        return;
    while (cache->first)
        drop(&cache->first);
    pthread_mutex_destroy(&cache->lock);
    tl_free(cache);
}

/* --- under the lock --------------------------------------------------------------------------------------------------------- */

static void put_first(struct tl_grammar_cache *cache, struct entry *entry)
{
    entry->next = cache->first;
    cache->first = entry;
    entry->users++;
}

static struct entry *find(struct tl_grammar_cache *cache, const uint8_t key[TL_SHA256_BYTES])
{
    struct entry **at = &cache->first, *entry;
    while (*at && memcmp((*at)->key, key, TL_SHA256_BYTES) != 0)
        at = &(*at)->next;
    if ((entry = *at)) {
        *at = entry->next;
        put_first(cache, entry);
    }
    return entry;
}

static void forget(struct tl_grammar_cache *cache)
{
    uint64_t n = 0, n_bytes = 0;
    for (struct entry **at = &cache->first; *at;) {
        n_bytes += (*at)->n_bytes;
        if ((++n > KEPT || n_bytes > KEPT_BYTES) && !(*at)->users)
            drop(at);
        else
            at = &(*at)->next;
    }
}

/* --- grammars --------------------------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct tl_grammar *grammar)
{
    return grammar->node_cap * (sizeof *grammar->node + sizeof *grammar->least) + grammar->edge_cap * sizeof *grammar->edge +
           grammar->target_cap * sizeof *grammar->target + grammar->rule_cap * sizeof *grammar->rule + grammar->names.cap;
}

int tl_grammar_cache_take(struct tl_grammar_cache *cache, const uint8_t key[TL_SHA256_BYTES],
                          int (*make)(const void *context, struct tl_grammar **ret_grammar), const void *context,
                          const struct tl_grammar **ret_grammar)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key);
    pthread_mutex_unlock(&cache->lock);
    if (!entry) {
        if (!(entry = tl_alloc(1, sizeof *entry)))
            return TL_E_NOMEM;
        int status = make(context, &entry->grammar);
        if (status < 0) {
            tl_free(entry);
            return status;
        }
        memcpy(entry->key, key, TL_SHA256_BYTES);
        entry->n_bytes = bytes_of(entry->grammar);
        pthread_mutex_lock(&cache->lock);
        put_first(cache, entry);
        forget(cache);
        pthread_mutex_unlock(&cache->lock);
    }
    *ret_grammar = entry->grammar;
    return 0;
}

/* Whoever has the grammar has kept its entry. */
static struct entry *entry_of(struct tl_grammar_cache *cache, const struct tl_grammar *grammar)
{
    struct entry *entry = cache->first;
    while (entry->grammar != grammar)
        entry = entry->next;
    return entry;
}

int tl_grammar_cache_least(struct tl_grammar_cache *cache, const struct tl_grammar *grammar, const struct tl_trie *trie, uint32_t *ret_least)
{
    struct tl_matcher *matcher;
    pthread_mutex_lock(&cache->lock);
    uint32_t least = entry_of(cache, grammar)->least;
    pthread_mutex_unlock(&cache->lock);
    if (least == 0) {
        int r = tl_matcher_new(grammar, trie, &matcher);
        if (r < 0)
            return r;
        least = tl_matcher_least(matcher);
        tl_matcher_free(matcher);
        if (least == UINT32_MAX)
            return TL_E_NOMEM;
        least++;
        pthread_mutex_lock(&cache->lock);
        entry_of(cache, grammar)->least = least;
        pthread_mutex_unlock(&cache->lock);
    }
    *ret_least = least - 1;
    return 0;
}

void tl_grammar_cache_give_back(struct tl_grammar_cache *cache, const struct tl_grammar *grammar)
{
    if (!grammar)
        return;
    pthread_mutex_lock(&cache->lock);
    entry_of(cache, grammar)->users--;
    forget(cache);
    pthread_mutex_unlock(&cache->lock);
}
