/* SPDX-License-Identifier: MIT */
/* Facts of a machine: every row parses what it prints; files are read, refused and written; later sources win. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "plan/machine.h"
#include "folder.h"

static void test_texts(void **state)
{
    static const struct { enum tl_fact fact; const char *text; double value; } good[] = {
        {TL_FACT_DRIVE, "7GB/s", 7e9}, {TL_FACT_DRIVE, "3.5G", 3.5e9}, {TL_FACT_DRIVE, "1500MB/s", 1.5e9}, {TL_FACT_DRIVE, "2GiB/s", 2147483648.0},
        {TL_FACT_RAM, "64G", 68719476736.0}, {TL_FACT_RAM, "64GiB", 68719476736.0}, {TL_FACT_RAM, "512 MB", 536870912.0},
        {TL_FACT_INT8, "2T", 2e12}, {TL_FACT_INT8, "2Tops/s", 2e12}, {TL_FACT_F32, "200Gflop/s", 2e11}, {TL_FACT_WATTS, "60W", 60}, {TL_FACT_KWH, "0.25", 0.25},
        {TL_FACT_KWH, "0", 0}, {TL_FACT_CARBON, "445g", 445}, {TL_FACT_THREADS, "8", 8},
    };
    static const struct { enum tl_fact fact; const char *text; } bad[] = {
        {TL_FACT_DRIVE, ""}, {TL_FACT_DRIVE, "fast"}, {TL_FACT_DRIVE, "7XB/s"}, {TL_FACT_DRIVE, "7 parsecs"}, {TL_FACT_DRIVE, "0"}, {TL_FACT_DRIVE, "-1GB/s"},
        {TL_FACT_DRIVE, "7W"}, {TL_FACT_RAM, "64GB/s"}, {TL_FACT_WATTS, "nan"}, {TL_FACT_KWH, "1e300"}, {TL_FACT_DRIVE, "i"}, {TL_FACT_DRIVE, "7iB/s"},
    };
    double value;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (tl_fact_parse(good[i].fact, good[i].text, &value) < 0)
            fail_msg("%s: %s", good[i].text, tl_error_text());
        assert_float_equal(value, good[i].value, 1e-6 * good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (tl_fact_parse(bad[i].fact, bad[i].text, &value) != TL_E_USAGE)
            fail_msg("%s was taken as %g", bad[i].text, value);
        assert_non_null(strstr(tl_error_text(), tl_facts[bad[i].fact].name));
    }
}

static void test_rows_print_what_they_parse(void **state)
{
    (void)state;
    for (int i = 0; i < TL_FACTS; i++) {
        struct tl_buffer text;
        double value;
        tl_buffer_init(&text, 0);
        tl_fact_print((enum tl_fact)i, 12.5e9, &text);
        if (tl_fact_parse((enum tl_fact)i, text.data, &value) < 0)
            fail_msg("%s", tl_error_text());
        assert_float_equal(value, 12.5e9, 0.01 * 12.5e9);
        tl_buffer_done(&text);
    }
}

static void test_sources(void **state)
{
    struct tl_machine machine;
    (void)state;
    tl_machine_ask(NULL, &machine);
    assert_true(machine.value[TL_FACT_RAM] > 0 && machine.source[TL_FACT_RAM] == TL_SOURCE_ASKED);
    assert_int_equal(tl_machine_say(&machine, TL_FACT_DRIVE, "7GB/s"), 0);
    tl_machine_set(&machine, TL_FACT_DRIVE, 1e9, TL_SOURCE_MEASURED);
    assert_float_equal(machine.value[TL_FACT_DRIVE], 7e9, 1);
    tl_machine_set(&machine, TL_FACT_INT8, 1e12, TL_SOURCE_MEASURED);
    tl_machine_finish(&machine);
    assert_float_equal(machine.value[TL_FACT_BF16], 5e11, 1);
    assert_float_equal(machine.value[TL_FACT_F32], 2.5e11, 1);
}

static void test_files(void **state)
{
    static const char *const bad[] = {
        "", "[]", "{", "{\"drive\":[]}", "{\"drvie\":\"7GB/s\"}", "{\"drive\":\"seven\"}", "{\"drive\":-1}", "{\"measured\":[\"speed\"]}",
        "{\"measured\":[1]}", "{\"name\":1}", "{\"ram\":1} x", "{\"x\\u0000\":1}",
    };
    const char *path = in_folder("machine.json");
    struct tl_machine machine, again;
    (void)state;
    make_text(path, "{\"name\":\"a server\",\"ram\":\"64G\",\"drive\":7e9,\"flops\":\"2T\",\"measured\":[\"drive\"]}");
    tl_machine_ask(NULL, &machine);
    assert_int_equal(tl_machine_read(path, true, &machine), 0);
    assert_string_equal(machine.name, "a server");
    assert_int_equal(machine.source[TL_FACT_DRIVE], TL_SOURCE_MEASURED);
    assert_int_equal(machine.source[TL_FACT_RAM], TL_SOURCE_SAID);
    assert_int_equal(machine.source[TL_FACT_THREADS], TL_SOURCE_USUAL);
    assert_int_equal(tl_machine_write(path, &machine), 0);
    tl_machine_ask(NULL, &again);
    assert_int_equal(tl_machine_read(path, true, &again), 0);
    for (int i = 0; i < TL_FACTS; i++) {
        assert_float_equal(machine.value[i], again.value[i], 1e-5 * machine.value[i]);
        assert_int_equal(machine.source[i], again.source[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        make_text(path, bad[i]);
        if (tl_machine_read(path, true, &machine) != TL_E_FILE)
            fail_msg("%s was read", bad[i]);
        assert_non_null(strstr(tl_error_text(), path));
    }
    assert_string_equal(machine.name, "a server");
}

static void test_here(void **state)
{
    char measured[64], said[64], file[2][96];
    struct tl_machine machine;
    (void)state;
    snprintf(measured, sizeof measured, "%s/state", folder);
    snprintf(said, sizeof said, "%s/config", folder);
    shell("mkdir state config");
    snprintf(file[0], sizeof file[0], "%s/machine.json", measured);
    snprintf(file[1], sizeof file[1], "%s/machine.json", said);
    assert_int_equal(tl_machine_here(NULL, NULL, NULL, &machine), 0);
    assert_int_equal(tl_machine_here(measured, said, NULL, &machine), 0);
    assert_int_equal(machine.source[TL_FACT_DRIVE], TL_SOURCE_USUAL);
    make_text(file[0], "{\"drive\":\"3GB/s\",\"memory\":\"50GB/s\",\"measured\":[\"drive\",\"memory\"]}");
    make_text(file[1], "{\"price-kwh\":0.4,\"memory\":\"60GB/s\"}");
    assert_int_equal(tl_machine_here(measured, said, NULL, &machine), 0);
    assert_float_equal(machine.value[TL_FACT_DRIVE], 3e9, 1);
    assert_float_equal(machine.value[TL_FACT_MEMORY], 60e9, 1);
    assert_float_equal(machine.value[TL_FACT_KWH], 0.4, 1e-12);
    make_text(file[0], "{");
    assert_int_equal(tl_machine_here(measured, said, NULL, &machine), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), file[0]));
    assert_float_equal(machine.value[TL_FACT_KWH], 0.4, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts), cmocka_unit_test(test_rows_print_what_they_parse), cmocka_unit_test(test_sources), cmocka_unit_test(test_files),
        cmocka_unit_test(test_here),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
