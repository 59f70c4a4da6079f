/* SPDX-License-Identifier: MIT */
/* Verifiers: what counts as right, what is killed and in time, what stops. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "compress/verify.h"

enum { PATIENT = 1000 };             /* seconds that nothing here takes, however busy the machine is */

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
        if (judge(rows[i].command, rows[i].answer, PATIENT) != rows[i].right)
            fail_msg("%s: expected %s", rows[i].command, rows[i].right ? "right" : "wrong");
}

/* More than a pipe holds, and nobody reads it. */
static void long_answers(void **state)
{
    char *answer = malloc(1 << 20);
    (void)state;
    memset(answer, 'x', (1 << 20) - 1);
    answer[(1 << 20) - 1] = 0;
    assert_true(judge("exit 0", answer, PATIENT));
    assert_true(judge("test $(wc -c) -eq 1048575", answer, PATIENT));
    free(answer);
}

static void hanging(void **state)
{
    (void)state;
    assert_false(judge("sleep 100000", "", 0.2));
    assert_false(judge("trap '' TERM INT; while :; do sleep 1; done", "", 0.2));
}

/* What it leaves behind ends too, and with the last process a pipe that they all hold. */
static void leaving_some_behind(void **state)
{
    char command[200], path[64], byte;
    (void)state;
    snprintf(path, sizeof(path), "/tmp/trill-verify-%ld", (long)getpid());
    snprintf(command, sizeof(command), "exec 9>%s; sleep 100000 & exit 0", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_true(judge(command, "", PATIENT));
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
    unlink(path);
}

static void stopping(void **state)
{
    volatile int cancel = 1;
    struct tl_progress progress = {.cancel = &cancel};
    bool right = true;
    (void)state;
    assert_int_equal(tl_verify("sleep 100000", "", 0, PATIENT, &progress, &right), TL_E_CANCEL);
    assert_true(right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts), cmocka_unit_test(long_answers), cmocka_unit_test(hanging),
                                       cmocka_unit_test(leaving_some_behind), cmocka_unit_test(stopping)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
