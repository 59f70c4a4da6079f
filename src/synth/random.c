/* SPDX-License-Identifier: MIT */
/* The rounds of Philox4x64. */
#include "synth/random.h"

#include <string.h>

enum { ROUNDS = 10 };

static void philox(uint64_t counter, struct tl_stream_key key, uint64_t words[4])
{
    uint64_t c0 = counter, c1 = 0, c2 = 0, c3 = 0, k0 = key.seed, k1 = key.stream;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned __int128 a = (unsigned __int128)0xD2E7470EE14C6C93u * c0, b = (unsigned __int128)0xCA5A826395121157u * c2;
        c0 = (uint64_t)(b >> 64) ^ c1 ^ k0;
        c2 = (uint64_t)(a >> 64) ^ c3 ^ k1;
        c1 = (uint64_t)b;
        c3 = (uint64_t)a;
        k0 += 0x9E3779B97F4A7C15u;
        k1 += 0xBB67AE8584CAA73Bu;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

void tl_random_bytes(struct tl_stream_key key, uint64_t from, void *ret_bytes, size_t n_bytes)
{
    uint8_t *to = ret_bytes;
    for (size_t at = 0; at < n_bytes; at += TL_RANDOM_UNIT) {
        uint64_t words[4];
        philox((from + at) / TL_RANDOM_UNIT, key, words);
        memcpy(to + at, words, sizeof words);
    }
}

double tl_random_number(struct tl_stream_key key, uint64_t index)
{
    uint64_t words[4];
    philox(index, key, words);
    return ((double)(words[0] >> 11) + 0.5) * 0x1p-53;
}
