/* SPDX-License-Identifier: MIT */
/* Philox4x32-10: 128 random bits as a function of a counter and a key (Salmon, Moraes, Dror, Shaw: Parallel random
 * numbers: as easy as 1, 2, 3; SC 2011). */
#ifndef TL_TEXT_RANDOM_H
#define TL_TEXT_RANDOM_H

#include <stdint.h>

void tl_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_words[4]);

#endif
