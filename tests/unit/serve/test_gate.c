/* SPDX-License-Identifier: MIT */
/* Keys, the names by which the server may be called, and the origins that browsers may come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "serve/gate.h"

static const char *const keys[] = {"first key", "another", ""};
static const char *const hosts[] = {"box.example.org"};
static const char *const origins[] = {"https://pages.example", "null"};

static void test_keys(void **state)
{
    struct tl_gate gate, open;
    (void)state;
    assert_int_equal(tl_gate_init(&gate, keys, 2), 0);
    assert_int_equal(tl_gate_init(&open, NULL, 0), 0);
    assert_true(tl_gate_key(&gate, "first key"));
    assert_true(tl_gate_key(&gate, "another"));
    assert_true(tl_gate_key(&open, NULL));
    assert_true(tl_gate_key(&open, "whatever"));
    const char *wrong[] = {NULL, "", "first", "first key ", "anothe", "Another"};
    for (size_t i = 0; i < TL_COUNT(wrong); i++)
        assert_false(tl_gate_key(&gate, wrong[i]));
    tl_gate_done(&gate);
    tl_gate_done(&open);
}

static void test_key_of(void **state)
{
    (void)state;
    assert_string_equal(tl_gate_key_of("Bearer abc", "def"), "abc");
    assert_string_equal(tl_gate_key_of("bearer   abc", NULL), "abc");
    assert_string_equal(tl_gate_key_of("Basic abc", "def"), "def");
    assert_string_equal(tl_gate_key_of(NULL, "def"), "def");
    assert_null(tl_gate_key_of("abc", NULL));
    assert_null(tl_gate_key_of(NULL, NULL));
}

static const struct { const char *host; bool good; } host_cases[] = {
    {NULL, true}, {"localhost", true}, {"LOCALHOST:80", true}, {"127.0.0.1", true}, {"127.9.9.9:1", true}, {"[::1]:8080", true}, {"10.0.0.7:8080", true},
    {"[fe80::1]", true}, {"box.example.org", true}, {"BOX.example.org:443", true}, {"listens.example", true},
    {"", false}, {":80", false}, {"evil.example", false}, {"localhost.evil.example", false}, {"127.0.0.1.evil.example", false}, {"localhost:80x", false},
    {"localhost:", false}, {"localhost:99999", false}, {"[::1", false}, {"[]", false}, {"box.example.org.", false}, {"a@localhost", false},
    {"localhost/", false}, {"1", false},
};

static void test_hosts(void **state)
{
    const struct tl_gate gate = {.hosts = hosts, .n_hosts = 1, .host = "listens.example"};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(host_cases); i++)
        if (tl_gate_host(&gate, host_cases[i].host) != host_cases[i].good)
            fail_msg("host '%s'", host_cases[i].host ? host_cases[i].host : "(none)");
}

static const struct { const char *origin, *host; bool good; } origin_cases[] = {
    {"http://localhost:3000", "x", true}, {"https://127.0.0.1", "x", true}, {"http://[::1]:5", "x", true}, {"http://box.example.org:8080", "box.example.org:8080", true},
    {"https://pages.example", "x", true}, {"null", "x", true},
    {"http://box.example.org", "box.example.org:8080", false}, {"http://evil.example", "x", false}, {"http://localhost.evil.example", "x", false},
    {"ftp://localhost", "x", false}, {"localhost", "x", false}, {"", "x", false}, {"http://", "", false}, {"https://pages.example.evil", "x", false},
    {"http://10.0.0.7", "127.0.0.1", false}, {"http://localhost/path", "x", false}, {"file://", "x", false},
};

static void test_origins(void **state)
{
    const struct tl_gate gate = {.origins = origins, .n_origins = 2};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(origin_cases); i++)
        if (tl_gate_origin(&gate, origin_cases[i].origin, origin_cases[i].host) != origin_cases[i].good)
            fail_msg("origin '%s'", origin_cases[i].origin);
}

/* A long name is no name, and touches nothing behind its end. */
static void test_long(void **state)
{
    char name[1000];
    const struct tl_gate gate = {0};
    (void)state;
    memset(name, '1', sizeof(name));
    name[sizeof(name) - 1] = 0;
    assert_false(tl_gate_host(&gate, name));
    memcpy(name, "127.", 4);
    assert_false(tl_gate_host(&gate, name));
    memcpy(name, "http://", 7);
    assert_false(tl_gate_origin(&gate, name, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys), cmocka_unit_test(test_key_of), cmocka_unit_test(test_hosts), cmocka_unit_test(test_origins),
                                       cmocka_unit_test(test_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
