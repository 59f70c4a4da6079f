/* SPDX-License-Identifier: MIT */
/* The generator behind tl_random_uniform, for its known-answer test. */
#ifndef TL_TEXT_RANDOM_H
#define TL_TEXT_RANDOM_H

#include <stdint.h>

void tl_random_philox(uint32_t counter[4], const uint32_t key[2]);     /* ten rounds, in place */

#endif
