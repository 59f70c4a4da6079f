/* SPDX-License-Identifier: MIT */
/* Values for a spreadsheet: what is quoted, what is empty, and which documents are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "cli/csv.h"

static void test_rows(void **state)
{
    static const struct { const char *json, *csv; } cases[] = {
        {"{\"rows\":[]}", ""},
        {"{\"other\":[{\"a\":1}]}", ""},
        {"{\"rows\":[{\"a\":1,\"b\":\"x\"},{\"a\":-2.5e3,\"b\":\"y z\"}]}", "a,b\r\n1,x\r\n-2.5e3,y z\r\n"},
        {"{\"x\":{\"rows\":[{\"a\":1}]},\"rows\":[{\"a\":null,\"b\":true,\"c\":false}],\"y\":[1]}", "a,b,c\r\n,true,false\r\n"},
        {"{\"rows\":[{\"m\":\"a,b\"},{\"m\":\"say \\\"hi\\\"\"},{\"m\":\"two\\nlines\"},{\"m\":\"cr\\r\"},{\"m\":\"\"},{\"m\":\"\\\"\"}]}",
         "m\r\n\"a,b\"\r\n\"say \"\"hi\"\"\"\r\n\"two\nlines\"\r\n\"cr\r\"\r\n\r\n\"\"\"\"\r\n"},
        {"{\"rows\":[{\"a,b\":\"\\u00e9\\u4e2d\"}]}", "\"a,b\"\r\n\xc3\xa9\xe4\xb8\xad\r\n"},
        {"{\"rows\":[{\"m\":\"a\\u0000b\"}]}", "m\r\n\"a b\"\r\n"},
        {"{\"rows\":[{\"a\":[1,2],\"b\":{\"c\":3},\"d\":4}]}", "a,b,d\r\n,,4\r\n"},
        {"{\"rows\":[{}]}", "\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tl_buffer out;
        tl_buffer_init(&out, 0);
        if (tl_csv_from_json(cases[i].json, "rows", &out) < 0)
            fail_msg("%s: %s", cases[i].json, tl_error_text());
        if (strcmp(out.data ? out.data : "", cases[i].csv) != 0)
            fail_msg("%s became %s", cases[i].json, out.data);
        tl_buffer_done(&out);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "", "[]", "{\"rows\":1}", "{\"rows\":[1]}", "{\"rows\":[{\"a\":1},{\"b\":1}]}", "{\"rows\":[{\"a\":1},{}]}", "{\"rows\":[{\"a\":1},{\"a\":1,\"b\":1}]}",
        "{\"rows\":[{\"a\":1,\"b\":1},{\"a\":1}]}", "{\"rows\":[{\"ab\":1},{\"a\":1}]}", "{\"rows\":[{\"a\":1}", "{\"rows\":[{\"a\":tru}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tl_buffer out;
        tl_buffer_init(&out, 0);
        if (tl_csv_from_json(cases[i], "rows", &out) >= 0)
            fail_msg("%s was taken", cases[i]);
        tl_buffer_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
