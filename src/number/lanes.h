/* SPDX-License-Identifier: MIT */
/* Private to this room: sixteen values at a time, for searches over codes. Sums run in the lanes and are folded at the end,
 * so that their order does not depend on the width of a CPU's vectors. */
#ifndef TL_NUMBER_LANES_H
#define TL_NUMBER_LANES_H

#include <stdint.h>
#include <string.h>

/* Compiled for wider vectors too; which runs is chosen when the program starts. The bits are the same: nothing is contracted. Not
 * under thread sanitizers, which would watch the choice before they have started themselves, and not by clang, which gives the
 * choice another name than the one that other files call. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define TL_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TL_WIDE
#endif

enum { TL_LANES = 16 };

typedef float tl_lanes __attribute__((vector_size(64)));
typedef int32_t tl_lane_masks __attribute__((vector_size(64)));

#define tl_lanes_load(from) ({ tl_lanes loaded_; memcpy(&loaded_, from, sizeof(loaded_)); loaded_; })
/* Where the mask is set the first, elsewhere the second. */
#define tl_lanes_select(mask, yes, no) ((tl_lanes)(((mask) & (tl_lane_masks)(yes)) | (~(mask) & (tl_lane_masks)(no))))
#define tl_lanes_of(value) ((value) - (tl_lanes){0})
#define tl_lanes_size(lanes) ((tl_lanes)((tl_lane_masks)(lanes) & 0x7fffffff))

/* Nearest integers within [low, high], halves to even, for |low| and |high| far below 2^22; NaN: low. All are lanes. */
#define tl_lanes_nearest(values, low, high)                                                                            \
    ({                                                                                                                 \
        const tl_lanes shift_ = tl_lanes_of(12582912.0f);                                                              \
        tl_lanes held_ = (values);                                                                                     \
        held_ = tl_lanes_select(held_ > (low), held_, (low));                                                          \
        held_ = tl_lanes_select(held_ < (high), held_, (high));                                                        \
        (held_ + shift_) - shift_;                                                                                     \
    })

/* Whole numbers 0 .. 255 as bytes. */
#define tl_lanes_store_bytes(numbers, to)                                                                              \
    do {                                                                                                               \
        typedef uint8_t bytes_ __attribute__((vector_size(TL_LANES)));                                                 \
        bytes_ stored_ = __builtin_convertvector(numbers, bytes_);                                                     \
        memcpy(to, &stored_, sizeof(stored_));                                                                         \
    } while (0)
#define tl_lanes_store_codes(codes, to) tl_lanes_store_bytes(__builtin_convertvector(codes, tl_lane_masks), to)

/* Lane i and i + 8, then i + 4, i + 2, i + 1. */
#define tl_lanes_fold(lanes)                                                                                           \
    ({                                                                                                                 \
        tl_lanes all_ = (lanes);                                                                                       \
        all_ += __builtin_shufflevector(all_, all_, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);              \
        all_ += __builtin_shufflevector(all_, all_, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);                    \
        all_ += __builtin_shufflevector(all_, all_, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);                    \
        all_[0] + all_[1];                                                                                             \
    })

#define tl_lanes_least(lanes)                                                                                          \
    ({                                                                                                                 \
        tl_lanes all_ = (lanes), other_;                                                                               \
        other_ = __builtin_shufflevector(all_, all_, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);             \
        all_ = tl_lanes_select(other_ < all_, other_, all_);                                                           \
        other_ = __builtin_shufflevector(all_, all_, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);                   \
        all_ = tl_lanes_select(other_ < all_, other_, all_);                                                           \
        other_ = __builtin_shufflevector(all_, all_, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);                   \
        all_ = tl_lanes_select(other_ < all_, other_, all_);                                                           \
        all_[1] < all_[0] ? all_[1] : all_[0];                                                                         \
    })

#endif
