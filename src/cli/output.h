/* SPDX-License-Identifier: MIT */
/* Standard output, where answers and documents go and nothing else. Every write is checked: a full disk and a closed
 * pipe end the command. A closed pipe ends it without a sentence (TL_CLI_QUIET), because the reader has what it wanted. */
#ifndef TL_CLI_OUTPUT_H
#define TL_CLI_OUTPUT_H

#include <stddef.h>

#include "base/buffer.h"

enum { TL_CLI_QUIET = -100 };        /* failed, exit code 1, nothing to say */

int tl_output_write(const void *bytes, size_t n_bytes);               /* at once, unbuffered; TL_E_IO, TL_E_CANCEL, TL_CLI_QUIET */
int tl_output_text(const char *text);
int tl_output_buffer(const struct tl_buffer *buffer);                 /* the buffer's own failure, or that of the write */

/* For people, on stderr: messages, figures, prompts. Failures to write there are of no consequence. */
void tl_output_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
