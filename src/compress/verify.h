/* SPDX-License-Identifier: MIT */
/* A command that judges an answer: the answer is its standard input, exit code 0 means that it is right. It is run by
 * /bin/sh in a process group of its own, with limits on time, memory and files, its output thrown away; whatever it leaves
 * running is killed. One that hangs, crashes or cannot be started has not found the answer right. */
#ifndef TL_COMPRESS_VERIFY_H
#define TL_COMPRESS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/progress.h"

enum { TL_VERIFY_SECONDS = 10 };          /* usual */

/* progress: only its flag is looked at; may be NULL. Fails where nothing could be judged (no process, no memory) or it is to stop. */
int tl_verify(const char *command, const char *answer, size_t n_bytes, double seconds, const struct tl_progress *progress, bool *ret_right);

#endif
