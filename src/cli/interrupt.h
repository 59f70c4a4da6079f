/* SPDX-License-Identifier: MIT */
/* Ctrl-C. The first one asks what runs to stop: the flag is seen by loading and by writes, registered sessions and
 * the job are cancelled from the handler itself. A second one, before the command has taken notice, ends the process with 130.
 * This file holds the only mutable state of the program; a signal handler has no other way to reach its targets. */
#ifndef TL_CLI_INTERRUPT_H
#define TL_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

struct trill_job;
struct trill_session;

void tl_interrupt_install(void);                                      /* SIGINT and SIGTERM; SIGPIPE and SIGXFSZ are ignored */
bool tl_interrupt_seen(void);
bool tl_interrupt_wait(int fd);                  /* until there is something to read; false: Ctrl-C, before or meanwhile */
const volatile int *tl_interrupt_flag(void);                          /* for trill_model_options.cancel */
void tl_interrupt_reset(void);                                        /* taken notice of: the next one is a first one */

/* The sessions to cancel, borrowed until the next call; NULL before they are closed. */
void tl_interrupt_sessions(struct trill_session *const *sessions, size_t count);

/* The job to cancel; NULL before it is closed. */
void tl_interrupt_job(struct trill_job *job);

/* Around the making of threads: they inherit a mask that leaves the signals to the main thread. */
void tl_interrupt_block(void);
void tl_interrupt_unblock(void);

#endif
