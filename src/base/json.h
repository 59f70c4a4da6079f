/* SPDX-License-Identifier: MIT */
/* A bounded pull reader for JSON (RFC 8259): no tree, no recursion, depth at most TL_JSON_DEPTH.
 *
 *     struct tl_json j;
 *     tl_json_init(&j, "config.json", text, n_bytes);
 *     if ((r = tl_json_next(&j)) != TL_JSON_OBJECT) ...
 *     while ((r = tl_json_next(&j)) == TL_JSON_KEY)  { if (tl_json_is(&j, "name")) ...; else r = tl_json_skip(&j); }
 *
 * Invalid input (UTF-8 included, lone surrogates excepted: they become U+FFFD) fails with name, byte and what was expected.
 * NaN, Infinity and -Infinity, which Python writes, are numbers to the reader, and to none of the typed values. */
#ifndef TL_BASE_JSON_H
#define TL_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TL_JSON_DEPTH = 64 };

enum tl_json_event {
    TL_JSON_END = 0,         /* behind the document; trailing blanks are fine, anything else fails */
    TL_JSON_OBJECT, TL_JSON_OBJECT_END, TL_JSON_ARRAY, TL_JSON_ARRAY_END,
    TL_JSON_KEY, TL_JSON_STRING, TL_JSON_NUMBER, TL_JSON_TRUE, TL_JSON_FALSE, TL_JSON_NULL,
};

struct tl_json {
    const char *name;        /* for messages; borrowed */
    const char *text, *at, *end;
    enum tl_json_event event;        /* the last one returned */
    struct tl_buffer string; /* of KEY and STRING: unescaped, may hold NUL bytes */
    const char *raw;         /* of NUMBER: its characters, raw_bytes of them; of OBJECT, ARRAY and STRING: where it starts */
    size_t raw_bytes;
    unsigned depth;
    unsigned char stack[TL_JSON_DEPTH];
    unsigned char state;
};

void tl_json_init(struct tl_json *json, const char *name, const char *text, size_t n_bytes);
void tl_json_done(struct tl_json *json);
int tl_json_next(struct tl_json *json);                               /* an event, or < 0 */
int tl_json_skip(struct tl_json *json);                               /* after KEY: the whole value; after OBJECT or ARRAY: to its end */
bool tl_json_is(const struct tl_json *json, const char *text);        /* does the current KEY or STRING equal this? */
int tl_json_u64(struct tl_json *json, uint64_t max, uint64_t *ret);   /* reads the next value as an integer 0..max */
int tl_json_i64(struct tl_json *json, int64_t min, int64_t max, int64_t *ret);
int tl_json_f64(struct tl_json *json, double *ret);                   /* finite; locale-independent */
int tl_json_bool(struct tl_json *json, bool *ret);
int tl_json_text(struct tl_json *json, char **ret);                   /* the next value, a string: tl_free by caller */
int tl_json_fail(const struct tl_json *json, const char *expected);   /* "NAME: byte N: expected ..., found ..." as TL_E_FILE */

#endif
