/* SPDX-License-Identifier: MIT */
/* Documents as flat lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "cli/flat.h"

static void test_flat(void **state)
{
    struct tl_flat flat;
    const struct tl_flat_row *row;
    const char *tail;
    uint64_t at = 0, n = 0;
    (void)state;
    assert_int_equal(tl_flat_read("it", "{\"a\":{\"b\":1.5,\"c\":[true,null,\"x\",{\"d\":-2}]},\"e\":\"\",\"f\":[],\"ab\":7}", &flat), 0);
    assert_true(tl_flat_number(&flat, "", "a.b") == 1.5);
    assert_true(tl_flat_number(&flat, "a.", "c.0") == 1);
    assert_false(tl_flat_has(&flat, "", "a.c.1"));
    assert_string_equal(tl_flat_text(&flat, "a.c.", "2"), "x");
    assert_true(tl_flat_number(&flat, "a.c.3.", "d") == -2);
    assert_true(tl_flat_has(&flat, "", "e") && !*tl_flat_text(&flat, "", "e"));
    assert_true(tl_flat_number(&flat, "", "nothing") == 0);
    while ((row = tl_flat_next(&flat, "", "a", &at, &tail))) {
        assert_true(n || strcmp(tail, "b") == 0);
        n++;
    }
    assert_int_equal(n, 4);
    tl_flat_done(&flat);
    assert_int_equal(tl_flat_read("it", "{\"a\":", &flat), TL_E_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flat)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
