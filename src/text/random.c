/* SPDX-License-Identifier: MIT */
/* Random numbers without a state: the seed is the key, where and what for is the counter. */
#include "text/random.h"

#include "text/sampler.h"

enum { ROUNDS = 10 };

void tl_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_words[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t a = (uint64_t)0xD2511F53 * c0, b = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    ret_words[0] = c0;
    ret_words[1] = c1;
    ret_words[2] = c2;
    ret_words[3] = c3;
}

/* Positions and choices below 2^48 all have counters of their own. */
double tl_random_uniform(uint64_t seed, uint64_t choice, uint64_t position, uint32_t draw)
{
    const uint32_t counter[4] = {draw, (uint32_t)position, (uint32_t)choice,
                                 (uint32_t)(position >> 32 & 0xFFFF) | (uint32_t)(choice >> 32 & 0xFFFF) << 16};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    tl_random_philox(counter, key, words);
    return ((double)(words[0] >> 5) * 0x1p26 + (double)(words[1] >> 6)) * 0x1p-53;
}
