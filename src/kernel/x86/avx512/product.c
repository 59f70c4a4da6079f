/* SPDX-License-Identifier: MIT */
/* The AVX-512 level's activations and products: the bodies of q8_lanes.h and values_lanes.h on this level's registers.
 * vdpbf16ps is used where the CPU has it and it gives the bits of two fma, odd columns first. */
#include "kernel/x86/avx512/acts.h"
#include "kernel/x86/avx512/ints.h"
#include "kernel/x86/avx512/points.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "kernel/acts_lanes.h"
#include "kernel/fill.h"
#include "kernel/fp8_lanes.h"
#include "kernel/q8_lanes.h"
#include "kernel/values_lanes.h"

static void product_pairs(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    if (product->number->id == TL_NUMBER_FP8_B128)
        product_fp8(product, panel_from, panel_to, true);
    else
        values_product(product, panel_from, panel_to, VALUES_PAIRS, true);
}

/* A pair of halves without infinities and NaN. kind 1: exponents near 0, so that sums round; 2: products around the
 * least normal number; 3: subnormals. */
static uint32_t trial_pair(uint32_t random, int kind)
{
    if (kind == 1)
        random = (random & 0x83ff83ff) | 0x3c003c00;
    if (kind == 2)
        random = (random & 0x8fff8fff) | 0x10001000;
    if (kind == 3)
        random &= random >> 3 & 1 ? 0x80ff80ff : 0xbfffbfff;
    random &= (random & 0x7f80) == 0x7f80 ? 0xffffbfff : 0xffffffff;
    return random & ((random & 0x7f800000) == 0x7f800000 ? 0xbfffffff : 0xffffffff);
}

static bool pairs_agree(void)
{
    uint32_t seed = 1;
    for (int round = 0; round < 4096; round++) {
        uint32_t words[3][16];
        for (int i = 0; i < 48; i++) {
            seed = seed * 1664525 + 1013904223;
            words[i / 16][i % 16] = trial_pair(seed ^ seed >> 15, round % 4);
        }
        struct lanes acc = lanes_load(words[0]);
        struct ints x = ints_load(words[1]);
        struct lanes pairs = values_step(VALUES_PAIRS, acc, (const uint8_t *)words[2], x);
        struct lanes fma = values_step(VALUES_PAIRS_BY_FMA, acc, (const uint8_t *)words[2], x);
        if (memcmp(&pairs, &fma, sizeof pairs) != 0)
            return false;
    }
    return true;
}

static bool use_pairs(void)
{
    if (!(tl_cpu_features() & TL_CPU_AVX512_BF16))
        return false;
    uint32_t mode = tl_pool_float_mode();
    bool agree = pairs_agree();
    tl_pool_float_restore(mode);
    return agree;
}

void tl_kernel_fill_avx512_product(struct tl_kernel *kernel)
{
    kernel->acts_fill[TL_ACTS_BF16] = acts_bf16;
    kernel->acts_fill[TL_ACTS_Q8] = acts_q8;
    kernel->product[TL_ACTS_F32] = product_f32;
    kernel->product[TL_ACTS_BF16] = use_pairs() ? product_pairs : product_bf16_or_fp8;
    kernel->product[TL_ACTS_Q8] = product_q8;
}
