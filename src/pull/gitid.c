/* SPDX-License-Identifier: MIT */
/* SHA-1 as FIPS 180-4 states it, and the choice between it and SHA-256. */
#include "pull/gitid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pull/name.h"

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t choose(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    return round == 0 ? (b & c) | (~b & d) : round == 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
}

static void add_block(uint32_t state[5], const uint8_t block[64])
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t t = rotate(a, 5) + choose(i / 20, b, c, d) + e + constants[i / 20] + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = t;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

void tl_sha1_init(struct tl_sha1 *sha)
{
    *sha = (struct tl_sha1){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

void tl_sha1_add(struct tl_sha1 *sha, const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;
    while (n_bytes > 0) {
        size_t used = sha->n_bytes % 64, n = 64 - used < n_bytes ? 64 - used : n_bytes;
        memcpy(sha->block + used, at, n);
        if (used + n == 64)
            add_block(sha->state, sha->block);
        sha->n_bytes += n;
        at += n;
        n_bytes -= n;
    }
}

void tl_sha1_end(struct tl_sha1 *sha, uint8_t ret_digest[TL_SHA1_BYTES])
{
    static const uint8_t padding[64] = {0x80};
    uint8_t length[8];
    uint64_t n_bits = sha->n_bytes * 8;
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    tl_sha1_add(sha, padding, (sha->n_bytes % 64 < 56 ? 56 : 120) - sha->n_bytes % 64);
    tl_sha1_add(sha, length, sizeof length);
    for (unsigned i = 0; i < TL_SHA1_BYTES; i++)
        ret_digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* --- contents ----------------------------------------------------------------------------------------------------- */

bool tl_content_is_hash(const char *expected)
{
    return tl_pull_is_hex(expected, 2 * TL_SHA1_BYTES) || tl_pull_is_hex(expected, TL_CONTENT_HEX);
}

void tl_content_init(struct tl_content *content, const char *expected, uint64_t size)
{
    content->git = strlen(expected) == 2 * TL_SHA1_BYTES;
    if (content->git) {
        char head[32];
        int n = snprintf(head, sizeof head, "blob %" PRIu64, size);
        tl_sha1_init(&content->sha1);
        tl_sha1_add(&content->sha1, head, (size_t)n + 1);
    } else {
        tl_sha256_init(&content->sha256);
    }
}

void tl_content_add(struct tl_content *content, const void *bytes, size_t n_bytes)
{
    if (content->git)
        tl_sha1_add(&content->sha1, bytes, n_bytes);
    else
        tl_sha256_add(&content->sha256, bytes, n_bytes);
}

void tl_content_end(struct tl_content *content, char ret_hex[TL_CONTENT_HEX + 1])
{
    uint8_t digest[TL_SHA256_BYTES];
    if (!content->git) {
        tl_sha256_end(&content->sha256, digest);
        tl_sha256_hex(digest, ret_hex);
        return;
    }
    tl_sha1_end(&content->sha1, digest);
    for (unsigned i = 0; i < TL_SHA1_BYTES; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}
