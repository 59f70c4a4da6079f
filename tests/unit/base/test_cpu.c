/* SPDX-License-Identifier: MIT */
/* What this process may use: the machine's own facts within reason, and control groups from made-up trees. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "folder.h"

static void facts_are_plausible(void **state)
{
    (void)state;
    assert_in_range(tl_cpu_count(), 1, 8192);
    assert_true(strlen(tl_cpu_model()) > 0);
    assert_ptr_equal(tl_cpu_model(), tl_cpu_model());
    assert_true(tl_cpu_memory_available() > 1 << 20);
    uint32_t features = tl_cpu_features();
    if (features & (TL_CPU_AVX512_VNNI | TL_CPU_AVX512_BF16 | TL_CPU_AVX512_VBMI))
        assert_true(features & TL_CPU_AVX512);
    if (features & (TL_CPU_AVX512 | TL_CPU_AVX_VNNI))
        assert_true(features & TL_CPU_AVX2);
}

static void peak_memory_grows(void **state)
{
    (void)state;
    uint64_t before = tl_cpu_peak_rss();
    TL_AUTO char *memory = tl_alloc(64 << 20, 1);
    memset(memory, 1, 64 << 20);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
    assert_true(tl_cpu_peak_rss() >= before + (60 << 20));
}

static void clock_goes_forward(void **state)
{
    (void)state;
    uint64_t before = tl_clock_ns(), start = tl_clock_ns();
    usleep(2000);
    double seconds = tl_clock_seconds(start);
    assert_true(seconds >= 0.002 && seconds <= tl_clock_seconds(before));
}

/* A tree as shell text below an empty folder, and what must be read from it. */
static const struct { const char *tree; uint32_t cpus; uint64_t memory; } trees[] = {
    {"true", UINT32_MAX, UINT64_MAX},
    {"put proc/self/cgroup '0::/'; put sys/fs/cgroup/cpu.max 'max 100000'; put sys/fs/cgroup/memory.max max;"
     "put sys/fs/cgroup/memory.current 5", UINT32_MAX, UINT64_MAX},
    {"put proc/self/cgroup '0::/a/b'; put sys/fs/cgroup/a/b/cpu.max '150000 100000'; put sys/fs/cgroup/a/cpu.max '400000 100000';"
     "put sys/fs/cgroup/a/memory.max 1000; put sys/fs/cgroup/a/memory.current 700; put sys/fs/cgroup/a/b/memory.max 900;"
     "put sys/fs/cgroup/a/b/memory.current 100; put sys/fs/cgroup/a/memory.stat 'anon 5\ninactive_file 50\nactive_file 150\nx 1'", 2, 500},
    {"put proc/self/cgroup '0::/gone/outside'; put sys/fs/cgroup/cpu.max '100000 100000'; put sys/fs/cgroup/memory.max 4096;"
     "put sys/fs/cgroup/memory.current 8192", 1, 0},
    {"put proc/self/cgroup '0::/../../x'; put sys/fs/cgroup/cpu.max '300000 100000'", 3, UINT64_MAX},
    {"put proc/self/cgroup '4:memory:/m\n3:cpu,cpuacct:/c\n1:name=systemd:/s\n0::/u'; put sys/fs/cgroup/cpu/c/cpu.cfs_quota_us 250000;"
     "put sys/fs/cgroup/cpu/c/cpu.cfs_period_us 100000; put sys/fs/cgroup/memory/m/memory.limit_in_bytes 2000;"
     "put sys/fs/cgroup/memory/m/memory.usage_in_bytes 1500; put sys/fs/cgroup/memory/m/memory.stat 'total_inactive_file 100'", 3, 600},
    {"put proc/self/cgroup '4:memory:/\n3:cpuset:/\n2:cpu:/'; put sys/fs/cgroup/cpu/cpu.cfs_quota_us -1;"
     "put sys/fs/cgroup/cpu/cpu.cfs_period_us 100000; put sys/fs/cgroup/memory/memory.limit_in_bytes 9223372036854771712;"
     "put sys/fs/cgroup/memory/memory.usage_in_bytes 1500", UINT32_MAX, UINT64_MAX},
    {"put proc/self/cgroup 'nonsense\n0\n::\n0::\n0:::\n'; put sys/fs/cgroup/cpu.max 'x y'; put sys/fs/cgroup/memory.max x", UINT32_MAX, UINT64_MAX},
};

static void control_groups(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(trees); i++) {
        struct tl_cgroup cgroup;
        assert_int_equal(make_folder(NULL), 0);
        shell(trees[i].tree);
        tl_cgroup_read(folder, TL_CGROUP_ALL, &cgroup);
        if (cgroup.cpus != trees[i].cpus || cgroup.memory_bytes != trees[i].memory)
            fail_msg("tree %zu: %u CPUs, %lu bytes", i, cgroup.cpus, (unsigned long)cgroup.memory_bytes);
        tl_cgroup_read(folder, TL_CGROUP_CPUS, &cgroup);
        assert_true(cgroup.cpus == trees[i].cpus && cgroup.memory_bytes == UINT64_MAX);
        tl_cgroup_read(folder, TL_CGROUP_MEMORY, &cgroup);
        assert_true(cgroup.cpus == UINT32_MAX && cgroup.memory_bytes == trees[i].memory);
        assert_int_equal(remove_folder(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_plausible), cmocka_unit_test(peak_memory_grows),
        cmocka_unit_test(clock_goes_forward), cmocka_unit_test(control_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
