/* SPDX-License-Identifier: MIT */
/* RAPL by powercap (Documentation/power/powercap of the kernel): a folder a zone with `name`, `energy_uj` and
 * `max_energy_range_uj`, at which the counter begins again at 0. What a package cannot have drawn since the last look is
 * no wrap but a counter that was set back, as when the machine slept. */
#include "base/power.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

enum { MOST_ZONES = 64, PATH_BYTES = 1024, NAME_BYTES = 64, TEXT_BYTES = 512, LEAST_SECONDS = 1, MOST_SECONDS = 60 };
static const double most_watts = 2000;               /* of one zone, more than any package draws */
static const double grace_seconds = 5;               /* counters are brought up to date by the hardware when it likes */

struct zone {
    char name[NAME_BYTES];
    int fd;                              /* of energy_uj */
    uint64_t last_uj, range_uj;          /* range 0: unknown */
};

struct tl_power {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, stop;
    struct zone zones[MOST_ZONES];
    uint32_t n_zones;
    uint64_t looked_ns;
    double joules;
    int status;
    char zone_names[TEXT_BYTES], error[TEXT_BYTES];
};

/* --- counters ----------------------------------------------------------------------------------------------------- */

static bool read_number(int fd, uint64_t *ret)
{
    char text[32];
    ssize_t n = tl_file_permit() ? pread(fd, text, sizeof text, 0) : -1;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    return n > 0 && tl_parse_u64(text, (size_t)n, ret);
}

static bool read_line(const char *folder, const char *name, char *ret, size_t room)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%.900s/%s", folder, name);
    bool there = tl_file_glance(path, ret, room);
    ret[strcspn(ret, "\n")] = 0;
    return there;
}

static bool advance(struct zone *zone, double seconds, double *joules)
{
    uint64_t now;
    if (!read_number(zone->fd, &now))
        return false;
    uint64_t drawn = now - zone->last_uj;
    if (now < zone->last_uj) {
        if (zone->last_uj > zone->range_uj)
            return false;
        drawn = zone->range_uj - zone->last_uj + now;
    }
    zone->last_uj = now;
    *joules += (double)drawn * 1e-6;
    return (double)drawn * 1e-6 <= most_watts * (seconds + grace_seconds);
}

/* Under lock. */
static void look(struct tl_power *power)
{
    double seconds = tl_clock_seconds(power->looked_ns);
    power->looked_ns = tl_clock_ns();
    for (uint32_t i = 0; i < power->n_zones && power->status >= 0; i++)
        if (!advance(&power->zones[i], seconds, &power->joules)) {
            power->status = TL_E_IO;
            snprintf(power->error, sizeof power->error, "the energy counter of %s was set back or cannot be read any more", power->zones[i].name);
        }
}

void tl_power_look(struct tl_power *power)
{
    pthread_mutex_lock(&power->lock);
    look(power);
    pthread_mutex_unlock(&power->lock);
}

int tl_power_read(struct tl_power *power, double *ret_joules)
{
    pthread_mutex_lock(&power->lock);
    look(power);
    int status = power->status < 0 ? tl_fail(power->status, "%s", power->error) : 0;
    if (status >= 0)
        *ret_joules = power->joules;
    pthread_mutex_unlock(&power->lock);
    return status;
}

const char *tl_power_zones(const struct tl_power *power) { return power->zone_names; }

/* --- the thread --------------------------------------------------------------------------------------------------- */

/* Twice in the time in which the smallest counter can wrap. */
static time_t period_seconds(const struct tl_power *power)
{
    double least = MOST_SECONDS;
    for (uint32_t i = 0; i < power->n_zones; i++) {
        double seconds = (double)power->zones[i].range_uj * 1e-6 / most_watts / 2;
        least = power->zones[i].range_uj && seconds < least ? seconds : least;
    }
    return least < LEAST_SECONDS ? LEAST_SECONDS : (time_t)least;
}

static void *keep_looking(void *argument)
{
    struct tl_power *power = argument;
    pthread_mutex_lock(&power->lock);
    while (!power->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += period_seconds(power);
        if (pthread_cond_timedwait(&power->changed, &power->lock, &until) != 0 && !power->stop)
            look(power);
    }
    pthread_mutex_unlock(&power->lock);
    return NULL;
}

static int start(struct tl_power *power)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    power->started = tl_memory_permit() && pthread_create(&power->thread, NULL, keep_looking, power) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return power->started ? 0 : tl_fail(TL_E_NOMEM, "the thread that watches energy counters cannot be started");
}

/* --- zones -------------------------------------------------------------------------------------------------------- */

static bool counts(const char *name) { return tl_text_begins(name, "package") || strcmp(name, "dram") == 0; }

static int add_zone(struct tl_power *power, const char *folder)
{
    struct zone *zone = &power->zones[power->n_zones];
    char path[PATH_BYTES], range[32];
    if (!read_line(folder, "name", zone->name, sizeof zone->name) || !counts(zone->name))
        return 0;
    snprintf(path, sizeof path, "%.1000s/energy_uj", folder);
    zone->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (zone->fd < 0)
        return tl_fail(TL_E_IO, "%s: %m", path);
    power->n_zones++;
    if (!read_number(zone->fd, &zone->last_uj))
        return tl_fail(TL_E_IO, "%s: found no number, expected microjoules", path);
    if (!read_line(folder, "max_energy_range_uj", range, sizeof range) || !tl_parse_u64(range, strlen(range), &zone->range_uj))
        zone->range_uj = 0;
    size_t n = strlen(power->zone_names);
    snprintf(power->zone_names + n, sizeof power->zone_names - n, "%s%s", n ? " " : "", zone->name);
    return 0;
}

/* Zones "intel-rapl:0", "intel-rapl:0:2" (of AMD too); those whose names begin otherwise (intel-rapl-mmio) count the same energy again. */
static int add_zones(struct tl_power *power, const char *tree, const char *prefix)
{
    DIR *dir = opendir(tree);
    struct dirent *entry;
    int status = 0;
    if (!dir)
        return tl_fail(TL_E_FAIL, "no energy counters are shown by this machine, or by the host of a virtual one");
    while (status >= 0 && power->n_zones < MOST_ZONES && (entry = readdir(dir))) {
        char folder[PATH_BYTES];
        if (!tl_text_begins(entry->d_name, prefix))
            continue;
        snprintf(folder, sizeof folder, "%.700s/%.255s", tree, entry->d_name);
        status = add_zone(power, folder);
    }
    closedir(dir);
    return status;
}

static int find_zones(struct tl_power *power, const char *root)
{
    char tree[PATH_BYTES];
    snprintf(tree, sizeof tree, "%s/sys/class/powercap", root);
    int status = add_zones(power, tree, "intel-rapl:");
    if (status >= 0 && !power->n_zones)
        status = add_zones(power, tree, "intel-rapl-mmio:");
    if (status >= 0 && !power->n_zones)
        status = tl_fail(TL_E_FAIL, "%s: no counter of a package or of memory is there", tree);
    return status;
}

int tl_power_open(const char *root, struct tl_power **ret_power)
{
    struct tl_power *power = tl_alloc(1, sizeof *power);
    if (!power)
        return TL_E_NOMEM;
    pthread_mutex_init(&power->lock, NULL);
    tl_clock_cond_init(&power->changed);
    int status = find_zones(power, root);
    power->looked_ns = tl_clock_ns();
    if (status >= 0)
        status = start(power);
    if (status < 0) {
        tl_power_close(power);
        return status;
    }
    *ret_power = power;
    return 0;
}

void tl_power_close(struct tl_power *power)
{
    if (!power)
        return;
    if (power->started) {
        pthread_mutex_lock(&power->lock);
        power->stop = true;
        pthread_cond_signal(&power->changed);
        pthread_mutex_unlock(&power->lock);
        pthread_join(power->thread, NULL);
    }
    for (uint32_t i = 0; i < power->n_zones; i++)
        close(power->zones[i].fd);
    pthread_cond_destroy(&power->changed);
    pthread_mutex_destroy(&power->lock);
    tl_free(power);
}
