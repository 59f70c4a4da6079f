/* SPDX-License-Identifier: MIT */
/* Private to this room: the architecture names that rows of isa.def use. */
#ifndef TL_KERNEL_ARCH_H
#define TL_KERNEL_ARCH_H

#if defined(__x86_64__)
#define TL_X86 1
#else
#define TL_X86 0
#endif

#if defined(__aarch64__)
#define TL_ARM64 1
#else
#define TL_ARM64 0
#endif

#endif
