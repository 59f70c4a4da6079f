/* SPDX-License-Identifier: MIT */
/* A vocabulary: ids, names, kinds, and the bytes that each token stands for.
 *
 * Names live in one arena and are found through one hash table whose probe chains are bounded, so that a hostile
 * vocabulary is refused instead of being slow. Ids need not come in order; an id that was never given is unused. */
#ifndef TL_TEXT_VOCAB_H
#define TL_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TL_TOKEN_MAX_BYTES = 16384, TL_VOCAB_MAX = 1 << 24 };

/* Values of tokenizer.ggml.token_type. */
enum tl_token_kind {
    TL_TOKEN_UNDEFINED = 0, TL_TOKEN_NORMAL = 1, TL_TOKEN_UNKNOWN = 2, TL_TOKEN_CONTROL = 3, TL_TOKEN_USER = 4,
    TL_TOKEN_UNUSED = 5, TL_TOKEN_BYTE = 6,
};

struct tl_span { uint32_t at, n_bytes; };

struct tl_vocab {
    uint32_t count, capacity;            /* ids are below count */
    struct tl_span *name, *piece;        /* [count], into names and pieces; piece only once built */
    uint8_t *kind;                       /* [count] */
    struct tl_buffer names, pieces;      /* every name is NUL-terminated */
    struct tl_slot { uint32_t tag, id; } *slot;      /* [n_slots]; id UINT32_MAX: free */
    uint32_t n_slots, n_used;
    uint64_t seed;
    uint32_t longest;                    /* bytes of the longest name that text can become */
};

void tl_vocab_init(struct tl_vocab *vocab);
void tl_vocab_done(struct tl_vocab *vocab);
int tl_vocab_reserve(struct tl_vocab *vocab, uint32_t count, uint64_t name_bytes);
/* Fails where the id has a name or the name an id already, with both, as "WHERE: ...". An empty name only takes the id. */
int tl_vocab_add(struct tl_vocab *vocab, const char *where, uint32_t id, const char *name, size_t n_bytes,
                 enum tl_token_kind kind);
/* The id of a name of any kind, or -1. */
int32_t tl_vocab_find(const struct tl_vocab *vocab, const char *name, size_t n_bytes);

/* Many at once: memory is asked for ahead, which is several times faster in a large vocabulary. */
struct tl_text { const char *bytes; size_t n_bytes; };
void tl_vocab_find_many(const struct tl_vocab *vocab, const struct tl_text *names, size_t count, int32_t *ret_ids);
/* This name is about to be added. */
void tl_vocab_expect(const struct tl_vocab *vocab, const char *name, size_t n_bytes);

static inline const char *tl_vocab_name(const struct tl_vocab *vocab, uint32_t id)
{
    return vocab->names.data + vocab->name[id].at;
}

/* May running text become this token by merging (and not only by its name)? */
static inline bool tl_vocab_plain(const struct tl_vocab *vocab, int32_t id)
{
    return id >= 0 && vocab->kind[id] <= TL_TOKEN_NORMAL;
}

/* How names spell bytes. */
enum tl_spelling {
    TL_SPELLING_BYTES,       /* the 256 characters of byte-level BPE */
    TL_SPELLING_BLANKS,      /* U+2581 for a blank, <0x0A> for a byte */
    TL_SPELLING_PLAIN,       /* as they are, <0x0A> for a byte */
};
int tl_vocab_build_pieces(struct tl_vocab *vocab, enum tl_spelling spelling);
int tl_vocab_spelled_byte(const char *name, size_t n_bytes);          /* the byte of a name like <0x0A>, or -1 */
/* ret_ids[256]: the plain or byte token that stands for exactly this byte, or -1. */
void tl_vocab_byte_ids(const struct tl_vocab *vocab, enum tl_spelling spelling, int32_t ret_ids[256]);

#endif
