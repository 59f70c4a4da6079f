/* SPDX-License-Identifier: MIT */
/* One request at work: how it begins, what is written, how it ends. Private to answers. */
#ifndef TL_SERVE_TASK_H
#define TL_SERVE_TASK_H

#include "serve/answers.h"

/* The member "model" of a request, whatever else is in it; NULL where there is none. tl_free. */
char *tl_task_model_of(const char *body, size_t n_bytes);

/* So many of its parts have ended, with this status; answered may be NULL. The last to end frees the task. */
void tl_task_part_ended(struct tl_task *task, uint32_t parts, int status, const struct trill_answered *answered);

#endif
