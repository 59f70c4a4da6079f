/* SPDX-License-Identifier: MIT */
/* Lists of ids in both forms, good and bad, and the NPY file that comes of them. */
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
#include "base/memory.h"
#include "cli/input.h"
#include "cli/npy.h"
#include "folder.h"

static const struct { const char *text; int status; size_t count; int32_t last; } lists[] = {
    {"[1, 2, 3]", 0, 3, 3},         {" \n[7]\n", 0, 1, 7},     {"1 2\n3\t4", 0, 4, 4},          {"5\r\n", 0, 1, 5},
    {"[]", 0, 0, 0},                {"", 0, 0, 0},             {"2147483647", 0, 1, INT32_MAX}, {"[0]", 0, 1, 0},
    {"2147483648", TL_E_USAGE, 0, 0}, {"-1", TL_E_USAGE, 0, 0},  {"[1 2]", TL_E_USAGE, 0, 0},     {"[1,]", TL_E_USAGE, 0, 0},
    {"[1.5]", TL_E_USAGE, 0, 0},      {"[1e2]", TL_E_USAGE, 0, 0}, {"1,2", TL_E_USAGE, 0, 0},     {"[[1]]", TL_E_USAGE, 0, 0},
    {"[1] 2", TL_E_USAGE, 0, 0},      {"[1", TL_E_USAGE, 0, 0},  {"x", TL_E_USAGE, 0, 0},         {"[\"1\"]", TL_E_USAGE, 0, 0},
    {"99999999999999999999", TL_E_USAGE, 0, 0},
};

static void test_ids(void **state)
{
    char path[] = "/tmp/trill-ids-XXXXXX";
    (void)state;
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        make_text(path, lists[i].text);
        int32_t *ids = NULL;
        size_t count = 0;
        assert_int_equal(tl_input_ids(path, &ids, &count), lists[i].status);
        assert_int_equal(count, lists[i].count);
        if (count)
            assert_int_equal(ids[count - 1], lists[i].last);
        tl_free(ids);
    }
    unlink(path);
}

static void test_memory(void **state)
{
    char path[] = "/tmp/trill-ids-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "[1, 2, 3, 4]", 12), 12);
    close(fd);
    for (long n = 0, r = TL_E_NOMEM; r < 0; n++) {
        int32_t *ids = NULL;
        size_t count = 0;
        tl_memory_fail_after(n);
        r = tl_input_ids(path, &ids, &count);
        tl_memory_fail_after(-1);
        assert_true(r == 0 || r == TL_E_NOMEM);
        assert_int_equal(count, r == 0 ? 4 : 0);
        tl_free(ids);
        assert_true(n < 100);
    }
    unlink(path);
}

static void test_npy(void **state)
{
    static const char hash[] = "150c1ce9f560e35a7c3f076f2d4d8cb7e25467889388226afc7a73ab5c93d67e";
    static const float rows[2][3] = {{0, 1, -2}, {0.5f, 1e30f, -0.0f}};
    char path[64], text[TL_NPY_HASH_TEXT], header[129] = "";
    float back[2][3];
    struct tl_npy npy;
    (void)state;
    assert_int_equal(make_folder(NULL), 0);
    snprintf(path, sizeof path, "%s/rows.npy", folder);
    assert_int_equal(tl_npy_open(path, 2, 3, &npy), 0);
    assert_int_equal(tl_npy_row(&npy, rows[0]), 0);
    assert_int_equal(tl_npy_hash(&npy, text), TL_E_FAIL);            /* a row is missing */
    assert_int_equal(tl_npy_row(&npy, rows[1]), 0);
    assert_int_equal(tl_npy_hash(&npy, text), 0);
    assert_string_equal(text, hash);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(tl_npy_commit(&npy), 0);
    tl_npy_close(&npy);
    FILE *file = fopen(path, "rb");
    assert_int_equal(fread(header, 1, 128, file), 128);
    assert_int_equal(fread(back, 1, sizeof back, file), sizeof back);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    assert_memory_equal(header, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 69);
    assert_int_equal(header[127], '\n');
    assert_memory_equal(back, rows, sizeof rows);
    assert_int_equal(tl_npy_open(path, 1, 3, &npy), 0);
    tl_npy_close(&npy);                                              /* not committed: the old file stays */
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    assert_int_equal(remove_empty_folder(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ids), cmocka_unit_test(test_memory), cmocka_unit_test(test_npy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
