/* SPDX-License-Identifier: MIT */
/* Strings of a template: see struct tl_jinja_text. Positions and lengths are bytes unless they are called chars.
 * Everything that looks at many bytes pays for them in steps. */
#ifndef TL_TEXT_JINJA_TEXT_H
#define TL_TEXT_JINJA_TEXT_H

#include "text/jinja_memory.h"
#include "text/jinja_value.h"

uint64_t tl_jinja_text_hash_bytes(const char *bytes, size_t n);      /* never 0 */
uint64_t tl_jinja_text_hash(const struct tl_jinja_text *text);
bool tl_jinja_text_same(const struct tl_jinja_text *a, const struct tl_jinja_text *b);       /* the bytes */
bool tl_jinja_text_is(const struct tl_jinja_text *text, const char *other);
int tl_jinja_text_order(const struct tl_jinja_text *a, const struct tl_jinja_text *b);       /* by code point: <0, 0, >0 */
size_t tl_jinja_text_chars(const struct tl_jinja_text *text);

/* For a template: all fields computed; `bytes` lives as long as `memory`. */
int tl_jinja_text_constant(struct tl_jinja_memory *memory, const char *bytes, size_t n, struct tl_jinja_text **ret_text);

/* The rest is for a rendering. */
int tl_jinja_text_new(struct tl_jinja *j, const char *bytes, size_t n, bool user, struct tl_jinja_value *ret);       /* copies */
int tl_jinja_text_literal(struct tl_jinja *j, const char *text, struct tl_jinja_value *ret);                 /* a C literal, not copied */
int tl_jinja_text_slice(struct tl_jinja *j, const struct tl_jinja_text *text, size_t start, size_t n, struct tl_jinja_value *ret);
int tl_jinja_text_concat(struct tl_jinja *j, const struct tl_jinja_text *a, const struct tl_jinja_text *b, struct tl_jinja_value *ret);
/* The same string, marked as safe for HTML or not. */
int tl_jinja_text_mark(struct tl_jinja *j, const struct tl_jinja_text *text, bool markup, struct tl_jinja_value *ret);

/* Where character `index` begins; index <= chars. */
size_t tl_jinja_text_offset(const struct tl_jinja_text *text, size_t index);
/* Is byte i the caller's? */
static inline bool tl_jinja_text_user(const struct tl_jinja_text *text, size_t i)
{
    return text->from ? text->from[i] : text->user;
}
/* First place of `part` in [from, to), or last; SIZE_MAX: none. */
size_t tl_jinja_text_find(const struct tl_jinja_text *text, size_t from, size_t to, const struct tl_jinja_text *part);
size_t tl_jinja_text_find_last(const struct tl_jinja_text *text, size_t from, size_t to, const struct tl_jinja_text *part);

#endif
