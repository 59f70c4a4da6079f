/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4) for identities, and a fast 64-bit hash for tables in memory (never stored). */
#ifndef TL_BASE_HASH_H
#define TL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { TL_SHA256_BYTES = 32 };

struct tl_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64];
};

void tl_sha256_init(struct tl_sha256 *sha);
void tl_sha256_add(struct tl_sha256 *sha, const void *bytes, size_t n_bytes);
void tl_sha256_end(struct tl_sha256 *sha, uint8_t ret_digest[TL_SHA256_BYTES]);
void tl_sha256_of(const void *bytes, size_t n_bytes, uint8_t ret_digest[TL_SHA256_BYTES]);      /* the three in one */
void tl_sha256_hex(const uint8_t digest[TL_SHA256_BYTES], char ret_text[2 * TL_SHA256_BYTES + 1]);

/* The same on every machine. `seed` may come from outside where keys do, so that nobody can prepare collisions. */
uint64_t tl_hash_bytes(const void *bytes, size_t n_bytes, uint64_t seed);

#endif
