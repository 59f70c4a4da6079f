/* SPDX-License-Identifier: MIT */
/* The doctor on made-up trees, each check of the table at least once well and once not; whole runs that leave machine.json
 * and nothing else; folders that cannot be written, io_uring and direct reads refused, cancelling at every stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "plan/doctor.h"
#include "folder.h"
#include "refuse.h"

#define ROWS(table) (sizeof(table) / sizeof *(table))
enum { MEANS_COLUMNS = 91 };

static void wish(struct tl_doctor *doctor)
{
    tl_doctor_init(doctor);
    doctor->root = folder;
    doctor->models = folder;
    doctor->file_bytes = 4 << 20;
    doctor->memory_bytes = 8 << 20;
    doctor->seconds = 0.002;
}

/* --- checks that look --------------------------------------------------------------------------------------------- */

#define OK TL_HEALTH_OK
#define UNKNOWN TL_HEALTH_UNKNOWN
#define WARNING TL_HEALTH_WARNING
#define PROBLEM TL_HEALTH_PROBLEM

#define MEMORY(total, available, swap) "put proc/meminfo 'MemTotal: " #total " kB\nMemAvailable:   " #available " kB\nSwapTotal: " #swap " kB\nSwapFree: 0 kB'; "
static const struct { enum tl_check check; const char *tree; enum tl_health health; const char *found; } trees[] = {
    {TL_CHECK_THREADS, "put proc/self/cgroup '0::/'; put sys/fs/cgroup/cpu.max '1000 100000'", WARNING, "1 of the machine's"},
    {TL_CHECK_MEMORY, MEMORY(16000000, 12000000, 0), OK, "11.4 of 15.3 GiB"},
    {TL_CHECK_MEMORY, MEMORY(16000000, 6000000, 0), WARNING, "5.7 of 15.3 GiB"},
    {TL_CHECK_MEMORY, MEMORY(16000000, 12000000, 4000000), WARNING, "3.8 GiB are swapped out"},
    {TL_CHECK_MEMORY, MEMORY(2000000, 900000, 0), PROBLEM, "0.9 of 1.9 GiB"},
    {TL_CHECK_MEMORY, "put proc/meminfo 'MemTotal: many kB\nMemAvailable: 5 kB'", UNKNOWN, "/proc/meminfo"},
    {TL_CHECK_GROUP, MEMORY(16000000, 12000000, 0) "put proc/self/cgroup '0::/'", OK, "no limit"},
    {TL_CHECK_GROUP, MEMORY(16000000, 12000000, 0) "put proc/self/cgroup '0::/'; put sys/fs/cgroup/cpu.max '300000 100000'", OK, "CPUs is limited"},
    {TL_CHECK_GROUP, MEMORY(16000000, 12000000, 0) "put proc/self/cgroup '0::/'; put sys/fs/cgroup/memory.max 4294967296; put sys/fs/cgroup/memory.current 0",
     WARNING, "4.0 GiB of memory are left"},
    {TL_CHECK_LOAD, "put proc/loadavg '0.00 0.1 0.1 1/93 2517'", OK, "0.0 tasks"},
    {TL_CHECK_LOAD, "put proc/loadavg '9000.25 0.1 0.1 1/93 2517'", WARNING, "9000."},
    {TL_CHECK_LOAD, "put proc/loadavg 'busy'", UNKNOWN, "/proc/loadavg"},
    {TL_CHECK_CLOCK, "put sys/devices/system/cpu/cpu0/cpufreq/scaling_governor performance; put sys/devices/system/cpu/cpu0/cpufreq/scaling_driver acpi-cpufreq",
     OK, "performance of acpi-cpufreq"},
    {TL_CHECK_CLOCK, "put sys/devices/system/cpu/cpu0/cpufreq/scaling_governor powersave; put sys/devices/system/cpu/cpu0/cpufreq/scaling_driver intel_pstate",
     OK, "powersave"},
    {TL_CHECK_CLOCK, "put sys/devices/system/cpu/cpu0/cpufreq/scaling_governor powersave; put sys/devices/system/cpu/cpu0/cpufreq/scaling_driver acpi-cpufreq",
     WARNING, "powersave"},
    {TL_CHECK_CLOCK, "put sys/class/power_supply/AC/type Mains; put sys/class/power_supply/AC/online 0; put sys/class/power_supply/BAT0/type Battery",
     WARNING, "battery"},
    {TL_CHECK_CLOCK, "put sys/class/power_supply/AC/type Mains; put sys/class/power_supply/AC/online 1", UNKNOWN, "firmware"},
    {TL_CHECK_HUGE, "put sys/kernel/mm/transparent_hugepage/enabled 'always [madvise] never'", OK, "madvise"},
    {TL_CHECK_HUGE, "put sys/kernel/mm/transparent_hugepage/enabled '[always] madvise never'", OK, "always"},
    {TL_CHECK_HUGE, "put sys/kernel/mm/transparent_hugepage/enabled 'always madvise [never]'", WARNING, "not permitted"},
    {TL_CHECK_HUGE, "put sys/kernel/mm/transparent_hugepage/enabled 'sometimes'", UNKNOWN, "sometimes"},
    {TL_CHECK_LOCKED, MEMORY(16000000, 12000000, 5) "put proc/self/status 'CapEff:\t000001fffeffffff'", OK, "capability"},
    {TL_CHECK_LOCKED, MEMORY(16000000, 12000000, 5) "put proc/self/limits 'Max locked memory         unlimited   unlimited  bytes'", OK, "no limit"},
    {TL_CHECK_LOCKED, MEMORY(16000000, 12000000, 5) "put proc/self/status 'CapEff: 0000000000000000'; put proc/self/limits 'Max locked memory  8388608 8388608 bytes'",
     WARNING, "at most 0.00781 GiB"},
    {TL_CHECK_LOCKED, MEMORY(16000000, 12000000, 0) "put proc/self/limits 'Max locked memory  8388608 8388608 bytes'", OK, "no swap"},
    {TL_CHECK_LOCKED, MEMORY(16000000, 12000000, 5) "put proc/self/limits 'Max locked memory  16000000000 8388608 bytes'", OK, "at most 14.9 GiB"},
    {TL_CHECK_LOCKED, "put proc/self/limits 'Max files 5 5 files'", UNKNOWN, "/proc/self/limits"},
    {TL_CHECK_POWER, "zone() { put sys/class/powercap/$1/name $2; put sys/class/powercap/$1/energy_uj 5; }; zone intel-rapl:0 package-0; zone intel-rapl:0:1 dram",
     OK, "package-0"},
    {TL_CHECK_POWER, "put sys/class/powercap/intel-rapl:0/name package-0", WARNING, "energy_uj: No such file"},
};

static void looks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(trees); i++) {
        struct tl_doctor doctor;
        if (trees[i].check == TL_CHECK_THREADS && sysconf(_SC_NPROCESSORS_ONLN) == 1)
            continue;                    /* none to take away */
        shell(trees[i].tree);
        wish(&doctor);
        doctor.quick = true;
        assert_int_equal(tl_doctor_run(&doctor), 0);
        const struct tl_finding *finding = &doctor.findings[trees[i].check];
        if (finding->health != trees[i].health || !strstr(finding->found, trees[i].found))
            fail_msg("tree %zu: %s, \"%s\"", i, tl_health_name(finding->health), finding->found);
        assert_true(tl_doctor_health(&doctor) >= (trees[i].health == UNKNOWN ? TL_HEALTH_OK : trees[i].health));
        shell("rm -rf proc sys");
    }
}

/* Nothing of this system can be read: what cannot be known is said, and what can be is. */
static void nothing_readable(void **state)
{
    static const enum tl_check unknown[] = {TL_CHECK_MEMORY, TL_CHECK_GROUP, TL_CHECK_LOAD, TL_CHECK_CLOCK, TL_CHECK_HUGE, TL_CHECK_LOCKED, TL_CHECK_POWER};
    struct tl_doctor doctor;
    (void)state;
    wish(&doctor);
    doctor.root = "/nowhere";
    doctor.state = "/proc/nowhere/deep";
    assert_int_equal(tl_doctor_run(&doctor), 0);
    for (size_t i = 0; i < ROWS(unknown); i++)
        assert_int_equal(doctor.findings[unknown[i]].health, TL_HEALTH_UNKNOWN);
    assert_int_equal(doctor.findings[TL_CHECK_DRIVE].health != TL_HEALTH_UNKNOWN, 1);
    assert_int_equal(doctor.findings[TL_CHECK_SAVED].health, TL_HEALTH_WARNING);
    assert_non_null(strstr(doctor.findings[TL_CHECK_SAVED].found, "/proc/nowhere"));
}

/* --- whole runs --------------------------------------------------------------------------------------------------- */

static void check_document(const struct tl_doctor *doctor)
{
    struct tl_buffer document;
    struct tl_json json;
    int event, n_found = 0;
    tl_buffer_init(&document, 0);
    tl_doctor_report(doctor, &document);
    assert_int_equal(document.status, 0);
    tl_json_init(&json, "report", document.data, document.len);
    while ((event = tl_json_next(&json)) > 0) {
        if (event == TL_JSON_KEY && (tl_json_is(&json, "means") || tl_json_is(&json, "found"))) {
            bool found = tl_json_is(&json, "found");
            assert_int_equal(tl_json_next(&json), TL_JSON_STRING);
            assert_true(json.string.len > 0);
            assert_true(found || json.string.len < MEANS_COLUMNS);
            n_found += found;
        }
    }
    assert_int_equal(event, TL_JSON_END);
    assert_int_equal(n_found, TL_CHECKS);
    tl_json_done(&json);
    tl_buffer_done(&document);
}

static void measures(void **state)
{
    struct tl_doctor doctor;
    struct tl_machine kept;
    char home[96], path[128];
    (void)state;
    snprintf(home, sizeof home, "%s/deep/er", folder);
    snprintf(path, sizeof path, "%s/machine.json", home);
    wish(&doctor);
    doctor.root = "";
    doctor.state = home;
    assert_int_equal(tl_doctor_run(&doctor), 0);
    check_document(&doctor);
    for (int i = 0; i < TL_CHECKS; i++)
        assert_true(*doctor.findings[i].found);
    assert_int_equal(doctor.n_reads, TL_DOCTOR_READS);
    assert_true(doctor.new_file);
    for (int i = 0; i < TL_DOCTOR_READS; i++)
        assert_true(doctor.reads[i].least > 0 && doctor.reads[i].least <= doctor.reads[i].rate && doctor.reads[i].rate <= doctor.reads[i].most);
    tl_machine_ask(NULL, &kept);
    assert_int_equal(tl_machine_read(path, false, &kept), 0);
    static const enum tl_fact facts[] = {TL_FACT_MEMORY, TL_FACT_DRIVE, TL_FACT_INT8, TL_FACT_BF16, TL_FACT_F32};
    for (size_t i = 0; i < ROWS(facts); i++) {
        assert_int_equal(kept.source[facts[i]], TL_SOURCE_MEASURED);
        assert_float_equal(kept.value[facts[i]] / doctor.machine.value[facts[i]], 1, 1e-5);
    }
    shell("test \"$(find . -type f)\" = ./deep/er/machine.json");
}

/* A run that cannot measure the drive leaves what an earlier one did; another machine's file is replaced. */
static void keeps_what_was_measured(void **state)
{
    struct tl_doctor doctor;
    struct tl_machine kept;
    char path[96];
    (void)state;
    snprintf(path, sizeof path, "%s/machine.json", folder);
    for (int other = 0; other < 2; other++) {
        tl_machine_ask(NULL, &kept);
        tl_machine_set(&kept, TL_FACT_DRIVE, 123e6, TL_SOURCE_MEASURED);
        tl_machine_set(&kept, TL_FACT_MEMORY, 5, TL_SOURCE_MEASURED);
        if (other)
            snprintf(kept.name, sizeof kept.name, "another machine");
        assert_int_equal(tl_machine_write(path, &kept), 0);
        wish(&doctor);
        doctor.models = "/proc";
        doctor.state = folder;
        assert_int_equal(tl_doctor_run(&doctor), 0);
        assert_int_equal(doctor.findings[TL_CHECK_DIRECT].health, TL_HEALTH_WARNING);
        assert_int_equal(doctor.findings[TL_CHECK_DRIVE].health, TL_HEALTH_UNKNOWN);
        tl_machine_ask(NULL, &kept);
        assert_int_equal(tl_machine_read(path, false, &kept), 0);
        assert_int_equal(kept.source[TL_FACT_DRIVE] == TL_SOURCE_MEASURED && kept.value[TL_FACT_DRIVE] == 123e6, !other);
        assert_true(kept.value[TL_FACT_MEMORY] > 1e6);
    }
    shell("echo '{\"drive\": \"much\"' >machine.json");          /* a damaged one is replaced */
    wish(&doctor);
    doctor.state = folder;
    assert_int_equal(tl_doctor_run(&doctor), 0);
    assert_int_equal(doctor.findings[TL_CHECK_SAVED].health, TL_HEALTH_OK);
    assert_int_equal(tl_machine_read(path, false, &kept), 0);
}

/* --- which file is read ------------------------------------------------------------------------------------------- */

static void chooses_a_file(void **state)
{
    struct tl_doctor doctor;
    (void)state;
    shell("mkdir models models/deeper; head -c 9000000 /dev/urandom >models/deeper/large.gguf; head -c 5000000 /dev/urandom >models/less.gguf;"
          "truncate -s 50M models/holes.gguf; ln -s /dev/zero models/link.gguf; mkfifo models/pipe.gguf; head -c 100 /dev/urandom >models/tiny");
    char models[96], path[128];
    snprintf(models, sizeof models, "%s/models", folder);
    wish(&doctor);
    doctor.models = models;
    assert_int_equal(tl_doctor_run(&doctor), 0);
    assert_false(doctor.new_file);
    assert_non_null(strstr(doctor.file, "/models/deeper/large.gguf"));

    snprintf(path, sizeof path, "%s/holes.gguf", models);
    wish(&doctor);
    doctor.drive_file = path;
    assert_int_equal(tl_doctor_run(&doctor), 0);
    assert_non_null(strstr(doctor.findings[TL_CHECK_DRIVE].found, "holes"));
    assert_int_not_equal(doctor.machine.source[TL_FACT_DRIVE], TL_SOURCE_MEASURED);

    snprintf(path, sizeof path, "%s/tiny", models);
    assert_int_equal(tl_doctor_run(&doctor), TL_E_FILE);
    doctor.drive_file = "/nowhere/model.gguf";
    assert_int_equal(tl_doctor_run(&doctor), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), "drive-file: /nowhere/model.gguf"));
    doctor.drive_file = NULL;
    doctor.cpu = "abacus";
    assert_int_equal(tl_doctor_run(&doctor), TL_E_USAGE);
    doctor.cpu = "ref";
    doctor.io = "telepathy";
    assert_int_equal(tl_doctor_run(&doctor), TL_E_USAGE);
    doctor.io = "pread";
    assert_int_equal(tl_doctor_run(&doctor), 0);
    assert_string_equal(doctor.way, "pread");
    assert_int_equal(doctor.findings[TL_CHECK_CPU].health, TL_HEALTH_WARNING);
    assert_int_equal(doctor.findings[TL_CHECK_PEAKS].health, TL_HEALTH_WARNING);
    doctor.models = "/nowhere/at/all";
    doctor.quick = true;
    assert_int_equal(tl_doctor_run(&doctor), 0);
    assert_non_null(strstr(doctor.findings[TL_CHECK_ROOM].found, "not there yet"));
}

/* --- what can go wrong -------------------------------------------------------------------------------------------- */

static int run_refused(void)
{
    struct tl_doctor doctor;
    wish(&doctor);
    if (!refuse_direct())
        return 77;
    if (tl_doctor_run(&doctor) < 0)
        return 1;
    return doctor.findings[TL_CHECK_URING].health != TL_HEALTH_WARNING || !strstr(doctor.findings[TL_CHECK_URING].found, "kernel.io_uring_disabled is 2")
               ? 2
           : strcmp(doctor.way, "pread") != 0 || doctor.n_reads == 0                                         ? 3
           : doctor.direct || doctor.findings[TL_CHECK_DIRECT].health != TL_HEALTH_WARNING                   ? 4
                                                                                                             : 0;
}

static void refused(void **state)
{
    int status = 0;
    (void)state;
    shell("put proc/sys/kernel/io_uring_disabled 2");
    pid_t child = fork();
    if (child == 0)
        _exit(run_refused());
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        print_message("system calls cannot be refused here\n");
    else
        assert_int_equal(WEXITSTATUS(status), 0);
    shell("rm -rf proc");
}

struct stop { int at, n; volatile int cancel; };

static void see(void *context, const struct tl_progress *progress)
{
    struct stop *stop = context;
    (void)progress;
    stop->cancel = ++stop->n > stop->at;
}

/* At every stage; nothing is left, and nothing kept. */
static void stops(void **state)
{
    int status = TL_E_CANCEL;
    (void)state;
    for (int at = 0; status == TL_E_CANCEL; at++) {
        struct stop stop = {.at = at};
        struct tl_progress progress = {.watch = see, .context = &stop, .cancel = &stop.cancel};
        struct tl_doctor doctor;
        wish(&doctor);
        doctor.state = folder;
        doctor.progress = &progress;
        status = tl_doctor_run(&doctor);
        if (status == TL_E_CANCEL)
            shell("test -z \"$(ls -A)\"");
        assert_true(at > 3 || status == TL_E_CANCEL);
    }
    assert_int_equal(status, 0);
}

static void memory_runs_out(void **state)
{
    int status = -1;
    (void)state;
    for (long n = 0; status < 0; n++) {
        struct tl_doctor doctor;
        wish(&doctor);
        tl_memory_fail_after(n);
        status = tl_doctor_run(&doctor);
        tl_memory_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_NOMEM);
        shell("test -z \"$(ls -A)\"");
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(looks), TEST(nothing_readable), TEST(measures), TEST(keeps_what_was_measured), TEST(chooses_a_file), TEST(refused), TEST(stops),
        TEST(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
