/* SPDX-License-Identifier: MIT */
/* Private to this room: what every level of isa.def provides. A fill function is called once, with a copy of the table
 * of the level below, on a CPU that has the level's features; it overwrites the pointers that the level improves. */
#ifndef TL_KERNEL_FILL_H
#define TL_KERNEL_FILL_H

#include "kernel/kernel.h"

#define ISA(name, architecture, features, folder, flags) \
    void tl_kernel_fill_##name##_product(struct tl_kernel *kernel);     /* activations and matrix products */ \
    void tl_kernel_fill_##name##_vector(struct tl_kernel *kernel);      /* vectors, attend, delta */ \
    void tl_attend_##name(const struct tl_attend *attend); \
    void tl_delta_##name(const struct tl_delta *delta);
#include "kernel/isa.def"
#undef ISA

#endif
