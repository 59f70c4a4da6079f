/* SPDX-License-Identifier: MIT */
/* Facts that are measured with the threads of a pool, all at once. */
#include <assert.h>

#include "kernel/peak.h"
#include "plan/machine.h"

static double (*const peaks[TL_FACTS])(const struct tl_kernel *level, double seconds) = {
    [TL_FACT_INT8] = tl_peak_int8_ops, [TL_FACT_BF16] = tl_peak_bf16_flops, [TL_FACT_F32] = tl_peak_f32_flops,
};

int tl_machine_measure_memory(struct tl_machine *machine, struct tl_pool *pool, uint64_t n_bytes, double seconds)
{
    double rate;
    int status = tl_peak_reading(pool, n_bytes, seconds, &rate);
    if (status >= 0)
        tl_machine_set(machine, TL_FACT_MEMORY, rate, TL_SOURCE_MEASURED);
    return status;
}

void tl_machine_measure_arithmetic(struct tl_machine *machine, enum tl_fact fact, struct tl_pool *pool, const struct tl_kernel *level, double seconds)
{
    assert(peaks[fact]);
    tl_machine_set(machine, fact, tl_peak_arithmetic(pool, level, peaks[fact], seconds), TL_SOURCE_MEASURED);
}
