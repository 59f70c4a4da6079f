/* SPDX-License-Identifier: MIT */
/* A JSON document as a flat list of paths and values: {"speed": {"decode": {"tokens": 1}}, "plans": [{"model": "a"}]} has
 * "speed.decode.tokens" and "plans.0.model". For reports that are told to people. */
#ifndef TL_CLI_FLAT_H
#define TL_CLI_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_flat_row { char *path, *text; double number; };            /* text: of texts, else NULL; number: 1 and 0 of true and false */

struct tl_flat { struct tl_flat_row *rows; uint64_t n_rows, cap_rows; };

int tl_flat_read(const char *name, const char *json, struct tl_flat *ret_flat);
void tl_flat_done(struct tl_flat *flat);

/* Behind `prefix`, which may be "". Absent or null: 0, "", false. */
double tl_flat_number(const struct tl_flat *flat, const char *prefix, const char *path);
const char *tl_flat_text(const struct tl_flat *flat, const char *prefix, const char *path);
bool tl_flat_has(const struct tl_flat *flat, const char *prefix, const char *path);
/* The next row behind row *at whose path begins with prefix and path and ".", and what comes behind; NULL: there is none. Begin with *at = 0. */
const struct tl_flat_row *tl_flat_next(const struct tl_flat *flat, const char *prefix, const char *path, uint64_t *at, const char **ret_tail);

#endif
