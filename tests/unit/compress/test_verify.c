/* SPDX-License-Identifier: MIT */
/* Verifiers: what counts as right, what is killed and in time, what stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "compress/verify.h"

static bool judge(const char *command, const char *answer, double seconds)
{
    bool right = false;
    assert_int_equal(tl_verify(command, answer, strlen(answer), seconds, NULL, &right), 0);
    return right;
}

static const struct { const char *command, *answer; bool right; } rows[] = {
    {"exit 0", "", true},
    {"exit 1", "", false},
    {"grep -qx 42", "42\n", true},
    {"grep -qx 42", "43\n", false},
    {"cat", "an answer that is read, its output nowhere", true},
    {"no-such-command-here", "", false},
    {"kill -SEGV $$", "", false},
    {"(", "", false},
    {"test $(wc -c) -eq 0", "", true},
    {"head -c 300000000 /dev/zero > /tmp/trill-verify-$PPID-big; r=$?; rm -f /tmp/trill-verify-$PPID-big; exit $r", "", false},
};

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (judge(rows[i].command, rows[i].answer, 20) != rows[i].right)
            fail_msg("%s: expected %s", rows[i].command, rows[i].right ? "right" : "wrong");
}

/* More than a pipe holds, and nobody reads it. */
static void long_answers(void **state)
{
    char *answer = malloc(1 << 20);
    (void)state;
    memset(answer, 'x', (1 << 20) - 1);
    answer[(1 << 20) - 1] = 0;
    assert_true(judge("exit 0", answer, 20));
    assert_true(judge("test $(wc -c) -eq 1048575", answer, 20));
    free(answer);
}

static void hanging(void **state)
{
    char command[200], path[64];
    uint64_t begin = tl_clock_ns();
    (void)state;
    assert_false(judge("sleep 60", "", 0.2));
    assert_false(judge("trap '' TERM INT; while :; do sleep 1; done", "", 0.2));
    assert_true(tl_clock_seconds(begin) < 20);
    /* What it leaves behind ends too. */
    snprintf(path, sizeof(path), "/tmp/trill-verify-%ld", (long)getpid());
    snprintf(command, sizeof(command), "(sleep 1; touch %s) & exit 0", path);
    assert_true(judge(command, "", 5));
    sleep(2);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void stopping(void **state)
{
    volatile int cancel = 1;
    struct tl_progress progress = {.cancel = &cancel};
    bool right = true;
    (void)state;
    assert_int_equal(tl_verify("sleep 60", "", 0, 60, &progress, &right), TL_E_CANCEL);
    assert_true(right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts), cmocka_unit_test(long_answers), cmocka_unit_test(hanging), cmocka_unit_test(stopping)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
