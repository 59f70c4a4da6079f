/* SPDX-License-Identifier: MIT */
/* Status codes and the sentence that explains a failure.
 *
 * Functions return int: >= 0 is good, < 0 is a code from status.def. The first line that fails records one sentence
 * for its thread with tl_fail; callers pass the code up and may add where they were. Nothing here prints or exits. */
#ifndef TL_BASE_ERROR_H
#define TL_BASE_ERROR_H

enum tl_status {
#define STATUS(name, value, exit_code, meaning) TL_E_##name = value,
#include "base/status.def"
#undef STATUS
};

/* Records the sentence (no full stop, no newline) and returns `code`. */
int tl_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the recorded sentence and returns `code`. */
int tl_fail_in(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The sentence of this thread's last failure; never NULL; valid until the next failure in this thread. */
const char *tl_error_text(void);

/* For handing a failure to another thread: records `text` as it is. */
int tl_error_set(int code, const char *text);

/* Exit code of the program for a status; 1 for codes that are not in the table. */
int tl_status_exit(int code);

#endif
