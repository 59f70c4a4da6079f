/* SPDX-License-Identifier: MIT */
/* The folder of a distillation: what is kept comes back, damage is told, two processes do not share it. */
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_work.h"
#include "folder.h"

static const uint8_t one[TL_SHA256_BYTES] = {0xab, 0xcd, 0xef}, two[TL_SHA256_BYTES] = {1};

static void kept(void **state)
{
    struct tl_distill_work *work;
    const char *deeper = in_folder("a/b");
    (void)state;
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
    const char *path = in_folder("manifest.json");
    (void)state;
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        make_text(path, damaged[i]);
        if (tl_distill_work_open(folder, &work) != TL_E_USAGE)
            fail_msg("%s: not refused", damaged[i]);
        assert_non_null(strstr(tl_error_text(), "manifest.json"));
    }
    make_text(path, "{\"format\":\"trill.distill\",\"later\":[{}],\"stages\":[]}");
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
        cmocka_unit_test_setup_teardown(kept, make_folder, remove_folder), cmocka_unit_test_setup_teardown(two_at_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damage, make_folder, remove_folder), cmocka_unit_test_setup_teardown(out_of_memory, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
