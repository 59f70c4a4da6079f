/* SPDX-License-Identifier: MIT */
/* Private to this room: what keeps vectors in registers where bodies are written once and made many times by constant
 * arguments: such functions are always inlined, and loops over arrays of vectors are always unrolled. */
#ifndef TL_KERNEL_INLINE_H
#define TL_KERNEL_INLINE_H

#define INLINE static inline __attribute__((always_inline))

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

#endif
