/* SPDX-License-Identifier: MIT */
/* The AVX-512 level's activations and products: which functions it puts into the table. */
#include "base/cpu.h"
#include "base/pool.h"
#include "kernel/fill.h"
#include "kernel/x86/avx512/q8.h"
#include "kernel/x86/avx512/values.h"

static bool use_pairs(void)
{
    if (!(tl_cpu_features() & TL_CPU_AVX512_BF16))
        return false;
    uint32_t mode = tl_pool_float_mode();
    bool agree = tl_bf16_pairs_agree();
    tl_pool_float_restore(mode);
    return agree;
}

void tl_kernel_fill_avx512_product(struct tl_kernel *kernel)
{
    kernel->acts_fill[TL_ACTS_BF16] = tl_acts_fill_bf16_avx512;
    kernel->acts_fill[TL_ACTS_Q8] = tl_acts_fill_q8_avx512;
    kernel->product[TL_ACTS_F32] = tl_product_f32_avx512;
    kernel->product[TL_ACTS_BF16] = use_pairs() ? tl_product_bf16_pairs_avx512 : tl_product_bf16_fma_avx512;
    kernel->product[TL_ACTS_Q8] = tl_product_q8_avx512;
}
