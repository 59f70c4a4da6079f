/* SPDX-License-Identifier: MIT */
/* What can be seen in an answer without asking anybody: is it the expected one, is it JSON, does it repeat itself, does it
 * refuse, is it another one. Blanks and line ends around an answer count for nothing. */
#ifndef TL_COMPRESS_JUDGE_H
#define TL_COMPRESS_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

/* LOOP_RUN: bytes of a run that is looked for again; LOOP_LEAST: shorter answers do not repeat themselves. */
enum { TL_JUDGE_RUN = 24, TL_JUDGE_LEAST = 128, TL_JUDGE_HEAD = 300 };

bool tl_judge_same(const char *a, size_t n_a, const char *b, size_t n_b);
/* One JSON object or list, nothing else; a fence of three backquotes around it, with or without "json", is taken off. */
bool tl_judge_json(const char *answer, size_t n_bytes);
/* In the second half of the answer more than half of all runs of TL_JUDGE_RUN bytes have been in it before. < 0: no memory. */
int tl_judge_loops(const char *answer, size_t n_bytes);
/* One of the phrases of refusals.def is in its first TL_JUDGE_HEAD bytes. */
bool tl_judge_refuses(const char *answer, size_t n_bytes);

#endif
