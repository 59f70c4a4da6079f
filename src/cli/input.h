/* SPDX-License-Identifier: MIT */
/* What a command reads besides the model: text from a file or standard input ("-"), and lists of token ids.
 * Pipes are read as well as files, all up to a bound; a bad list is wrong usage, not a bad model file. */
#ifndef TL_CLI_INPUT_H
#define TL_CLI_INPUT_H

#include <stddef.h>
#include <stdint.h>

int tl_input_text(const char *path, char **ret_text, size_t *ret_bytes);      /* NUL-terminated behind its length; tl_free */

/* A JSON list of numbers, or numbers separated by blanks. tl_free. */
int tl_input_ids(const char *path, int32_t **ret_ids, size_t *ret_count);

#endif
