/* SPDX-License-Identifier: MIT */
/* Lists of JSON objects as comma-separated values (RFC 4180). */
#ifndef TL_CLI_CSV_H
#define TL_CLI_CSV_H

#include "base/buffer.h"

/* The list that is the member `list` of a JSON object: a line of names, those of the first object, then a line for each. Texts are quoted
 * where they must be, null is empty; what lies deeper is left out. Objects with other members than the first fail. No list, or
 * an empty one: nothing. */
int tl_csv_from_json(const char *json, const char *list, struct tl_buffer *out);

#endif
