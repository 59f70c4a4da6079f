/* SPDX-License-Identifier: MIT */
/* Checks that only look: at files of /proc and /sys below `root`, and at what the process is allowed. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parse.h"
#include "kernel/kernel.h"
#include "plan/doctor.h"

enum { PATH_BYTES = 1024, TEXT_BYTES = 8192, IPC_LOCK = 14 /* bit of the capability that locks without limit */ };
static const double gib = 1 << 30, gb = 1e9;

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool read_text(const struct tl_doctor *doctor, const char *path, char ret[TEXT_BYTES])
{
    char full[PATH_BYTES];
    snprintf(full, sizeof full, "%.500s%.500s", doctor->root, path);
    return tl_file_glance(full, ret, TEXT_BYTES);
}

/* The first word of a file. */
static bool read_word(const struct tl_doctor *doctor, const char *path, char ret[TEXT_BYTES])
{
    bool there = read_text(doctor, path, ret);
    ret[strcspn(ret, " \t\n")] = 0;
    return there && *ret;
}

/* The number behind a field such as "MemTotal:". */
static bool read_field(const char *text, const char *field, int base, uint64_t *ret)
{
    const char *found = strstr(text, field);
    return found && sscanf(found + strlen(field), base == 16 ? " %" SCNx64 : " %" SCNu64, ret) == 1;
}

/* --- processors --------------------------------------------------------------------------------------------------- */

int tl_check_cpu(struct tl_doctor *doctor, struct tl_finding *finding)
{
    const struct tl_kernel *level = doctor->cpu ? tl_kernel_level(doctor->cpu) : tl_kernel_best();
    if (!level)
        return tl_fail(TL_E_USAGE, "CPU level \"%.40s\" is not available here (there are: %s)", doctor->cpu, tl_kernel_names());
    return tl_find(finding, strcmp(level->name, "ref") == 0 ? TL_HEALTH_WARNING : TL_HEALTH_OK, "%s, %s", level->name, tl_cpu_model());
}

int tl_check_threads(struct tl_doctor *doctor, struct tl_finding *finding)
{
    struct tl_cgroup group;
    uint32_t mine = tl_cpu_count();
    long all = sysconf(_SC_NPROCESSORS_ONLN);
    tl_cgroup_read(doctor->root, TL_CGROUP_CPUS, &group);
    if (group.cpus < mine)
        mine = group.cpus;
    tl_machine_set(&doctor->machine, TL_FACT_THREADS, mine, TL_SOURCE_ASKED);
    if (all > 0 && mine < (uint32_t)all)
        return tl_find(finding, TL_HEALTH_WARNING, "%u of the machine's %ld CPUs", mine, all);
    return tl_find(finding, TL_HEALTH_OK, "%u", mine);
}

static bool on_battery(const struct tl_doctor *doctor)
{
    char path[PATH_BYTES], text[TEXT_BYTES];
    bool plugged = false, socket = false;
    snprintf(path, sizeof path, "%.500s/sys/class/power_supply", doctor->root);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof path, "/sys/class/power_supply/%.255s/type", entry->d_name);
        if (entry->d_name[0] == '.' || !read_word(doctor, path, text) || strcmp(text, "Mains") != 0)
            continue;
        snprintf(path, sizeof path, "/sys/class/power_supply/%.255s/online", entry->d_name);
        socket = true;
        plugged = plugged || (read_word(doctor, path, text) && strcmp(text, "1") == 0);
    }
    if (dir)
        closedir(dir);
    return socket && !plugged;
}

/* Drivers that steer by themselves call their usual way "powersave" too. */
int tl_check_clock(struct tl_doctor *doctor, struct tl_finding *finding)
{
    char governor[TEXT_BYTES], driver[TEXT_BYTES];
    if (on_battery(doctor))
        return tl_find(finding, TL_HEALTH_WARNING, "runs on battery");
    if (!read_word(doctor, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor))
        return tl_find(finding, TL_HEALTH_UNKNOWN, "not shown here: up to the firmware, or the host of a virtual machine");
    bool known = read_word(doctor, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", driver);
    bool steers = known && (strcmp(driver, "intel_pstate") == 0 || strcmp(driver, "amd-pstate-epp") == 0);
    bool slow = strcmp(governor, "powersave") == 0 && !steers;
    return tl_find(finding, slow ? TL_HEALTH_WARNING : TL_HEALTH_OK, "governor %.40s%s%.40s", governor, known ? " of " : "", known ? driver : "");
}

int tl_check_load(struct tl_doctor *doctor, struct tl_finding *finding)
{
    char text[TEXT_BYTES];
    double load, threads = doctor->machine.value[TL_FACT_THREADS];
    if (!read_word(doctor, "/proc/loadavg", text) || !tl_parse_f64(text, strlen(text), &load))
        return tl_find(finding, TL_HEALTH_UNKNOWN, "/proc/loadavg cannot be read");
    return tl_find(finding, load > threads / 2 ? TL_HEALTH_WARNING : TL_HEALTH_OK, "%.1f tasks at work on %.0f CPUs in the last minute", load, threads);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

int tl_check_memory(struct tl_doctor *doctor, struct tl_finding *finding)
{
    char text[TEXT_BYTES];
    uint64_t total, available, swap = 0, free_swap = 0;
    if (!read_text(doctor, "/proc/meminfo", text) || !read_field(text, "MemTotal:", 10, &total) || !read_field(text, "MemAvailable:", 10, &available))
        return tl_find(finding, TL_HEALTH_UNKNOWN, "/proc/meminfo cannot be read");
    read_field(text, "SwapTotal:", 10, &swap);
    read_field(text, "SwapFree:", 10, &free_swap);
    double has = (double)total * 1024 / gib, left = (double)available * 1024 / gib, out = swap > free_swap ? (double)(swap - free_swap) * 1024 / gib : 0;
    enum tl_health health = left < 1 ? TL_HEALTH_PROBLEM : left < 4 || left < has / 2 || out > 1 ? TL_HEALTH_WARNING : TL_HEALTH_OK;
    if (out > 1)
        return tl_find(finding, health, "%.1f of %.1f GiB available, %.1f GiB are swapped out", left, has, out);
    return tl_find(finding, health, "%.1f of %.1f GiB available", left, has);
}

int tl_check_group(struct tl_doctor *doctor, struct tl_finding *finding)
{
    char text[TEXT_BYTES];
    struct tl_cgroup group;
    uint64_t available = 0;
    if (!read_text(doctor, "/proc/self/cgroup", text))
        return tl_find(finding, TL_HEALTH_UNKNOWN, "/proc/self/cgroup cannot be read");
    tl_cgroup_read(doctor->root, TL_CGROUP_ALL, &group);
    if (read_text(doctor, "/proc/meminfo", text))
        read_field(text, "MemAvailable:", 10, &available);
    bool memory = group.memory_bytes < available * 1024, cpus = group.cpus != UINT32_MAX;
    if (memory)
        return tl_find(finding, TL_HEALTH_WARNING, "%.1f GiB of memory are left to this group%s", (double)group.memory_bytes / gib,
                       cpus ? ", and its time on CPUs is limited" : "");
    return tl_find(finding, TL_HEALTH_OK, cpus ? "time on CPUs is limited, as said above" : "no limit");
}

int tl_check_huge(struct tl_doctor *doctor, struct tl_finding *finding)
{
    char text[TEXT_BYTES];
    if (!read_text(doctor, "/sys/kernel/mm/transparent_hugepage/enabled", text))
        return tl_find(finding, TL_HEALTH_UNKNOWN, "this system does not say");
    const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return tl_find(finding, TL_HEALTH_UNKNOWN, "found \"%.40s\", expected a word in brackets", text);
    bool never = strncmp(open, "[never]", 7) == 0;
    return tl_find(finding, never ? TL_HEALTH_WARNING : TL_HEALTH_OK, "%s (%.*s)", never ? "not permitted" : "permitted", (int)(close - open - 1), open + 1);
}

int tl_check_locked(struct tl_doctor *doctor, struct tl_finding *finding)
{
    static const char field[] = "Max locked memory";
    char text[TEXT_BYTES];
    uint64_t capabilities, limit, swap = 1, available = 0;
    if (read_text(doctor, "/proc/meminfo", text)) {
        read_field(text, "SwapTotal:", 10, &swap);
        read_field(text, "MemAvailable:", 10, &available);
    }
    if (read_text(doctor, "/proc/self/status", text) && read_field(text, "CapEff:", 16, &capabilities) && capabilities >> IPC_LOCK & 1)
        return tl_find(finding, TL_HEALTH_OK, "no limit, by a capability");
    const char *line = read_text(doctor, "/proc/self/limits", text) ? strstr(text, field) : NULL;
    if (!line)
        return tl_find(finding, TL_HEALTH_UNKNOWN, "/proc/self/limits cannot be read");
    if (!read_field(line, field, 10, &limit))
        return tl_find(finding, TL_HEALTH_OK, "no limit");
    if (swap == 0 || limit / 1024 >= available)
        return tl_find(finding, TL_HEALTH_OK, "at most %.3g GiB%s", (double)limit / gib, swap == 0 ? "; no matter, as there is no swap" : "");
    return tl_find(finding, TL_HEALTH_WARNING, "at most %.3g GiB", (double)limit / gib);
}

/* --- the drive, from outside -------------------------------------------------------------------------------------- */

static void nothing(void *context, uint32_t tag, int64_t result)
{
    (void)context;
    (void)tag;
    (void)result;
}

int tl_check_uring(struct tl_doctor *doctor, struct tl_finding *finding)
{
    char text[TEXT_BYTES];
    void *state;
    int status = tl_io_uring.open(tl_probe_usual_depth, nothing, NULL, &state);
    if (status >= 0)
        tl_io_uring.close(state);
    if (status >= 0)
        return tl_find(finding, TL_HEALTH_OK, "permitted");
    if (status == TL_E_IO && read_word(doctor, "/proc/sys/kernel/io_uring_disabled", text) && strcmp(text, "0") != 0)
        return tl_find(finding, TL_HEALTH_WARNING, "%.120s (kernel.io_uring_disabled is %.8s)", tl_error_text(), text);
    return tl_find_error(finding, TL_HEALTH_WARNING, status);
}

int tl_check_room(struct tl_doctor *doctor, struct tl_finding *finding)
{
    uint64_t room;
    int status = tl_file_room(doctor->models, &room);
    if (status < 0)
        return tl_find_error(finding, TL_HEALTH_UNKNOWN, status);
    enum tl_health health = (double)room < 2 * gb ? TL_HEALTH_PROBLEM : (double)room < 20 * gb ? TL_HEALTH_WARNING : TL_HEALTH_OK;
    return tl_find(finding, health, "%.1f GB in %.150s%s", (double)room / gb, doctor->models,
                   tl_file_is_folder(doctor->models) ? "" : ", which is not there yet");
}
