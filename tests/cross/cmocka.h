/* SPDX-License-Identifier: MIT */
/* The part of cmocka's interface that the tests of base, number and kernel use, for machines that cmocka is not
 * installed for: cross builds run under an emulator. A failure ends its test by a jump, the others still run. */
#ifndef TRILL_TESTS_CROSS_CMOCKA_H
#define TRILL_TESTS_CROSS_CMOCKA_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    int (*setup_func)(void **state);
    int (*teardown_func)(void **state);
};

#define cmocka_unit_test(f) {#f, f, NULL, NULL}
#define cmocka_unit_test_setup_teardown(f, setup, teardown) {#f, f, setup, teardown}

static jmp_buf cross_end_of_test;

static inline _Noreturn void cross_fail(const char *file, int line)
{
    printf("\n%s:%d: error: Failure!\n", file, line);
    longjmp(cross_end_of_test, 1);
}

static inline _Noreturn void cross_skip(void)
{
    longjmp(cross_end_of_test, 2);
}

static inline void cross_check(int good, const char *what, const char *file, int line)
{
    if (!good) {
        printf("%s\n", what);
        cross_fail(file, line);
    }
}

static inline void cross_equal(uintmax_t a, uintmax_t b, int equal, const char *file, int line)
{
    if ((a == b) != equal) {
        printf("%#" PRIxMAX " %s %#" PRIxMAX "\n", a, equal ? "!=" : "==", b);
        cross_fail(file, line);
    }
}

static inline void cross_range(uintmax_t a, uintmax_t low, uintmax_t high, const char *file, int line)
{
    if (a < low || a > high) {
        printf("%" PRIuMAX " is not within %" PRIuMAX "-%" PRIuMAX "\n", a, low, high);
        cross_fail(file, line);
    }
}

#define assert_true(x) cross_check(!!(x), #x, __FILE__, __LINE__)
#define assert_false(x) cross_check(!(x), #x " is true", __FILE__, __LINE__)
#define assert_null(x) cross_check((x) == NULL, #x " is not NULL", __FILE__, __LINE__)
#define assert_non_null(x) cross_check((x) != NULL, #x " is NULL", __FILE__, __LINE__)
#define assert_int_equal(a, b) cross_equal((uintmax_t)(a), (uintmax_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) cross_equal((uintmax_t)(a), (uintmax_t)(b), 0, __FILE__, __LINE__)
#define assert_ptr_equal(a, b) cross_equal((uintptr_t)(a), (uintptr_t)(b), 1, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) cross_equal((uintptr_t)(a), (uintptr_t)(b), 0, __FILE__, __LINE__)
#define assert_string_equal(a, b) cross_check(strcmp(a, b) == 0, #a " differs from " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n) cross_check(memcmp(a, b, n) == 0, #a " differs from " #b, __FILE__, __LINE__)
#define assert_in_range(a, low, high) cross_range((uintmax_t)(a), (uintmax_t)(low), (uintmax_t)(high), __FILE__, __LINE__)
#define fail() cross_fail(__FILE__, __LINE__)
#define fail_msg(...) (printf(__VA_ARGS__), cross_fail(__FILE__, __LINE__))
#define skip() cross_skip()
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) printf(__VA_ARGS__)

static inline int cross_run_one(const struct CMUnitTest *test, void *state)
{
    int outcome = setjmp(cross_end_of_test);
    if (outcome == 0) {
        if (test->setup_func && test->setup_func(&state) != 0)
            return 1;
        test->test_func(&state);
    }
    if (test->teardown_func)
        test->teardown_func(&state);
    printf("[ %s ] %s\n", outcome == 0 ? "OK" : outcome == 2 ? "SKIPPED" : "FAILED", test->name);
    fflush(stdout);
    return outcome == 1;
}

static inline int cross_run_all(const struct CMUnitTest *tests, size_t n_tests, int (*setup)(void **), int (*teardown)(void **))
{
    void *state = NULL;
    int n_failed = setup && setup(&state) != 0;
    for (size_t i = 0; i < n_tests && !(i == 0 && n_failed); i++)
        n_failed += cross_run_one(&tests[i], state);
    if (teardown && teardown(&state) != 0)
        n_failed++;
    return n_failed;
}

#define cmocka_run_group_tests(tests, setup, teardown) cross_run_all(tests, sizeof(tests) / sizeof *(tests), setup, teardown)

#endif
