/* SPDX-License-Identifier: MIT */
/* The energy meter on made-up trees: what is summed, counters that wrap, that are set back, that cannot be read. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/power.h"
#include "folder.h"

/* The text with `zone NAME KIND COUNTER RANGE` and `counter NAME VALUE`. */
static void powercap(const char *text)
{
    char all[2048];
    snprintf(all, sizeof all, "at=sys/class/powercap; counter() { put $at/\"$1\"/energy_uj \"$2\"; };"
             " zone() { put $at/\"$1\"/name \"$2\" && counter \"$1\" \"$3\" && put $at/\"$1\"/max_energy_range_uj \"$4\"; }; %s", text);
    shell(all);
}

/* A tree, what happens to it, and the joules that must be read; < 0: the failure. */
static const struct { const char *tree, *then, *zones; double joules; } trees[] = {
    {"zone intel-rapl:0 package-0 1000000 262143328850", "counter intel-rapl:0 3500000", "package-0", 2.5},
    /* the parts of a package and the whole machine are not added to it, memory is */
    {"zone intel-rapl:0 package-0 5 1000; zone intel-rapl:0:0 core 7 1000; zone intel-rapl:0:1 uncore 8 1000;"
     "zone intel-rapl:0:2 dram 5 65000000000; zone intel-rapl:2 psys 9 1000",
     "counter intel-rapl:0 1000; counter intel-rapl:0:0 900; counter intel-rapl:0:1 900; counter intel-rapl:0:2 2000005; counter intel-rapl:2 900", NULL, 2.000995},
    {"zone intel-rapl:0 package-0 1 9000000000; zone intel-rapl:1 package-1 1 9000000000", "counter intel-rapl:0 1000001; counter intel-rapl:1 2000001", NULL, 3},
    /* the same package by another way counts once; alone it counts */
    {"zone intel-rapl:0 package-0 0 9000000; zone intel-rapl-mmio:0 package-0 0 9000000", "counter intel-rapl:0 1000000; counter intel-rapl-mmio:0 1000000",
     "package-0", 1},
    {"zone intel-rapl-mmio:0 package-0 0 9000000", "counter intel-rapl-mmio:0 1000000", "package-0", 1},
    /* wraps at its range; set back; a range that is no number or less than the counter */
    {"zone intel-rapl:0 package-0 262143000000 262143328850", "counter intel-rapl:0 671150", "package-0", 1.0},
    {"zone intel-rapl:0 package-0 100000000000 262143328850", "counter intel-rapl:0 1000", "package-0", -1},
    {"zone intel-rapl:0 package-0 5000000 many", "counter intel-rapl:0 1000", "package-0", -1},
    {"zone intel-rapl:0 package-0 5000000 4000000", "counter intel-rapl:0 1000", "package-0", -1},
    {"zone intel-rapl:0 package-0 5000000 many", "counter intel-rapl:0 6000000", "package-0", 1},
    /* forward further than anything draws; away; not a number */
    {"zone intel-rapl:0 package-0 0 262143328850", "counter intel-rapl:0 90000000000", "package-0", -1},
    {"zone intel-rapl:0 package-0 1 262143328850", ": >sys/class/powercap/intel-rapl:0/energy_uj", "package-0", -1},
    {"zone intel-rapl:0 package-0 1 262143328850", "counter intel-rapl:0 -7", "package-0", -1},
};

static void sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(trees); i++) {
        struct tl_power *power = NULL;
        double joules = -1;
        assert_int_equal(make_folder(NULL), 0);
        powercap(trees[i].tree);
        assert_int_equal(tl_power_open(folder, &power), 0);
        powercap(trees[i].then);
        int status = tl_power_read(power, &joules);
        if (trees[i].joules < 0 ? status != TL_E_IO : status != 0 || joules < trees[i].joules - 1e-9 || joules > trees[i].joules + 1e-9)
            fail_msg("tree %zu: status %d, %.9f joules", i, status, joules);
        if (trees[i].zones)
            assert_string_equal(tl_power_zones(power), trees[i].zones);
        if (trees[i].joules < 0) {                   /* a gap stays a gap */
            powercap("counter intel-rapl:0 5000000");
            assert_int_equal(tl_power_read(power, &joules), TL_E_IO);
        }
        tl_power_close(power);
        assert_int_equal(remove_folder(NULL), 0);
    }
}

/* A counter that wraps at 1 J: its values one after another, and the joules that must be read. With nobody looking, the
 * meter's own thread misses none of those that last. */
static const struct { const char *values[10]; bool look; useconds_t wait; double joules; } wraps[] = {
    {{"900000", "0", "900000", "0", "900000", "0", "900000", "0", "900000", "0"}, true, 0, 5},
    {{"900000", "100000"}, false, 1800000, 1.1},
};

static void many_wraps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(wraps); i++) {
        char text[80];
        struct tl_power *power = NULL;
        double joules = -1;
        assert_int_equal(make_folder(NULL), 0);
        powercap("zone intel-rapl:0 package-0 0 1000000");
        assert_int_equal(tl_power_open(folder, &power), 0);
        for (size_t k = 0; k < ROWS(wraps[i].values) && wraps[i].values[k]; k++) {
            usleep(k ? wraps[i].wait : 0);
            snprintf(text, sizeof text, "counter intel-rapl:0 %s", wraps[i].values[k]);
            powercap(text);
            if (wraps[i].look)
                tl_power_look(power);
        }
        assert_int_equal(tl_power_read(power, &joules), 0);
        assert_true(joules > wraps[i].joules - 1e-9 && joules < wraps[i].joules + 1e-9);
        tl_power_close(power);
        assert_int_equal(remove_folder(NULL), 0);
    }
}

static const struct { const char *tree, *sentence; int status; } none[] = {
    {"true", "no energy counters", TL_E_FAIL},
    {"mkdir -p sys/class/powercap", "no counter", TL_E_FAIL},
    {"zone intel-rapl:0 psys 5 6", "no counter", TL_E_FAIL},
    {"mkdir -p sys/class/powercap/intel-rapl:0", "no counter", TL_E_FAIL},
    {"zone intel-rapl:0 package-0 x 6", "energy_uj", TL_E_IO},
    {"zone intel-rapl:0 package-0 5 6; rm sys/class/powercap/intel-rapl:0/energy_uj", "No such file", TL_E_IO},
    {"zone intel-rapl:0 package-0 5 6; zone intel-rapl:1 package-1 '' 6", "energy_uj", TL_E_IO},
};

static void unreadable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(none); i++) {
        struct tl_power *power = NULL;
        assert_int_equal(make_folder(NULL), 0);
        powercap(none[i].tree);
        assert_int_equal(tl_power_open(folder, &power), none[i].status);
        assert_null(power);
        if (!strstr(tl_error_text(), none[i].sentence))
            fail_msg("tree %zu: %s", i, tl_error_text());
        assert_int_equal(remove_folder(NULL), 0);
    }
}

static void out_of_everything(void **state)
{
    (void)state;
    struct tl_power *power = NULL;
    double joules;
    assert_int_equal(make_folder(NULL), 0);
    powercap("zone intel-rapl:0 package-0 5 1000; zone intel-rapl:0:0 dram 5 1000");
    for (long n = 0, status = -1; status < 0; n++) {
        tl_memory_fail_after(n);
        status = tl_power_open(folder, &power);
        tl_memory_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_NOMEM);
    }
    tl_file_fail_after(1);
    assert_int_equal(tl_power_read(power, &joules), TL_E_IO);
    tl_file_fail_after(-1);
    assert_int_equal(tl_power_read(power, &joules), TL_E_IO);
    tl_power_close(power);
    tl_power_close(NULL);
    assert_int_equal(remove_folder(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums), cmocka_unit_test(many_wraps), cmocka_unit_test(unreadable),
        cmocka_unit_test(out_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
