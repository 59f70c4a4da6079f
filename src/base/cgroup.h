/* SPDX-License-Identifier: MIT */
/* What the control groups of this process still allow, versions 1 and 2, every ancestor included. Private to base. */
#ifndef TL_BASE_CGROUP_H
#define TL_BASE_CGROUP_H

#include <stdint.h>

struct tl_cgroup {
    uint32_t cpus;           /* quota / period, rounded up; UINT32_MAX: no quota */
    uint64_t memory_bytes;   /* limit less use, reclaimable file pages counted as free; UINT64_MAX: no limit */
};

enum { TL_CGROUP_CPUS = 1, TL_CGROUP_MEMORY = 2, TL_CGROUP_ALL = 3 };

/* `root` is put before /proc and /sys: "" for this machine, a folder in tests. Files that are missing limit nothing, nor
 * does what is not wanted. */
void tl_cgroup_read(const char *root, int wanted, struct tl_cgroup *ret_cgroup);

#endif
