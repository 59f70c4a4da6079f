/* SPDX-License-Identifier: MIT */
/* Options of a command line as rows: one row is parsed, ranged, defaulted, documented and completed from the same facts.
 *
 * A row names a field of the caller's struct by its offset. Accepted: --name VALUE, --name=VALUE, -b VALUE, -bVALUE;
 * flags take no value; "--" ends the options; "-" alone and whatever is left over are arguments. An option that is given
 * twice keeps its last value, lists apart. Failures are TL_E_USAGE, with the nearest name where one is close. */
#ifndef TL_BASE_OPTION_H
#define TL_BASE_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum tl_option_type {
    TL_OPTION_FLAG,          /* bool */
    TL_OPTION_U64,           /* uint64_t */
    TL_OPTION_I64,           /* int64_t */
    TL_OPTION_F64,           /* double */
    TL_OPTION_BYTES,         /* uint64_t; 20G, 512M */
    TL_OPTION_COUNT,         /* uint64_t; 500k, 20M, 2B */
    TL_OPTION_TEXT,          /* const char *: the argument itself */
    TL_OPTION_FILE,          /* the same; completed as a file name */
    TL_OPTION_CHOICE,        /* the same; one of value_name's words: "f32|f16|bf16" */
    TL_OPTION_LIST,          /* struct tl_option_list: each time it is given adds one */
};

enum { TL_OPTION_LIST_MAX = 64 };

struct tl_option_list {
    const char *items[TL_OPTION_LIST_MAX];
    size_t count;
};

struct tl_option {
    const char *name;        /* "top-k" */
    char brief;              /* 'k', or 0 */
    enum tl_option_type type;
    const char *value_name;  /* "N"; of a choice its words; NULL for flags; where it is not "TEXT" an empty text is refused */
    const char *fallback;    /* the value when not given, as typed; NULL: the field stays as it is */
    double min, max;         /* of numbers; both 0: no bounds beyond the type's */
    const char *help;        /* one phrase, no full stop */
    size_t field_offset;
};

/* A row by its field; one whose field has another type than its own does not compile. */
#define TL_OPTION_ROW(fields, field, type_, name_, value_, ...)                                                        \
    {.name = name_, .type = TL_OPTION_##type_, .value_name = value_,                                                   \
     .field_offset = offsetof(fields, field) +                                                                         \
                     0 * sizeof(char[_Generic(((fields *)0)->field, TL_OPTION_FIELD_##type_: 1, default: -1)]),        \
     __VA_ARGS__}
#define TL_OPTION_FIELD_FLAG bool
#define TL_OPTION_FIELD_U64 uint64_t
#define TL_OPTION_FIELD_I64 int64_t
#define TL_OPTION_FIELD_F64 double
#define TL_OPTION_FIELD_BYTES uint64_t
#define TL_OPTION_FIELD_COUNT uint64_t
#define TL_OPTION_FIELD_TEXT const char *
#define TL_OPTION_FIELD_FILE const char *
#define TL_OPTION_FIELD_CHOICE const char *
#define TL_OPTION_FIELD_LIST struct tl_option_list

/* Writes the fallbacks of all rows. A row whose fallback does not parse fails: tests call this for every table. */
int tl_options_default(const struct tl_option *options, size_t n_options, void *fields);

/* Parses argv[0..argc-1] (no program name). `ret_arguments` has room for argc pointers into argv. */
int tl_options_parse(const struct tl_option *options, size_t n_options, int argc, char **argv, void *fields,
                     const char **ret_arguments, int *ret_n_arguments);

/* The row with this name (n_bytes of it), or NULL. */
const struct tl_option *tl_option_find(const struct tl_option *options, size_t n_options, const char *name, size_t n_bytes);

/* Writes the field of a row from a text, as typed; a flag's is "on" or "off". */
int tl_option_set(const struct tl_option *option, void *fields, const char *text);

/* Fails with the sentence for a name that has no row. */
int tl_option_unknown(const struct tl_option *options, size_t n_options, const char *name, size_t n_bytes);

/* The same rows as a JSON object, {"top-k": 40, "stop": ["a", "b"]}: how the options of a job travel. Reading begins with
 * the fallbacks; null is as good as absent; numbers may be texts ("20G"). What the fields point to is in *ret_texts, one
 * block for tl_free. Writing leaves out what is not set: NULL, false, and 0 where a row has no fallback. */
int tl_options_read_json(const struct tl_option *options, size_t n_options, const char *json, size_t n_bytes, void *fields,
                         char **ret_texts);
int tl_options_write_json(const struct tl_option *options, size_t n_options, const void *fields, struct tl_buffer *json);

/* The name nearest to `name` among n_names, or the first that begins with it; NULL when none is close. */
const char *tl_option_nearest(const char *name, const char *const *names, size_t n_names);

/* "  -t, --threads N     help (default 2)" for each row; entries of a man page (roff); words of a bash completion. */
void tl_options_help(const struct tl_option *options, size_t n_options, struct tl_buffer *buffer);
void tl_options_manual(const struct tl_option *options, size_t n_options, struct tl_buffer *buffer);
void tl_options_words(const struct tl_option *options, size_t n_options, struct tl_buffer *buffer);

#endif
