/* SPDX-License-Identifier: MIT */
/* The answer lies in a file without a name, so that a command which does not read it blocks nobody. */
#include "compress/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { LONGEST_NAP_NS = 10000000, MOST_MEMORY_KIB = 4 << 20, MOST_FILE_BLOCKS = 256 << 10 };

static int hold(const char *answer, size_t n_bytes)
{
    int fd = memfd_create("answer", MFD_CLOEXEC);
    if (fd < 0)
        return tl_fail(TL_E_IO, "no file in memory for the verifier's input: %m");
    for (size_t at = 0; at < n_bytes;) {
        ssize_t n = write(fd, answer + at, n_bytes - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            close(fd);
            return tl_fail(TL_E_IO, "writing the verifier's input: %m");
        }
        at += (size_t)n;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What is open in the child: the answer and nowhere. */
static int set_files(posix_spawn_file_actions_t *files, int input)
{
    int code = posix_spawn_file_actions_adddup2(files, input, 0);
    for (int fd = 1; fd <= 2 && code == 0; fd++)
        code = posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_WRONLY, 0);
    return code;
}

static int set_ways(posix_spawnattr_t *ways)
{
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGPIPE);
    int code = posix_spawnattr_setpgroup(ways, 0);
    if (code == 0)
        code = posix_spawnattr_setsigmask(ways, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(ways, &usual);
    return code == 0 ? posix_spawnattr_setflags(ways, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) : code;
}

/* The shell sets the limits, then becomes one that runs the command. */
static int start(const char *command, int input, double seconds, pid_t *ret_child)
{
    char script[200];
    char *words[] = {"sh", "-c", script, "sh", (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t ways;
    snprintf(script, sizeof(script), "ulimit -c 0; ulimit -t %ld; ulimit -v %d; ulimit -f %d; exec /bin/sh -c \"$1\"", (long)seconds + 1,
             MOST_MEMORY_KIB, MOST_FILE_BLOCKS);
    int code = posix_spawn_file_actions_init(&files);
    if (code == 0 && (code = posix_spawnattr_init(&ways)) == 0) {
        if ((code = set_files(&files, input)) == 0 && (code = set_ways(&ways)) == 0)
            code = posix_spawn(ret_child, "/bin/sh", &files, &ways, words, environ);
        posix_spawnattr_destroy(&ways);
    }
    posix_spawn_file_actions_destroy(&files);
    errno = code;
    return code ? tl_fail(TL_E_FAIL, "the verifier cannot be started: %m") : 0;
}

/* Until it ends, or its time does. It stays to be reaped, so that its group's number is nobody else's. */
static int await(pid_t child, double seconds, const struct tl_progress *progress, bool *ret_ended)
{
    uint64_t begin_ns = tl_clock_ns();
    struct timespec nap = {0, 200000};
    siginfo_t seen = {0};
    int status = 0;
    while (status >= 0 && tl_clock_seconds(begin_ns) <= seconds) {
        seen.si_pid = 0;
        if (waitid(P_PID, (id_t)child, &seen, WEXITED | WNOHANG | WNOWAIT) == 0 && seen.si_pid == child)
            break;
        nanosleep(&nap, NULL);
        nap.tv_nsec = 2 * nap.tv_nsec < LONGEST_NAP_NS ? 2 * nap.tv_nsec : LONGEST_NAP_NS;
        status = tl_progress_check(progress);
    }
    *ret_ended = seen.si_pid == child;
    return status;
}

static bool reap(pid_t child, bool ended)
{
    int state = 0;
    pid_t found;
    kill(-child, SIGKILL);
    while ((found = waitpid(child, &state, 0)) < 0 && errno == EINTR)
        ;
    return ended && found == child && WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

int tl_verify(const char *command, const char *answer, size_t n_bytes, double seconds, const struct tl_progress *progress, bool *ret_right)
{
    bool ended = false;
    pid_t child;
    int input = hold(answer, n_bytes);
    if (input < 0)
        return input;
    int status = start(command, input, seconds, &child);
    close(input);
    if (status < 0)
        return status;
    status = await(child, seconds, progress, &ended);
    bool right = reap(child, ended);
    if (status >= 0)
        *ret_right = right;
    return status;
}
