/* SPDX-License-Identifier: MIT */
/* Names and ids, both ways, and the bytes of every token.
 *
 * The table is open-addressed with linear probing at two thirds full at most. A chain longer than MAX_CHAIN makes it
 * start again with another seed; when no seed helps, the names were made to collide and the vocabulary is refused. */
#include "text/vocab.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "text/bytelevel.h"

enum { MAX_CHAIN = 256, MAX_SEEDS = 4, GROUP = 64 };

void tl_vocab_init(struct tl_vocab *vocab)
{
    *vocab = (struct tl_vocab){0};
    tl_buffer_init(&vocab->names, UINT32_MAX - 1);
    tl_buffer_init(&vocab->pieces, UINT32_MAX - 1);
}

void tl_vocab_done(struct tl_vocab *vocab)
{
    tl_free(vocab->name);
    tl_free(vocab->piece);
    tl_free(vocab->kind);
    tl_free(vocab->slot);
    tl_buffer_done(&vocab->names);
    tl_buffer_done(&vocab->pieces);
    *vocab = (struct tl_vocab){0};
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static uint32_t first_slot(const struct tl_vocab *vocab, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * vocab->n_slots) >> 32);
}

static bool same_name(const struct tl_vocab *vocab, uint32_t id, const char *name, size_t n_bytes)
{
    return vocab->name[id].n_bytes == n_bytes && memcmp(tl_vocab_name(vocab, id), name, n_bytes) == 0;
}

/* Puts an id into the table; false where the chain gets too long. */
static bool put(struct tl_vocab *vocab, uint32_t id)
{
    uint64_t hash = tl_hash_bytes(tl_vocab_name(vocab, id), vocab->name[id].n_bytes, vocab->seed);
    uint32_t at = first_slot(vocab, hash);
    for (uint32_t i = 0; i < MAX_CHAIN; i++, at = at + 1 == vocab->n_slots ? 0 : at + 1) {
        if (vocab->slot[at].id != UINT32_MAX)
            continue;
        vocab->slot[at] = (struct tl_slot){.tag = (uint32_t)hash, .id = id};
        vocab->n_used++;
        return true;
    }
    return false;
}

static int refill(struct tl_vocab *vocab)
{
    for (int tries = 0; tries < MAX_SEEDS; tries++, vocab->seed++) {
        bool good = true;
        memset(vocab->slot, 0xFF, vocab->n_slots * sizeof *vocab->slot);
        vocab->n_used = 0;
        for (uint32_t id = 0; id < vocab->count && good; id++)
            good = vocab->name[id].n_bytes == 0 || put(vocab, id);
        if (good)
            return 0;
    }
    return tl_fail(TL_E_FILE, "vocabulary: too many of its %u names collide in a hash table", vocab->count);
}

static int resize_table(struct tl_vocab *vocab, uint32_t names)
{
    uint32_t wanted = names + names / 2 + 16;
    if (wanted <= vocab->n_slots)
        return 0;
    struct tl_slot *slot = tl_realloc(vocab->slot, wanted, sizeof *slot);
    if (!slot)
        return TL_E_NOMEM;
    vocab->slot = slot;
    vocab->n_slots = wanted;
    return refill(vocab);
}

static int32_t find(const struct tl_vocab *vocab, const char *name, size_t n_bytes, uint64_t hash)
{
    uint32_t at = first_slot(vocab, hash);
    for (uint32_t i = 0; i < MAX_CHAIN && vocab->slot[at].id != UINT32_MAX; i++, at = at + 1 == vocab->n_slots ? 0 : at + 1)
        if (vocab->slot[at].tag == (uint32_t)hash && same_name(vocab, vocab->slot[at].id, name, n_bytes))
            return (int32_t)vocab->slot[at].id;
    return -1;
}

int32_t tl_vocab_find(const struct tl_vocab *vocab, const char *name, size_t n_bytes)
{
    if (!vocab->n_slots || n_bytes == 0 || n_bytes > TL_TOKEN_MAX_BYTES)
        return -1;
    return find(vocab, name, n_bytes, tl_hash_bytes(name, n_bytes, vocab->seed));
}

/* Three passes over a group, each asking for what the next one reads: slot, place of the name, name. */
static void find_group(const struct tl_vocab *vocab, const struct tl_text *names, size_t count, int32_t *ret_ids)
{
    uint64_t hash[GROUP];
    for (size_t i = 0; i < count; i++) {
        hash[i] = tl_hash_bytes(names[i].bytes, names[i].n_bytes, vocab->seed);
        __builtin_prefetch(&vocab->slot[first_slot(vocab, hash[i])]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct tl_slot *slot = &vocab->slot[first_slot(vocab, hash[i])];
        ret_ids[i] = slot->tag == (uint32_t)hash[i] && slot->id != UINT32_MAX ? (int32_t)slot->id : -1;
        if (ret_ids[i] >= 0)
            __builtin_prefetch(&vocab->name[ret_ids[i]]);
    }
    for (size_t i = 0; i < count; i++)
        if (ret_ids[i] >= 0)
            __builtin_prefetch(tl_vocab_name(vocab, (uint32_t)ret_ids[i]));
    for (size_t i = 0; i < count; i++)
        ret_ids[i] = names[i].n_bytes ? find(vocab, names[i].bytes, names[i].n_bytes, hash[i]) : -1;
}

void tl_vocab_find_many(const struct tl_vocab *vocab, const struct tl_text *names, size_t count, int32_t *ret_ids)
{
    for (size_t i = 0; i < count; i += GROUP) {
        size_t n = count - i < GROUP ? count - i : GROUP;
        if (vocab->n_slots)
            find_group(vocab, names + i, n, ret_ids + i);
        else
            memset(ret_ids + i, 0xFF, n * sizeof *ret_ids);
    }
}

void tl_vocab_expect(const struct tl_vocab *vocab, const char *name, size_t n_bytes)
{
    if (vocab->n_slots)
        __builtin_prefetch(&vocab->slot[first_slot(vocab, tl_hash_bytes(name, n_bytes, vocab->seed))], 1);
}

/* --- adding ------------------------------------------------------------------------------------------------------- */

static int grow_arrays(struct tl_vocab *vocab, uint32_t capacity)
{
    if (capacity <= vocab->capacity)
        return 0;
    struct tl_span *name = tl_realloc(vocab->name, capacity, sizeof *name);
    if (!name)
        return TL_E_NOMEM;
    vocab->name = name;
    uint8_t *kind = tl_realloc(vocab->kind, capacity, sizeof *kind);
    if (!kind)
        return TL_E_NOMEM;
    vocab->kind = kind;
    vocab->capacity = capacity;
    return 0;
}

int tl_vocab_reserve(struct tl_vocab *vocab, uint32_t count, uint64_t name_bytes)
{
    uint64_t limit = vocab->names.limit;
    if (name_bytes > limit - count)
        return tl_fail(TL_E_FILE, "vocabulary: names of %llu bytes, at most %llu supported",
                       (unsigned long long)name_bytes, (unsigned long long)(limit - count));
    int r = grow_arrays(vocab, count);
    if (r < 0 || (r = resize_table(vocab, count)) < 0)
        return r;
    if (vocab->names.cap < name_bytes + count + 1) {
        char *data = tl_realloc(vocab->names.data, name_bytes + count + 1, 1);
        if (!data)
            return TL_E_NOMEM;
        vocab->names.data = data;
        vocab->names.cap = name_bytes + count + 1;
    }
    return 0;
}

/* Ids up to `id` come to exist, the new ones without a name. */
static int reach(struct tl_vocab *vocab, uint32_t id)
{
    if (id < vocab->count)
        return 0;
    int r = id < vocab->capacity ? 0 : grow_arrays(vocab, id + id / 2 + 256);
    if (r < 0)
        return r;
    for (; vocab->count <= id; vocab->count++) {
        vocab->name[vocab->count] = (struct tl_span){0};
        vocab->kind[vocab->count] = TL_TOKEN_UNUSED;
    }
    return 0;
}

int tl_vocab_add(struct tl_vocab *vocab, const char *where, uint32_t id, const char *name, size_t n_bytes,
                 enum tl_token_kind kind)
{
    int32_t twin = tl_vocab_find(vocab, name, n_bytes);
    if (twin >= 0)
        return tl_fail(TL_E_FILE, "%s: tokens %d and %u are both '%.40s'", where, twin, id, tl_vocab_name(vocab, (uint32_t)twin));
    if (n_bytes > TL_TOKEN_MAX_BYTES)
        return tl_fail(TL_E_FILE, "%s: token %u of %zu bytes, at most %d supported", where, id, n_bytes, TL_TOKEN_MAX_BYTES);
    int r = reach(vocab, id);
    if (r < 0)
        return r;
    if (vocab->name[id].n_bytes)
        return tl_fail(TL_E_FILE, "%s: id %u belongs to '%.40s' and to '%.*s'", where, id, tl_vocab_name(vocab, id),
                       (int)(n_bytes < 40 ? n_bytes : 40), name);
    uint32_t at = (uint32_t)vocab->names.len;
    tl_buffer_append(&vocab->names, name, n_bytes);
    if ((r = tl_buffer_append(&vocab->names, "", 1)) < 0)
        return r;
    vocab->kind[id] = (uint8_t)kind;
    vocab->name[id] = (struct tl_span){.at = at, .n_bytes = (uint32_t)n_bytes};
    if (n_bytes == 0)
        return 0;
    if (kind <= TL_TOKEN_NORMAL && n_bytes > vocab->longest)
        vocab->longest = (uint32_t)n_bytes;
    if ((vocab->n_used + 1) + (vocab->n_used + 1) / 2 > vocab->n_slots)
        return resize_table(vocab, 2 * (vocab->n_used + 1));
    return put(vocab, id) ? 0 : refill(vocab);
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tl_vocab_spelled_byte(const char *name, size_t n_bytes)
{
    if (n_bytes != 6 || memcmp(name, "<0x", 3) != 0 || name[5] != '>')
        return -1;
    int high = hex_digit(name[3]), low = hex_digit(name[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static size_t replace_blanks(const char *name, size_t n_bytes, char *ret_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; n++) {
        bool blank = n_bytes - i >= 3 && memcmp(name + i, "\xE2\x96\x81", 3) == 0;
        ret_bytes[n] = blank ? ' ' : name[i];
        i += blank ? 3 : 1;
    }
    return n;
}

/* Writes at most n_bytes bytes. */
static size_t write_piece(const char *name, size_t n_bytes, enum tl_token_kind kind, enum tl_spelling spelling, char *ret)
{
    int byte = kind == TL_TOKEN_BYTE ? tl_vocab_spelled_byte(name, n_bytes) : -1;
    if (byte >= 0) {
        *ret = (char)byte;
        return 1;
    }
    if (spelling == TL_SPELLING_BYTES && kind <= TL_TOKEN_NORMAL) {
        ptrdiff_t n = tl_bytelevel_unspell(name, n_bytes, ret);
        if (n >= 0)
            return (size_t)n;
    }
    if (spelling == TL_SPELLING_BLANKS)
        return replace_blanks(name, n_bytes, ret);
    memcpy(ret, name, n_bytes);
    return n_bytes;
}

int tl_vocab_build_pieces(struct tl_vocab *vocab, enum tl_spelling spelling)
{
    struct tl_span *piece = tl_alloc(vocab->count + 1, sizeof *piece);
    char *bytes = tl_alloc(vocab->names.len + 1, 1);
    if (!piece || !bytes) {
        tl_free(piece);
        tl_free(bytes);
        return TL_E_NOMEM;
    }
    size_t n = 0;
    for (uint32_t id = 0; id < vocab->count; id++) {
        size_t length = write_piece(tl_vocab_name(vocab, id), vocab->name[id].n_bytes, vocab->kind[id], spelling, bytes + n);
        piece[id] = (struct tl_span){.at = (uint32_t)n, .n_bytes = (uint32_t)length};
        n += length;
    }
    tl_free(vocab->piece);
    tl_buffer_done(&vocab->pieces);
    vocab->piece = piece;
    vocab->pieces = (struct tl_buffer){.data = bytes, .len = n, .cap = vocab->names.len + 1};
    return 0;
}

void tl_vocab_byte_ids(const struct tl_vocab *vocab, enum tl_spelling spelling, int32_t ret_ids[256])
{
    for (unsigned byte = 0; byte < 256; byte++) {
        static const char hex[] = "0123456789ABCDEF";
        char name[6] = {'<', '0', 'x', hex[byte >> 4], hex[byte & 15], '>'};
        size_t n = sizeof name;
        if (spelling == TL_SPELLING_BYTES)
            n = tl_bytelevel_spell(&(char){(char)byte}, 1, name);
        int32_t id = tl_vocab_find(vocab, name, n);
        bool fits = spelling == TL_SPELLING_BYTES ? tl_vocab_plain(vocab, id) : id >= 0 && vocab->kind[id] == TL_TOKEN_BYTE;
        ret_ids[byte] = fits ? id : -1;
    }
}
