/* SPDX-License-Identifier: MIT */
/* SHA-256 as FIPS 180-4 states it, by the CPU's own instructions where it has them and there is much to do; and a
 * multiply-and-shift hash over words of eight bytes. */
#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

enum { MANY_BLOCKS = 64 };           /* from here on it is worth asking what the CPU can do */

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void expand(const uint8_t block[64], uint32_t w[64])
{
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

/* One round; the eight variables take turns instead of moving. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                                                \
    do {                                                                                                                \
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];  \
        d += t1;                                                                                                        \
        h = t1 + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));                        \
    } while (0)

static void add_block(uint32_t state[8], const uint8_t block[64])
{
    uint32_t w[64];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    expand(block, w);
    for (unsigned i = 0; i < 64; i += 8) {
        ROUND(a, b, c, d, e, f, g, h, i);
        ROUND(h, a, b, c, d, e, f, g, i + 1);
        ROUND(g, h, a, b, c, d, e, f, i + 2);
        ROUND(f, g, h, a, b, c, d, e, i + 3);
        ROUND(e, f, g, h, a, b, c, d, i + 4);
        ROUND(d, e, f, g, h, a, b, c, i + 5);
        ROUND(c, d, e, f, g, h, a, b, i + 6);
        ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

/* CPUID leaf 7, EBX bit 29 (Intel's manual, volume 2); SSSE3 and SSE4.1 come with it. Under a hypervisor asking takes a microsecond. */
static bool has_instructions(void)
{
    uint32_t a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 29;
}

/* Four rounds an instruction pair, on (a, b, e, f) and (c, d, g, h); words of the schedule four at a time. */
__attribute__((target("sha,ssse3,sse4.1")))
static void add_blocks_by_instructions(uint32_t state[8], const uint8_t *blocks, size_t n_blocks)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    for (; n_blocks > 0; n_blocks--, blocks += 64) {
        __m128i w[16], first = abef, second = cdgh;
#pragma GCC unroll 16
        for (unsigned i = 0; i < 16; i++) {
            if (i < 4)
                w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), big_endian);
            else
                w[i] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[i - 4], w[i - 3]), _mm_alignr_epi8(w[i - 1], w[i - 2], 4)), w[i - 1]);
            __m128i sum = _mm_add_epi32(w[i], _mm_loadu_si128((const __m128i *)(round_constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
        }
        abef = _mm_add_epi32(abef, first);
        cdgh = _mm_add_epi32(cdgh, second);
    }
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

#else

static bool has_instructions(void) { return false; }
static void add_blocks_by_instructions(uint32_t state[8], const uint8_t *blocks, size_t n_blocks) { (void)state, (void)blocks, (void)n_blocks; }

#endif

static void add_blocks(uint32_t state[8], const uint8_t *blocks, size_t n_blocks)
{
    if (n_blocks >= MANY_BLOCKS && has_instructions()) {
        add_blocks_by_instructions(state, blocks, n_blocks);
        return;
    }
    for (; n_blocks > 0; n_blocks--, blocks += 64)
        add_block(state, blocks);
}

void tl_sha256_init(struct tl_sha256 *sha)
{
    *sha = (struct tl_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void tl_sha256_add(struct tl_sha256 *sha, const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;
    while (n_bytes > 0) {
        size_t used = sha->n_bytes % 64, n = 64 - used < n_bytes ? 64 - used : n_bytes;
        if (n == 64) {
            n = n_bytes / 64 * 64;
            add_blocks(sha->state, at, n / 64);
        } else {
            memcpy(sha->block + used, at, n);
            if (used + n == 64)
                add_block(sha->state, sha->block);
        }
        sha->n_bytes += n;
        at += n;
        n_bytes -= n;
    }
}

void tl_sha256_end(struct tl_sha256 *sha, uint8_t ret_digest[TL_SHA256_BYTES])
{
    static const uint8_t padding[64] = {0x80};
    uint8_t length[8];
    uint64_t n_bits = sha->n_bytes * 8;
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    tl_sha256_add(sha, padding, (sha->n_bytes % 64 < 56 ? 56 : 120) - sha->n_bytes % 64);
    tl_sha256_add(sha, length, sizeof length);
    for (unsigned i = 0; i < TL_SHA256_BYTES; i++)
        ret_digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

void tl_sha256_of(const void *bytes, size_t n_bytes, uint8_t ret_digest[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, bytes, n_bytes);
    tl_sha256_end(&sha, ret_digest);
}

void tl_sha256_hex(const uint8_t digest[TL_SHA256_BYTES], char ret_text[2 * TL_SHA256_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < TL_SHA256_BYTES; i++) {
        ret_text[2 * i] = digits[digest[i] >> 4];
        ret_text[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_text[2 * TL_SHA256_BYTES] = 0;
}

/* Folds the full product of two words: every input bit reaches every output bit. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xd1b54a32d192ed03));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const uint8_t *bytes, size_t n_bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n_bytes; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t tl_hash_bytes(const void *bytes, size_t n_bytes, uint64_t seed)
{
    const uint8_t *at = bytes;
    uint64_t hash = mix(seed, n_bytes);
    for (; n_bytes >= 8; at += 8, n_bytes -= 8)
        hash = mix(hash, load(at, 8));
    return mix(hash, load(at, n_bytes) ^ UINT64_C(0x243f6a8885a308d3));
}
