/* SPDX-License-Identifier: MIT */
/* The signal handler and what it may touch: a counter, the list of sessions and the job, all written so that the handler sees
 * either all of a change or nothing of it. */
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "trill.h"

enum { EXIT_INTERRUPTED = 130 };

static volatile int interrupted;
static struct trill_session *const *_Atomic session_list;
static atomic_size_t session_count;
static struct trill_job *_Atomic job_at_work;

static void handle(int signal_number)
{
    (void)signal_number;
    if (interrupted)
        _exit(EXIT_INTERRUPTED);
    interrupted = 1;
    size_t count = atomic_load(&session_count);
    struct trill_session *const *list = atomic_load(&session_list);
    for (size_t i = 0; i < count; i++)
        trill_session_cancel(list[i]);
    struct trill_job *job = atomic_load(&job_at_work);
    if (job)
        trill_job_cancel(job);
}

void tl_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = handle};        /* without SA_RESTART: reads and writes wake up */
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);              /* a write fails instead, with its sentence */
}

bool tl_interrupt_seen(void)
{
    return interrupted != 0;
}

/* The signal comes while it waits or is seen before: between the two it is blocked. */
bool tl_interrupt_wait(int fd)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    sigset_t open;
    tl_interrupt_block();
    pthread_sigmask(SIG_BLOCK, NULL, &open);
    sigdelset(&open, SIGINT);
    sigdelset(&open, SIGTERM);
    while (!interrupted && ppoll(&input, 1, NULL, &open) < 0 && errno == EINTR)
        ;
    tl_interrupt_unblock();
    return !interrupted;
}

const volatile int *tl_interrupt_flag(void)
{
    return &interrupted;
}

void tl_interrupt_reset(void)
{
    interrupted = 0;
}

void tl_interrupt_sessions(struct trill_session *const *sessions, size_t count)
{
    atomic_store(&session_count, 0);
    atomic_store(&session_list, sessions);
    atomic_store(&session_count, sessions ? count : 0);
}

void tl_interrupt_job(struct trill_job *job)
{
    atomic_store(&job_at_work, job);
}

static void mask(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(how, &set, NULL);
}

void tl_interrupt_block(void)
{
    mask(SIG_BLOCK);
}

void tl_interrupt_unblock(void)
{
    mask(SIG_UNBLOCK);
}
