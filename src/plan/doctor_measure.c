/* SPDX-License-Identifier: MIT */
/* Checks that measure: the drive as the store reads it, memory and arithmetic with all threads at once, power meanwhile.
 * A drive is measured in turns of all kinds of requests, because drives swing; the median counts. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/power.h"
#include "plan/doctor.h"

enum { TURNS = 5, LEAST_FILE_BYTES = 4 << 20, MOST_DEPTH = 16, ROOM_SHARE = 4, PATH_BYTES = 1024 };
static const double slow_drive = 1e9, very_slow_drive = 0.2e9, slow_memory = 12e9, gb = 1e-9;

/* What the store asks for: experts and the rest of the weights in pieces, fewer and smaller ones of small models, rows of
 * the embedding; and what more or fewer at a time would give. */
static const struct { uint64_t bytes; uint32_t depth; } reads[TL_DOCTOR_READS] = {
    {2 << 20, 4}, {1 << 20, 4}, {256 << 10, 4}, {4 << 10, 4}, {2 << 20, 1}, {2 << 20, MOST_DEPTH},
};

static bool measured(const struct tl_doctor *doctor, struct tl_finding *finding)
{
    if (doctor->quick)
        tl_find(finding, TL_HEALTH_UNKNOWN, "not measured, as nothing is with --quick");
    return !doctor->quick;
}

/* --- which file --------------------------------------------------------------------------------------------------- */

/* The largest file of a folder and of those in it, without holes; *largest stays where there is none of more than *most. */
static int find_file(const char *folder, int deeper, uint64_t *most, char **largest)
{
    DIR *dir = opendir(folder);
    int status = 0;
    for (struct dirent *entry; dir && status >= 0 && (entry = readdir(dir));) {
        struct stat facts;
        TL_AUTO char *path = entry->d_name[0] == '.' ? NULL : tl_file_join(folder, entry->d_name);
        if (!path || lstat(path, &facts) < 0)
            continue;
        if (S_ISDIR(facts.st_mode) && deeper)
            status = find_file(path, deeper - 1, most, largest);
        uint64_t stored = (uint64_t)facts.st_blocks * 512;
        if (!S_ISREG(facts.st_mode) || (uint64_t)facts.st_size < *most || stored < (uint64_t)facts.st_size / 16 * 15 || access(path, R_OK) < 0)
            continue;
        *most = (uint64_t)facts.st_size;
        tl_free(*largest);
        *largest = path;
        path = NULL;
    }
    if (dir)
        closedir(dir);
    return status;
}

/* A folder that is there: this one, or the nearest around it. */
static char *nearest_folder(const char *folder)
{
    char *path = tl_strdup(*folder ? folder : ".");
    while (path && !tl_file_is_folder(path)) {
        char *slash = strrchr(path, '/');
        if (!slash) {
            path[0] = '.';
            path[1] = 0;
            break;
        }
        slash[slash == path] = 0;
    }
    return path;
}

static int new_file(struct tl_doctor *doctor)
{
    TL_AUTO char *folder = nearest_folder(doctor->models);
    uint64_t room, n_bytes = doctor->file_bytes;
    if (!folder)
        return TL_E_NOMEM;
    int status = tl_file_room(folder, &room);
    if (status < 0)
        return status;
    n_bytes = n_bytes < room / ROOM_SHARE ? n_bytes : room / ROOM_SHARE;
    if (n_bytes < LEAST_FILE_BYTES)
        return tl_fail(TL_E_IO, "%.150s: no room for a file to measure with, %llu bytes are free", folder, (unsigned long long)room);
    snprintf(doctor->file, sizeof doctor->file, "%.250s", folder);
    doctor->new_file = true;
    return tl_probe_new(folder, n_bytes, tl_io_by_name(doctor->io ? doctor->io : ""), MOST_DEPTH, reads[0].bytes, doctor->progress, &doctor->probe);
}

static int open_probe(struct tl_doctor *doctor)
{
    TL_AUTO char *found = NULL;
    uint64_t most = doctor->file_bytes;
    int status = 0;
    if (doctor->io && !tl_io_by_name(doctor->io))
        return tl_fail(TL_E_USAGE, "there is no way of reading \"%.40s\"", doctor->io);
    if (!doctor->drive_file)
        status = find_file(doctor->models, 1, &most, &found);
    const char *path = doctor->drive_file ? doctor->drive_file : found;
    if (status < 0 || !path)
        return status < 0 ? status : new_file(doctor);
    snprintf(doctor->file, sizeof doctor->file, "%.250s", path);
    return tl_probe_open(path, tl_io_by_name(doctor->io ? doctor->io : ""), MOST_DEPTH, reads[0].bytes, &doctor->probe);
}

/* --- the drive ---------------------------------------------------------------------------------------------------- */

int tl_check_direct(struct tl_doctor *doctor, struct tl_finding *finding)
{
    uint64_t file_bytes = doctor->file_bytes;
    if (doctor->quick)
        doctor->file_bytes = LEAST_FILE_BYTES;
    int status = open_probe(doctor);
    doctor->file_bytes = file_bytes;
    if (status < 0)
        return doctor->drive_file && status != TL_E_CANCEL && status != TL_E_NOMEM ? tl_fail_in(status, "drive-file")
                                                                                   : tl_find_error(finding, TL_HEALTH_WARNING, status);
    doctor->direct = tl_probe_direct(doctor->probe);
    snprintf(doctor->way, sizeof doctor->way, "%s", tl_probe_io(doctor->probe));
    return tl_find(finding, doctor->direct ? TL_HEALTH_OK : TL_HEALTH_WARNING, "%s for %s%.180s", doctor->direct ? "possible" : "refused",
                   doctor->new_file ? "files in " : "", doctor->file);
}

static void sort(double values[TURNS])
{
    for (int i = 1; i < TURNS; i++)
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double value = values[k];
            values[k] = values[k - 1];
            values[k - 1] = value;
        }
}

static int measure_reads(struct tl_doctor *doctor)
{
    double rates[TL_DOCTOR_READS][TURNS];
    uint32_t n = 0;
    while (n < TL_DOCTOR_READS && tl_probe_size(doctor->probe) >= 2 * reads[n].bytes)
        n++;
    if (!n)
        return tl_fail(TL_E_FILE, "%.180s: too small to measure with", doctor->file);
    int status = tl_progress_begin(doctor->progress, "reading the drive", 0, TURNS * n, "turns");
    for (uint32_t i = 0; i < TURNS * n && status >= 0; i++) {
        status = tl_probe_read(doctor->probe, reads[i % n].bytes, reads[i % n].depth, doctor->seconds, doctor->progress, &rates[i % n][i / n]);
        if (status >= 0)
            status = tl_progress_move(doctor->progress, i + 1);
    }
    for (uint32_t i = 0; i < n && status >= 0; i++) {
        sort(rates[i]);
        doctor->reads[i] = (struct tl_doctor_read){reads[i].bytes, reads[i].depth, rates[i][TURNS / 2], rates[i][0], rates[i][TURNS - 1]};
    }
    doctor->n_reads = status < 0 ? 0 : n;
    return status;
}

int tl_check_drive(struct tl_doctor *doctor, struct tl_finding *finding)
{
    if (!measured(doctor, finding))
        return 0;
    if (!doctor->probe)
        return tl_find(finding, TL_HEALTH_UNKNOWN, "not measured, as there was no file to read");
    int status = measure_reads(doctor);
    if (status < 0)
        return tl_find_error(finding, TL_HEALTH_WARNING, status);
    const struct tl_doctor_read *usual = &doctor->reads[0];
    bool whole = tl_probe_whole(doctor->probe);
    if (whole)
        tl_machine_set(&doctor->machine, TL_FACT_DRIVE, usual->rate, TL_SOURCE_MEASURED);
    enum tl_health health = !whole ? TL_HEALTH_WARNING : usual->rate < very_slow_drive ? TL_HEALTH_PROBLEM : usual->rate < slow_drive ? TL_HEALTH_WARNING : TL_HEALTH_OK;
    return tl_find(finding, health, "%.2f GB/s (%.2f to %.2f) in requests of 2 MiB, 4 at a time%s", usual->rate * gb, usual->least * gb, usual->most * gb,
                   whole ? "" : "; not kept, as the file has holes");
}

/* --- memory and arithmetic ---------------------------------------------------------------------------------------- */

int tl_check_reading(struct tl_doctor *doctor, struct tl_finding *finding)
{
    struct tl_pool *pool;
    uint64_t least = 1 << 20, share = tl_cpu_memory_available() / 4, n_bytes = doctor->memory_bytes < share ? doctor->memory_bytes : share;
    if (!measured(doctor, finding))
        return 0;
    int status = tl_progress_begin(doctor->progress, "reading memory", 0, 1, "turns");
    if (status >= 0)
        status = tl_pool_new(doctor->threads ? doctor->threads : (uint32_t)doctor->machine.value[TL_FACT_THREADS], &pool);
    if (status < 0)
        return status;
    status = tl_machine_measure_memory(&doctor->machine, pool, n_bytes > least ? n_bytes : least, 2 * doctor->seconds);
    uint32_t threads = tl_pool_threads(pool);
    tl_pool_free(pool);
    if (status < 0)
        return tl_find(finding, TL_HEALTH_UNKNOWN, "%.230s", tl_error_text());
    double rate = doctor->machine.value[TL_FACT_MEMORY];
    return tl_find(finding, rate < slow_memory ? TL_HEALTH_WARNING : TL_HEALTH_OK, "%.1f GB/s by %u thread%s", rate * gb, threads, threads == 1 ? "" : "s");
}

/* Joules so far, < 0: nobody counts. The meter is opened by the first who asks. */
static double joules(struct tl_doctor *doctor)
{
    double value;
    if (!doctor->power && tl_power_open(doctor->root, &doctor->power) < 0)
        return -1;
    return tl_power_read(doctor->power, &value) < 0 ? -1 : value;
}

int tl_check_peaks(struct tl_doctor *doctor, struct tl_finding *finding)
{
    static const enum tl_fact kinds[] = {TL_FACT_INT8, TL_FACT_BF16, TL_FACT_F32};
    const struct tl_kernel *level = doctor->cpu ? tl_kernel_level(doctor->cpu) : tl_kernel_best();
    struct tl_machine *machine = &doctor->machine;
    struct tl_pool *pool;
    if (!measured(doctor, finding))
        return 0;
    int status = tl_pool_new(doctor->threads ? doctor->threads : (uint32_t)machine->value[TL_FACT_THREADS], &pool);
    if (status < 0)
        return status;
    double before = joules(doctor), after;
    uint64_t begin = tl_clock_ns();
    status = tl_progress_begin(doctor->progress, "computing", 0, 3, "turns");
    for (int i = 0; i < 3 && status >= 0; i++) {
        tl_machine_measure_arithmetic(machine, kinds[i], pool, level, doctor->seconds);
        status = tl_progress_move(doctor->progress, (uint64_t)i + 1);
    }
    tl_pool_free(pool);
    if (before >= 0 && (after = joules(doctor)) > before)
        tl_machine_set(machine, TL_FACT_WATTS, (after - before) / tl_clock_seconds(begin), TL_SOURCE_MEASURED);
    return status < 0 ? status : tl_find(finding, strcmp(level->name, "ref") == 0 ? TL_HEALTH_WARNING : TL_HEALTH_OK,
                                         "a second: %.2f T operations in int8, %.2f T in bf16, %.2f T in f32", machine->value[TL_FACT_INT8] * 1e-12,
                                         machine->value[TL_FACT_BF16] * 1e-12, machine->value[TL_FACT_F32] * 1e-12);
}

int tl_check_power(struct tl_doctor *doctor, struct tl_finding *finding)
{
    const struct tl_machine *machine = &doctor->machine;
    int status = doctor->power ? 0 : tl_power_open(doctor->root, &doctor->power);
    double value;
    if (status >= 0)
        status = tl_power_read(doctor->power, &value);
    if (status < 0)
        return tl_find_error(finding, status == TL_E_FAIL ? TL_HEALTH_UNKNOWN : TL_HEALTH_WARNING, status);
    if (machine->source[TL_FACT_WATTS] < TL_SOURCE_MEASURED)
        return tl_find(finding, TL_HEALTH_OK, "counts %.150s", tl_power_zones(doctor->power));
    return tl_find(finding, TL_HEALTH_OK, "%.3g W while computing, of %.150s", machine->value[TL_FACT_WATTS], tl_power_zones(doctor->power));
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* What an earlier run measured of this machine, and this one did not, stays. */
static void keep_earlier(const char *path, struct tl_machine *machine)
{
    struct tl_machine earlier = *machine;
    if (tl_machine_read(path, true, &earlier) < 0 || strcmp(earlier.name, machine->name) != 0)
        return;
    for (int i = 0; i < TL_FACTS; i++)
        if (earlier.source[i] == TL_SOURCE_MEASURED && machine->source[i] != TL_SOURCE_MEASURED)
            tl_machine_set(machine, (enum tl_fact)i, earlier.value[i], TL_SOURCE_MEASURED);
}

int tl_check_saved(struct tl_doctor *doctor, struct tl_finding *finding)
{
    if (!doctor->state || doctor->quick)
        return tl_find(finding, TL_HEALTH_UNKNOWN, doctor->quick ? "nothing new was measured" : "not wished for");
    TL_AUTO char *path = tl_file_join(doctor->state, "machine.json");
    if (!path)
        return TL_E_NOMEM;
    keep_earlier(path, &doctor->machine);
    int status = tl_file_make_folders(path);
    if (status >= 0)
        status = tl_machine_write(path, &doctor->machine);
    return status < 0 ? tl_find_error(finding, TL_HEALTH_WARNING, status) : tl_find(finding, TL_HEALTH_OK, "%.200s", path);
}
