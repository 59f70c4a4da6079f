/* SPDX-License-Identifier: MIT */
/* Status codes and the sentence of the last failure. */
#include "base_test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/error.h"

static void sentence_is_recorded(void **state)
{
    (void)state;
    assert_int_equal(tl_fail(TL_E_FILE, "%s: found %d", "a.gguf", 7), TL_E_FILE);
    assert_string_equal(tl_error_text(), "a.gguf: found 7");
    assert_int_equal(tl_fail_in(TL_E_FILE, "opening %s", "x"), TL_E_FILE);
    assert_string_equal(tl_error_text(), "opening x: a.gguf: found 7");
    assert_int_equal(tl_error_set(TL_E_IO, "as %s is"), TL_E_IO);
    assert_string_equal(tl_error_text(), "as %s is");
    tl_fail(TL_E_FAIL, "again: %s", tl_error_text());
    assert_string_equal(tl_error_text(), "again: as %s is");
    errno = ENOSPC;
    tl_fail(TL_E_IO, "%m");
    assert_int_equal(errno, ENOSPC);
    assert_string_equal(tl_error_text(), strerror(ENOSPC));
}

static void long_sentences_are_cut(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    tl_fail(TL_E_FAIL, "%s", text);
    size_t n = strlen(tl_error_text());
    assert_in_range(n, 500, 1023);
    for (int i = 0; i < 300; i++)
        tl_fail_in(TL_E_FAIL, "in %d", i);
    assert_memory_equal(tl_error_text(), "in 299: in 298: ", 16);
    tl_fail_in(TL_E_FAIL, "%s", text);
    assert_in_range(strlen(tl_error_text()), 500, 1023);
}

static void *fail_elsewhere(void *text)
{
    assert_string_equal(tl_error_text(), "");
    tl_fail(TL_E_FAIL, "%s", (char *)text);
    return NULL;
}

static void each_thread_has_its_own(void **state)
{
    (void)state;
    pthread_t thread;
    tl_fail(TL_E_FAIL, "mine");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, "theirs"), 0);
    pthread_join(thread, NULL);
    assert_string_equal(tl_error_text(), "mine");
}

static void exit_codes_follow_the_table(void **state)
{
    (void)state;
#define STATUS(name, value, exit_code, meaning) assert_int_equal(tl_status_exit(TL_E_##name), exit_code);
#include "base/status.def"
#undef STATUS
    assert_int_equal(tl_status_exit(12), 0);
    assert_int_equal(tl_status_exit(-1000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_is_recorded), cmocka_unit_test(long_sentences_are_cut),
        cmocka_unit_test(each_thread_has_its_own), cmocka_unit_test(exit_codes_follow_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
