/* SPDX-License-Identifier: MIT */
/* The folder of a distillation: what is kept comes back, damage is told, two processes do not share it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_work.h"

static const uint8_t one[TL_SHA256_BYTES] = {0xab, 0xcd, 0xef}, two[TL_SHA256_BYTES] = {1};
static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/trill-work-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void kept(void **state)
{
    struct tl_distill_work *work;
    char deeper[96];
    (void)state;
    snprintf(deeper, sizeof(deeper), "%s/a/b", folder);
    assert_int_equal(tl_distill_work_open(deeper, &work), 0);
    TL_AUTO char *path = tl_distill_work_path(work, "sweep", one, "teacher");
    assert_string_equal(strrchr(path, '/'), "/sweep-abcdef000000.teacher");
    assert_null(tl_distill_work_facts(work, "sweep", one));
    assert_int_equal(tl_distill_work_done(work, "sweep", one, path, "{\"seconds\":1}"), 0);
    assert_int_equal(tl_distill_work_done(work, "train", two, "else\"where", "{}"), 0);
    assert_int_equal(tl_distill_work_done(work, "sweep", one, path, "{\"seconds\":{\"x\":[2]}}"), 0);
    tl_distill_work_close(work);
    assert_int_equal(tl_distill_work_open(deeper, &work), 0);
    assert_string_equal(tl_distill_work_facts(work, "sweep", one), "{\"seconds\":{\"x\":[2]}}");
    assert_string_equal(tl_distill_work_facts(work, "train", two), "{}");
    assert_null(tl_distill_work_facts(work, "train", one));
    tl_distill_work_close(work);
}

static void two_at_once(void **state)
{
    struct tl_distill_work *work, *other = NULL;
    (void)state;
    assert_int_equal(tl_distill_work_open(folder, &work), 0);
    assert_int_equal(tl_distill_work_open(folder, &other), TL_E_FAIL);
    assert_non_null(strstr(tl_error_text(), "another process"));
    tl_distill_work_close(work);
    assert_int_equal(tl_distill_work_open(folder, &other), 0);
    tl_distill_work_close(other);
}

static const char *const damaged[] = {
    "", "[]", "{", "{}", "{\"format\":\"x\"}", "{\"format\":\"trill.distill\",\"stages\":3}",
    "{\"format\":\"trill.distill\",\"stages\":[{\"stage\":\"a\"}]}", "{\"format\":\"trill.distill\",\"stages\":[{\"stage\":4}]}",
    "{\"format\":\"trill.distill\",\"stages\":[{\"stage\":\"a\",\"digest\":\"b\",\"file\":\"c\",\"facts\":[]}]}",
    "{\"format\":\"trill.distill\",\"stages\":[{\"stage\":\"a\",\"stage\":\"b\",\"digest\":\"b\",\"facts\":{},\"facts\":{}}]}",
};

static void damage(void **state)
{
    struct tl_distill_work *work;
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s/manifest.json", folder);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        FILE *file = fopen(path, "w");
        fputs(damaged[i], file);
        fclose(file);
        if (tl_distill_work_open(folder, &work) != TL_E_USAGE)
            fail_msg("%s: not refused", damaged[i]);
        assert_non_null(strstr(tl_error_text(), "manifest.json"));
    }
    FILE *file = fopen(path, "w");
    fputs("{\"format\":\"trill.distill\",\"later\":[{}],\"stages\":[]}", file);
    fclose(file);
    assert_int_equal(tl_distill_work_open(folder, &work), 0);
    tl_distill_work_close(work);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 200; n++) {
        struct tl_distill_work *work = NULL;
        tl_memory_fail_after(n);
        int status = tl_distill_work_open(folder, &work);
        if (status >= 0)
            status = tl_distill_work_done(work, "sweep", one, "x", "{}");
        tl_memory_fail_after(-1);
        tl_distill_work_close(work);
        if (status >= 0)
            return;
        assert_int_equal(status, TL_E_NOMEM);
    }
    fail_msg("it never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept, set_up, tear_down), cmocka_unit_test_setup_teardown(two_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage, set_up, tear_down), cmocka_unit_test_setup_teardown(out_of_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
