/* SPDX-License-Identifier: MIT */
/* Pairs of ids in an open-addressed table, filled once. The rank of a merge is its place in the list. */
#include "text/merges.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { MAX_CHAIN = 256, MAX_SEEDS = 4 };

static int make_table(struct tl_merges *merges, uint32_t n_slots)
{
    struct tl_merge *slot = tl_alloc(n_slots, sizeof *slot);
    if (!slot)
        return TL_E_NOMEM;
    memset(slot, 0xFF, n_slots * sizeof *slot);
    *merges = (struct tl_merges){.slot = slot, .n_slots = n_slots};
    return 0;
}

int tl_merges_reserve(struct tl_merges *merges, uint64_t count)
{
    if (count > TL_MERGES_MAX)
        return tl_fail(TL_E_FILE, "merges: %llu of them, at most %d supported", (unsigned long long)count, TL_MERGES_MAX);
    return make_table(merges, (uint32_t)(count + count / 2 + 16));
}

void tl_merges_done(struct tl_merges *merges)
{
    tl_free(merges->slot);
    *merges = (struct tl_merges){0};
}

/* Multiply and fold (a 128-bit product's halves) mixes both ids into the upper bits. */
static uint32_t first_slot(const struct tl_merges *merges, int32_t left, int32_t right)
{
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) ^ merges->seed;
    unsigned __int128 product = (unsigned __int128)(key + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    uint32_t hash = (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product);
    return (uint32_t)(((uint64_t)hash * merges->n_slots) >> 32);
}

const struct tl_merge *tl_merges_find(const struct tl_merges *merges, int32_t left, int32_t right)
{
    uint32_t at = first_slot(merges, left, right);
    for (uint32_t i = 0; i < MAX_CHAIN; i++, at = at + 1 == merges->n_slots ? 0 : at + 1) {
        const struct tl_merge *merge = merges->slot + at;
        if (merge->left == left && merge->right == right)
            return merge;
        if (merge->left < 0)
            return NULL;
    }
    return NULL;
}

enum { PUT, TWICE, FULL };

static int put(struct tl_merges *merges, const struct tl_merge *merge)
{
    uint32_t at = first_slot(merges, merge->left, merge->right);
    for (uint32_t i = 0; i < MAX_CHAIN; i++, at = at + 1 == merges->n_slots ? 0 : at + 1) {
        struct tl_merge *slot = merges->slot + at;
        if (slot->left == merge->left && slot->right == merge->right)
            return TWICE;
        if (slot->left >= 0)
            continue;
        *slot = *merge;
        return PUT;
    }
    return FULL;
}

static int collide(const struct tl_merges *merges)
{
    return tl_fail(TL_E_FILE, "merges: too many of %u pairs collide in a hash table", merges->count);
}

/* Moves all pairs into a new table; another seed each time one does not fit. */
static int move(struct tl_merges *merges, uint32_t n_slots, uint64_t seed)
{
    struct tl_merges next = {0};
    for (int tries = 0; tries < MAX_SEEDS; tries++, seed += UINT64_C(0xa0761d6478bd642f)) {
        int r = make_table(&next, n_slots);
        if (r < 0)
            return r;
        next.seed = seed;
        next.count = merges->count;
        bool good = true;
        for (uint32_t i = 0; i < merges->n_slots && good; i++)
            good = merges->slot[i].left < 0 || put(&next, merges->slot + i) == PUT;
        if (good) {
            tl_merges_done(merges);
            *merges = next;
            return 0;
        }
        tl_merges_done(&next);
    }
    return collide(merges);
}

static int shown(struct tl_text name)
{
    return (int)(name.n_bytes < 40 ? name.n_bytes : 40);
}

static int missing(const struct tl_merges *merges, const char *where, struct tl_text name)
{
    return tl_fail(TL_E_FILE, "%s: merge %u names '%.*s', which is no token", where, merges->count, shown(name), name.bytes);
}

static int add(struct tl_merges *merges, const char *where, const struct tl_merge *merge, const struct tl_merge_text *text)
{
    if (merge->left < 0)
        return missing(merges, where, text->left);
    if (merge->right < 0)
        return missing(merges, where, text->right);
    if (merge->id < 0)
        return tl_fail(TL_E_FILE, "%s: merge %u makes '%.*s%.*s', which is no token", where, merges->count, shown(text->left),
                       text->left.bytes, shown(text->right), text->right.bytes);
    if (merges->count + merges->count / 2 + 16 > merges->n_slots) {
        int r = merges->count < TL_MERGES_MAX ? move(merges, 2 * merges->n_slots, merges->seed) : collide(merges);
        if (r < 0)
            return r;
    }
    for (int tries = 0; tries < MAX_SEEDS; tries++) {
        int done = put(merges, merge);
        if (done == TWICE)
            return tl_fail(TL_E_FILE, "%s: merge %u repeats '%.*s' + '%.*s'", where, merges->count, shown(text->left),
                           text->left.bytes, shown(text->right), text->right.bytes);
        if (done == PUT) {
            merges->count++;
            return 0;
        }
        int r = move(merges, merges->n_slots, merges->seed + UINT64_C(0xa0761d6478bd642f));
        if (r < 0)
            return r;
    }
    return collide(merges);
}

/* The concatenation at *at, which moves on; what is too long to be a token becomes an empty name. */
static struct tl_text join(const struct tl_merge_text *text, char **at, const char *end)
{
    size_t n = text->left.n_bytes + text->right.n_bytes;
    struct tl_text joined = {*at, n};
    if (n > (size_t)(end - *at))
        return (struct tl_text){*at, 0};
    memcpy(*at, text->left.bytes, text->left.n_bytes);
    memcpy(*at + text->left.n_bytes, text->right.bytes, text->right.n_bytes);
    *at += n;
    return joined;
}

static int add_group(struct tl_merges *merges, const struct tl_vocab *vocab, const char *where, const struct tl_merge_text *text,
                     size_t count, char *room, const char *end)
{
    struct tl_text names[3 * TL_MERGES_GROUP];
    int32_t ids[3 * TL_MERGES_GROUP];
    for (size_t i = 0; i < count; i++) {
        names[i] = text[i].left;
        names[count + i] = text[i].right;
        names[2 * count + i] = join(&text[i], &room, end);
    }
    tl_vocab_find_many(vocab, names, 3 * count, ids);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&merges->slot[first_slot(merges, ids[i], ids[count + i])], 1);
    for (size_t i = 0; i < count; i++) {
        struct tl_merge merge = {ids[i], ids[count + i], merges->count, ids[2 * count + i]};
        int r = add(merges, where, &merge, &text[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

int tl_merges_add(struct tl_merges *merges, const struct tl_vocab *vocab, const char *where, const struct tl_merge_text *text,
                  size_t count)
{
    char room[2 * TL_TOKEN_MAX_BYTES];
    for (size_t i = 0, n; i < count; i += n) {
        size_t bytes = 0;
        for (n = 0; i + n < count && n < TL_MERGES_GROUP; n++) {
            bytes += text[i + n].left.n_bytes + text[i + n].right.n_bytes;
            if (n > 0 && bytes > sizeof room)
                break;
        }
        int r = add_group(merges, vocab, where, text + i, n, room, room + sizeof room);
        if (r < 0)
            return r;
    }
    return 0;
}

void tl_merges_drop_control(struct tl_merges *merges, const struct tl_vocab *vocab)
{
    for (uint32_t i = 0; i < merges->n_slots; i++) {
        struct tl_merge *merge = merges->slot + i;
        if (merge->left >= 0 && (vocab->kind[merge->id] == TL_TOKEN_CONTROL || vocab->kind[merge->id] == TL_TOKEN_UNKNOWN))
            merge->right = -1;           /* taken still, and never found */
    }
}
