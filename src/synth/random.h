/* SPDX-License-Identifier: MIT */
/* Philox4x64-10: 256 random bits as a function of a counter and a key (Salmon, Moraes, Dror, Shaw: Parallel random numbers:
 * as easy as 1, 2, 3; SC 2011). Any part of a stream can be made by any thread. Private to this room. */
#ifndef TL_SYNTH_RANDOM_H
#define TL_SYNTH_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct tl_stream_key { uint64_t seed, stream; };

enum { TL_RANDOM_UNIT = 32 };            /* bytes that one counter gives */

/* Bytes [from, from + n_bytes) of a stream; both multiples of the unit. */
void tl_random_bytes(struct tl_stream_key key, uint64_t from, void *ret_bytes, size_t n_bytes);

/* A number in (0, 1), the index-th of a stream. */
double tl_random_number(struct tl_stream_key key, uint64_t index);

#endif
