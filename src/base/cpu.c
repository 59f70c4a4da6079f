/* SPDX-License-Identifier: MIT */
/* What this CPU and this process may use. A feature counts only when the CPU has it and the system saves its registers. */
#include "base/cpu.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"

#if defined(__x86_64__)

#include <cpuid.h>

static uint64_t saved_state(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool all(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

/* Bits of CPUID leaves 1 and 7 as Intel's manual (volume 2, CPUID) names them. */
uint32_t tl_cpu_features(void)
{
    const uint32_t fma = 1u << 12, osxsave = 1u << 27, f16c = 1u << 29, avx2 = 1u << 5;
    const uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;       /* F, DQ, BW, VL */
    uint32_t a, b, c, d, a7, b7, c7, d7, a71 = 0, b71, c71, d71, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !all(c, fma | osxsave | f16c) || !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7))
        return 0;
    uint64_t state = saved_state();
    if (a7 >= 1)
        __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71);
    if ((state & 0x06) != 0x06 || !all(b7, avx2))
        return 0;
    features |= TL_CPU_AVX2 | (a71 & 1u << 4 ? TL_CPU_AVX_VNNI : 0);
    if ((state & 0xE6) != 0xE6 || !all(b7, avx512))
        return features;
    features |= TL_CPU_AVX512;
    features |= c7 & 1u << 11 ? TL_CPU_AVX512_VNNI : 0;
    features |= c7 & 1u << 1 ? TL_CPU_AVX512_VBMI : 0;
    features |= a71 & 1u << 5 ? TL_CPU_AVX512_BF16 : 0;
    return features;
}

static void read_model(char model[64])
{
    uint32_t words[12] = {0};
    for (uint32_t i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]))
            return;
    memcpy(model, words, sizeof words);
    model[sizeof words] = 0;
}

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

uint32_t tl_cpu_features(void)
{
    unsigned long have = getauxval(AT_HWCAP);
    uint32_t neon = have & HWCAP_ASIMD && have & HWCAP_FPHP && have & HWCAP_ASIMDHP ? TL_CPU_NEON : 0;
    return neon | (neon && have & HWCAP_ASIMDDP ? TL_CPU_DOTPROD : 0);
}

static void read_model(char model[64])
{
    snprintf(model, 64, "aarch64");
}

#else
#error "CPU features of this architecture are not known"
#endif

static char model_text[64] = "unknown CPU";
static pthread_once_t model_once = PTHREAD_ONCE_INIT;

static void set_model(void)
{
    char raw[64] = "";
    read_model(raw);
    const char *start = raw + strspn(raw, " ");
    size_t n = strlen(start);
    while (n > 0 && start[n - 1] == ' ')
        n--;
    if (n > 0)
        snprintf(model_text, sizeof model_text, "%.*s", (int)n, start);
}

const char *tl_cpu_model(void)
{
    pthread_once(&model_once, set_model);
    return model_text;
}

uint32_t tl_cpu_count(void)
{
    cpu_set_t sets[8];               /* 8192 CPUs */
    struct tl_cgroup cgroup;
    memset(sets, 0, sizeof sets);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = sched_getaffinity(0, sizeof sets, sets) == 0 ? (uint32_t)CPU_COUNT_S(sizeof sets, sets)
                                                                  : online > 0 ? (uint32_t)online : 1;
    tl_cgroup_read("", TL_CGROUP_CPUS, &cgroup);
    if (cgroup.cpus < count)
        count = cgroup.cpus;
    return count ? count : 1;
}

/* "Field:   123 kB" of a /proc file in bytes; 0 where it is missing. */
static uint64_t proc_bytes(const char *path, const char *field)
{
    char text[8192];
    uint64_t kib = 0;
    const char *found = tl_file_glance(path, text, sizeof text) ? strstr(text, field) : NULL;
    if (found)
        sscanf(found + strlen(field), " %" SCNu64, &kib);
    return kib << 10;
}

uint64_t tl_cpu_memory_available(void)
{
    struct tl_cgroup cgroup;
    uint64_t available = proc_bytes("/proc/meminfo", "MemAvailable:");
    tl_cgroup_read("", TL_CGROUP_MEMORY, &cgroup);
    return cgroup.memory_bytes < available ? cgroup.memory_bytes : available;
}

uint64_t tl_cpu_rss(void)
{
    return proc_bytes("/proc/self/status", "VmRSS:");
}

uint64_t tl_cpu_peak_rss(void)
{
    return proc_bytes("/proc/self/status", "VmHWM:");
}
