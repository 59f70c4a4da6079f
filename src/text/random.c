/* SPDX-License-Identifier: MIT */
/* Random numbers that are a function of (seed, choice, position, draw) alone: Philox4x32-10 (Salmon, Moraes, Dror and
 * Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). The seed is the key, the rest the counter. */
#include "text/random.h"
#include "text/sampler.h"

void tl_random_philox(uint32_t counter[4], const uint32_t key[2])
{
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)counter[0] * 0xD2511F53u, b = (uint64_t)counter[2] * 0xCD9E8D57u;
        uint32_t c1 = counter[1], c3 = counter[3];
        counter[0] = (uint32_t)(b >> 32) ^ c1 ^ k0;
        counter[1] = (uint32_t)b;
        counter[2] = (uint32_t)(a >> 32) ^ c3 ^ k1;
        counter[3] = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

double tl_random_uniform(uint64_t seed, uint64_t choice, uint64_t position, uint32_t draw)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), (uint32_t)choice, (uint32_t)(choice >> 32) ^ draw << 16};
    tl_random_philox(counter, key);
    return (double)(((uint64_t)counter[0] << 32 | counter[1]) >> 11) * 0x1p-53;
}
