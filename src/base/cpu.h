/* SPDX-License-Identifier: MIT */
/* What this CPU and this process may use. */
#ifndef TL_BASE_CPU_H
#define TL_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum tl_cpu_feature {
    TL_CPU_AVX2 = 1 << 0,            /* AVX2, FMA and F16C together */
    TL_CPU_AVX_VNNI = 1 << 1,
    TL_CPU_AVX512 = 1 << 2,          /* F, BW, DQ, VL together */
    TL_CPU_AVX512_VNNI = 1 << 3,
    TL_CPU_AVX512_VBMI = 1 << 4,
    TL_CPU_AVX512_BF16 = 1 << 5,
    TL_CPU_NEON = 1 << 8,
    TL_CPU_DOTPROD = 1 << 9,
};

uint32_t tl_cpu_features(void);                      /* set of tl_cpu_feature; state saving by the system checked (XCR0) */
const char *tl_cpu_model(void);                      /* "AMD EPYC 9B45"; static storage */
uint32_t tl_cpu_count(void);                         /* CPUs this process may run on, cgroup quota rounded up included */
uint64_t tl_cpu_memory_available(void);              /* bytes: MemAvailable, bounded by the cgroup's limit less its use */
uint64_t tl_cpu_rss(void);                           /* bytes: this process's resident set now (VmRSS) */
uint64_t tl_cpu_peak_rss(void);                      /* bytes: this process's largest resident set so far (VmHWM) */

#endif
