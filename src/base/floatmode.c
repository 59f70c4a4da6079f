/* SPDX-License-Identifier: MIT */
/* The floating-point mode of computing threads: round to nearest even, no traps, subnormal operands and results are
 * zero. Every number that trill defines holds in this mode only. */
#include "base/pool.h"

#if defined(__x86_64__)

#include <immintrin.h>

enum { MODE = 0x1F80 | 0x8000 | 0x0040, FLAGS = 0x003F };    /* traps masked, FTZ, DAZ; the sticky flags may differ */

static uint32_t read_mode(void) { return _mm_getcsr(); }
static void write_mode(uint32_t mode) { _mm_setcsr(mode); }

#elif defined(__aarch64__)

enum { MODE = 1 << 24, FLAGS = 0 };                          /* FPCR.FZ, round to nearest, traps off */

static uint32_t read_mode(void)
{
    uint64_t mode;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(mode));
    return (uint32_t)mode;
}

static void write_mode(uint32_t mode)
{
    uint64_t wide = mode;
    __asm__ __volatile__("msr fpcr, %0" : : "r"(wide) : "memory");
}

#else
#error "the floating-point mode of this architecture is not known"
#endif

uint32_t tl_pool_float_mode(void)
{
    uint32_t before = read_mode();
    if ((before & ~(uint32_t)FLAGS) != MODE)
        write_mode(MODE);
    return before;
}

void tl_pool_float_restore(uint32_t mode)
{
    if ((mode & ~(uint32_t)FLAGS) != MODE)
        write_mode(mode);
}
