/* SPDX-License-Identifier: MIT */
/* Control groups. /proc/self/cgroup names this process's group in each hierarchy; limits hold for a group and all that
 * lies below it, so the walk goes from there to the root of the mount and keeps the least. Inside a container the name
 * may lie outside of what is mounted: groups that cannot be read are passed over. */
#include "base/cgroup.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { PATH_BYTES = 2048, TEXT_BYTES = 8192 };

struct walk {
    const char *root;
    int wanted;                      /* TL_CGROUP_... */
    struct tl_cgroup *least;
    char folder[PATH_BYTES];         /* the group being looked at, as a path */
};

static bool read_in_group(const struct walk *walk, const char *name, char text[TEXT_BYTES])
{
    char path[PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", walk->folder, name);
    return tl_file_glance(path, text, TEXT_BYTES);
}

/* The first number of a file; false where the file is missing or says "max" or -1. */
static bool read_number(const struct walk *walk, const char *name, uint64_t *ret)
{
    char text[TEXT_BYTES];
    return read_in_group(walk, name, text) && text[0] != '-' && sscanf(text, "%" SCNu64, ret) == 1;
}

/* A field of memory.stat; 0 where it is missing. */
static uint64_t read_stat(const struct walk *walk, const char *field)
{
    char text[TEXT_BYTES];
    size_t n = strlen(field);
    uint64_t value = 0;
    if (!read_in_group(walk, "memory.stat", text))
        return 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, field, n) == 0 && line[n] == ' ')
            sscanf(line + n, "%" SCNu64, &value);
    }
    return value;
}

static void limit_cpus(const struct walk *walk, uint64_t quota, uint64_t period)
{
    if (quota == 0 || period == 0)
        return;
    uint64_t cpus = quota / period + (quota % period != 0);
    if (cpus < walk->least->cpus)
        walk->least->cpus = (uint32_t)cpus;
}

static void limit_memory(const struct walk *walk, uint64_t limit, uint64_t used, uint64_t reclaimable)
{
    used -= reclaimable < used ? reclaimable : used;
    uint64_t left = limit > used ? limit - used : 0;
    if (left < walk->least->memory_bytes)
        walk->least->memory_bytes = left;
}

static void look_v2(struct walk *walk)
{
    char text[TEXT_BYTES];
    uint64_t quota, period, limit, used;
    if (walk->wanted & TL_CGROUP_CPUS && read_in_group(walk, "cpu.max", text) && sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2)
        limit_cpus(walk, quota, period);
    if (walk->wanted & TL_CGROUP_MEMORY && read_number(walk, "memory.max", &limit) && read_number(walk, "memory.current", &used))
        limit_memory(walk, limit, used, read_stat(walk, "inactive_file") + read_stat(walk, "active_file"));
}

static void look_v1_cpu(struct walk *walk)
{
    uint64_t quota, period;
    if (read_number(walk, "cpu.cfs_quota_us", &quota) && read_number(walk, "cpu.cfs_period_us", &period))
        limit_cpus(walk, quota, period);
}

static void look_v1_memory(struct walk *walk)
{
    uint64_t limit, used;
    if (read_number(walk, "memory.limit_in_bytes", &limit) && read_number(walk, "memory.usage_in_bytes", &used) &&
        limit < INT64_MAX / 2)       /* "no limit" is the largest page count */
        limit_memory(walk, limit, used, read_stat(walk, "total_inactive_file") + read_stat(walk, "total_active_file"));
}

/* From the group `name` of the hierarchy mounted at `mount` up to the mount itself. */
static void climb(struct walk *walk, const char *mount, const char *name, void (*look)(struct walk *))
{
    int n = snprintf(walk->folder, sizeof walk->folder, "%s%s", walk->root, mount);
    size_t mount_bytes = n < 0 ? 0 : (size_t)n;
    if (mount_bytes >= sizeof walk->folder)
        return;
    if (!strstr(name, "..") && strcmp(name, "/") != 0)
        snprintf(walk->folder + mount_bytes, sizeof walk->folder - mount_bytes, "%s", name);
    for (;;) {
        look(walk);
        char *slash = strrchr(walk->folder, '/');
        if (!slash || (size_t)(slash - walk->folder) < mount_bytes)
            return;
        *slash = 0;
    }
}

static bool lists(const char *controllers, const char *wanted)
{
    size_t n = strlen(wanted);
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, wanted, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    }
    return false;
}

/* One line "number:controllers:name"; no controllers: version 2. */
static void read_line(struct walk *walk, char *line)
{
    char *controllers = strchr(line, ':'), *name = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!name || name[1] != '/')
        return;
    *controllers++ = 0;
    *name++ = 0;
    if (!*controllers) {
        climb(walk, "/sys/fs/cgroup", name, look_v2);
        climb(walk, "/sys/fs/cgroup/unified", name, look_v2);
    }
    if (walk->wanted & TL_CGROUP_CPUS && lists(controllers, "cpu"))
        climb(walk, "/sys/fs/cgroup/cpu", name, look_v1_cpu);
    if (walk->wanted & TL_CGROUP_MEMORY && lists(controllers, "memory"))
        climb(walk, "/sys/fs/cgroup/memory", name, look_v1_memory);
}

void tl_cgroup_read(const char *root, int wanted, struct tl_cgroup *ret_cgroup)
{
    char path[PATH_BYTES], text[TEXT_BYTES], *rest = text;
    struct walk walk = {.root = root, .wanted = wanted, .least = ret_cgroup};
    *ret_cgroup = (struct tl_cgroup){.cpus = UINT32_MAX, .memory_bytes = UINT64_MAX};
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!tl_file_glance(path, text, sizeof text))
        return;
    for (char *line; (line = strsep(&rest, "\n"));)
        read_line(&walk, line);
}
