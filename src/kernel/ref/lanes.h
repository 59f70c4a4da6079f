/* SPDX-License-Identifier: MIT */
/* One lane: the operations that math.h is written in, on a single float. */
#ifndef TL_KERNEL_REF_LANES_H
#define TL_KERNEL_REF_LANES_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct lanes { float v; };
struct lanes_mask { bool on; };

static inline uint32_t lanes_bits(struct lanes x)
{
    union { float f; uint32_t u; } bits = { .f = x.v };
    return bits.u;
}

static inline struct lanes lanes_from_bits(uint32_t u)
{
    union { uint32_t u; float f; } bits = { .u = u };
    return (struct lanes){ bits.f };
}

static inline struct lanes lanes_set(float value) { return (struct lanes){ value }; }
static inline struct lanes lanes_add(struct lanes a, struct lanes b) { return (struct lanes){ a.v + b.v }; }
static inline struct lanes lanes_sub(struct lanes a, struct lanes b) { return (struct lanes){ a.v - b.v }; }
static inline struct lanes lanes_mul(struct lanes a, struct lanes b) { return (struct lanes){ a.v * b.v }; }
static inline struct lanes lanes_div(struct lanes a, struct lanes b) { return (struct lanes){ a.v / b.v }; }
static inline struct lanes lanes_fma(struct lanes a, struct lanes b, struct lanes c)
{
    return (struct lanes){ fmaf(a.v, b.v, c.v) };
}
static inline struct lanes lanes_abs(struct lanes x) { return lanes_from_bits(lanes_bits(x) & 0x7fffffffu); }
static inline struct lanes lanes_copysign(struct lanes size, struct lanes sign)
{
    return lanes_from_bits((lanes_bits(size) & 0x7fffffffu) | (lanes_bits(sign) & 0x80000000u));
}
static inline struct lanes_mask lanes_greater(struct lanes a, struct lanes b) { return (struct lanes_mask){ a.v > b.v }; }
static inline struct lanes_mask lanes_less(struct lanes a, struct lanes b) { return (struct lanes_mask){ a.v < b.v }; }
static inline struct lanes_mask lanes_unordered(struct lanes x) { return (struct lanes_mask){ x.v != x.v }; }
static inline struct lanes lanes_select(struct lanes_mask mask, struct lanes yes, struct lanes no)
{
    return mask.on ? yes : no;
}
static inline struct lanes lanes_raise(struct lanes value, struct lanes count)
{
    return lanes_from_bits(lanes_bits(value) + (lanes_bits(count) << 23));
}

#endif
