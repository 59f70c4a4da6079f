/* SPDX-License-Identifier: MIT */
/* What a hub says of a file's content: SHA-256 of its bytes, or, of small files, git's name of a blob: SHA-1 (FIPS 180-4) of
 * "blob SIZE", a zero byte, and its bytes. SHA-1 guards against accidents only. */
#ifndef TL_PULL_GITID_H
#define TL_PULL_GITID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum { TL_SHA1_BYTES = 20, TL_CONTENT_HEX = 2 * TL_SHA256_BYTES };

struct tl_sha1 { uint32_t state[5]; uint64_t n_bytes; uint8_t block[64]; };

void tl_sha1_init(struct tl_sha1 *sha);
void tl_sha1_add(struct tl_sha1 *sha, const void *bytes, size_t n_bytes);
void tl_sha1_end(struct tl_sha1 *sha, uint8_t ret_digest[TL_SHA1_BYTES]);

/* Either of them, by the length of what is expected. */
struct tl_content { bool git; struct tl_sha1 sha1; struct tl_sha256 sha256; };

bool tl_content_is_hash(const char *expected);                        /* 40 or 64 digits */
void tl_content_init(struct tl_content *content, const char *expected, uint64_t size);
void tl_content_add(struct tl_content *content, const void *bytes, size_t n_bytes);
void tl_content_end(struct tl_content *content, char ret_hex[TL_CONTENT_HEX + 1]);

#endif
