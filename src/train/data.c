/* SPDX-License-Identifier: MIT */
/* The corpus in memory: 4 bytes a token. Documents are shared out by their hash, laid behind each other, and cut every
 * `window` tokens, so that a window is the same in every pass; the order of windows is a permutation that is computed. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "train/data_impl.h"

/* --- adding ------------------------------------------------------------------------------------------------------- */

static uint64_t key_of(const int32_t *ids, uint64_t n)
{
    uint8_t digest[TL_SHA256_BYTES];
    uint64_t key = 0;
    tl_sha256_of(ids, n * sizeof(*ids), digest);
    for (int i = 0; i < 8; i++)
        key = key << 8 | digest[i];
    return key;
}

/* Texts without bits may stand before those with them. */
static int add_silent(struct tl_corpus *c, const uint8_t *silent, uint64_t n)
{
    uint64_t n_bytes = (c->n_ids + n) / 8 + 1, had = c->silent ? c->n_ids / 8 + 1 : 0;
    if (!silent && !c->silent)
        return 0;
    int status = tl_reserve((void **)&c->silent, n_bytes, &c->cap_silent, 1);
    if (status < 0)
        return status;
    memset(c->silent + had, 0, n_bytes - had);
    for (uint64_t i = 0; i < n && silent; i++)
        c->silent[(c->n_ids + i) / 8] |= (uint8_t)(!!silent[i] << (c->n_ids + i) % 8);
    return 0;
}

static int add_document(struct tl_corpus *c, const int32_t *ids, uint64_t n)
{
    int status = tl_reserve((void **)&c->starts, c->n_documents + 2, &c->cap_starts, sizeof(*c->starts));
    if (status >= 0)
        status = tl_reserve((void **)&c->keys, c->n_documents + 1, &c->cap_keys, sizeof(*c->keys));
    if (status < 0)
        return status;
    c->starts[0] = c->n_documents ? c->starts[0] : 0;
    c->keys[c->n_documents] = key_of(ids, n);
    c->n_documents++;
    c->starts[c->n_documents] = c->starts[c->n_documents - 1] + n;
    return 0;
}

int tl_corpus_add(struct tl_corpus *c, const int32_t *ids, const uint8_t *silent, uint64_t n, uint64_t most)
{
    int status = tl_reserve((void **)&c->ids, c->n_ids + n, &c->cap_ids, sizeof(*c->ids));
    if (status >= 0)
        status = add_silent(c, silent, n);
    if (status < 0 || !n)
        return status;
    memcpy(c->ids + c->n_ids, ids, n * sizeof(*ids));
    c->n_ids += n;
    for (uint64_t at = 0; at < n && status >= 0; at += most)
        status = add_document(c, ids + at, n - at < most ? n - at : most);
    return status;
}

/* --- sharing out -------------------------------------------------------------------------------------------------- */

static int new_side(struct tl_corpus_side *side, uint64_t n)
{
    side->document = tl_alloc(n + 1, sizeof(*side->document));
    side->from = tl_alloc(n + 1, sizeof(*side->from));
    return side->document && side->from ? 0 : TL_E_NOMEM;
}

/* Held out is what lies below a bound; of several documents at least one is on either side. */
static uint64_t bound_of(const struct tl_corpus *c, double share)
{
    uint64_t least = UINT64_MAX, most = 0, bound = share >= 1 ? UINT64_MAX : (uint64_t)(share * 0x1p64);
    if (share <= 0 || c->n_documents < 2)
        return 0;
    for (uint64_t i = 0; i < c->n_documents; i++) {
        least = c->keys[i] < least ? c->keys[i] : least;
        most = c->keys[i] > most ? c->keys[i] : most;
    }
    return bound <= least ? least + (least < most) : bound > most ? most : bound;
}

int tl_corpus_part(struct tl_corpus *c, double held_share)
{
    uint64_t bound = bound_of(c, held_share), n_held = 0;
    for (uint64_t i = 0; i < c->n_documents; i++)
        n_held += c->keys[i] < bound;
    int status = new_side(&c->side[0], c->n_documents - n_held);
    if (status >= 0)
        status = new_side(&c->side[1], n_held);
    for (uint64_t i = 0; i < c->n_documents && status >= 0; i++) {
        struct tl_corpus_side *side = &c->side[c->keys[i] < bound];
        side->document[side->n++] = i;
        side->from[side->n] = side->from[side->n - 1] + c->starts[i + 1] - c->starts[i];
    }
    c->counts.documents = c->n_documents;
    c->counts.held_documents = n_held;
    c->counts.tokens = c->n_ids;
    c->counts.bytes = tl_corpus_bytes(c);
    return status;
}

bool tl_corpus_is_held(const struct tl_corpus *c, uint64_t document)
{
    uint64_t low = 0, high = c->side[1].n;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (c->side[1].document[middle] < document)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->side[1].n && c->side[1].document[low] == document;
}

void tl_corpus_free(struct tl_corpus *c)
{
    if (!c)
        return;
    for (int i = 0; i < 2; i++) {
        tl_free(c->side[i].document);
        tl_free(c->side[i].from);
    }
    tl_free(c->ids);
    tl_free(c->silent);
    tl_free(c->starts);
    tl_free(c->keys);
    tl_free(c);
}

uint64_t tl_corpus_bytes(const struct tl_corpus *c)
{
    return c->cap_ids * sizeof(*c->ids) + c->cap_silent + (c->cap_starts + c->cap_keys + 2 * c->n_documents) * sizeof(uint64_t);
}

void tl_corpus_count(const struct tl_corpus *c, struct tl_corpus_counts *ret_counts) { *ret_counts = c->counts; }

uint64_t tl_corpus_tokens(const struct tl_corpus *c, bool held) { return c->side[held].from[c->side[held].n]; }

uint64_t tl_corpus_windows(const struct tl_corpus *c, bool held) { return (tl_corpus_tokens(c, held) + c->window - 1) / c->window; }

void tl_corpus_documents(const struct tl_corpus *c, const int32_t **ret_ids, const uint64_t **ret_starts, uint64_t *ret_n)
{
    *ret_ids = c->ids;
    *ret_starts = c->starts;
    *ret_n = c->n_documents;
}

void tl_corpus_digest(const struct tl_corpus *c, uint8_t ret[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    uint64_t facts[] = { c->window, c->n_ids, c->n_documents, c->side[1].n, c->silent != NULL };
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, facts, sizeof(facts));
    tl_sha256_add(&sha, c->ids, c->n_ids * sizeof(*c->ids));
    tl_sha256_add(&sha, c->starts, (c->n_documents + 1) * sizeof(*c->starts));
    tl_sha256_add(&sha, c->side[1].document, c->side[1].n * sizeof(*c->side[1].document));
    if (c->silent)
        tl_sha256_add(&sha, c->silent, c->n_ids / 8 + 1);
    tl_sha256_end(&sha, ret);
}

/* --- windows ------------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A permutation of [0, n): a balanced Feistel network (Luby and Rackoff 1988) over the least even number of bits, walked on
 * until it is back below n. */
static uint64_t shuffled(uint64_t seed, uint64_t pass, uint64_t n, uint64_t i)
{
    uint64_t key = mix(mix(seed + UINT64_C(0x9e3779b97f4a7c15)) + pass);
    unsigned half = 1;
    while (half < 32 && n > UINT64_C(1) << 2 * half)
        half++;
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 0; round < 6; round++) {
            uint64_t next = left ^ (mix(key + (round << 56) + right) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

/* The document of a side that holds its token `at`. */
static uint64_t find(const struct tl_corpus_side *side, uint64_t at)
{
    uint64_t low = 0, high = side->n;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (side->from[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool is_silent(const struct tl_corpus *c, uint64_t place) { return c->silent && (c->silent[place / 8] >> place % 8 & 1); }

struct row { int32_t *ids, *next; uint32_t *first; uint64_t *where; };

/* Token i of a window is token at + i of its side. */
static void fill(const struct tl_corpus *c, const struct tl_corpus_side *side, uint64_t at, struct row row)
{
    uint64_t end = side->from[side->n], document = find(side, at), i = 0;
    while (i < c->window && at + i < end) {
        uint64_t place = c->starts[side->document[document]] + at + i - side->from[document];
        uint64_t stop = c->starts[side->document[document] + 1];
        uint32_t first = (uint32_t)i;
        for (; i < c->window && place < stop; i++, place++) {
            row.ids[i] = c->ids[place];
            row.first[i] = first;
            row.next[i] = place + 1 < stop && !is_silent(c, place + 1) ? c->ids[place + 1] : -1;
            if (row.where)
                row.where[i] = place;
        }
        document++;
    }
    for (uint64_t rest = i; i < c->window; i++) {
        row.ids[i] = 0;
        row.first[i] = (uint32_t)rest;
        row.next[i] = -1;
        if (row.where)
            row.where[i] = UINT64_MAX;
    }
}

void tl_corpus_windows_at(const struct tl_corpus *c, bool held, uint64_t seed, uint64_t at, uint32_t n, int32_t *ret_ids,
                          uint32_t *ret_first, int32_t *ret_next, uint64_t *ret_where)
{
    const struct tl_corpus_side *side = &c->side[held];
    uint64_t in_pass = tl_corpus_windows(c, held);
    for (uint32_t k = 0; k < n; k++, at++) {
        uint64_t window = held ? at % in_pass : shuffled(seed, at / in_pass, in_pass, at % in_pass), to = (uint64_t)k * c->window;
        struct row row = { ret_ids + to, ret_next + to, ret_first + to, ret_where ? ret_where + to : NULL };
        fill(c, side, window * c->window, row);
    }
}
