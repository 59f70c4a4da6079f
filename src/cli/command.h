/* SPDX-License-Identifier: MIT */
/* What a command is: a row in commands.def and a body in the file of its name. Help, completion, the man page and
 * cli.md are written from these and from the option rows, and from nothing else.
 *
 * run() gets the parsed settings and the words that no option took. It returns a status; a failure has its sentence
 * recorded. It writes answers through cli/output.h and leaves error messages and exit codes to main. */
#ifndef TL_CLI_COMMAND_H
#define TL_CLI_COMMAND_H

#include <stddef.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/option.h"
#include "trill.h"

/* A word without dashes fills the first of these fields (const char *) that is still NULL. */
struct tl_command_word { const char *name; size_t field_offset; };

struct tl_command_body {
    const char *about;       /* a paragraph or two: what it does, what goes where */
    const char *examples;    /* lines: a command each, with "# " comments */
    const struct tl_option *options;
    size_t n_options;
    const struct tl_command_word *words;
    size_t n_words;
    size_t rest_offset;      /* of a struct tl_option_list that takes the words behind these; 0: there may be no more */
    size_t settings_bytes;   /* of the struct that options and words are offsets in */
    int (*run)(const void *settings);
};

struct tl_command {
    const char *name, *arguments, *summary;  /* from commands.def */
    const struct tl_command_body *body;
};

extern const struct tl_command tl_commands[];
extern const size_t tl_commands_count;

const struct tl_command *tl_command_find(const char *name);           /* NULL with a sentence that says what is near */
int tl_command_run(const struct tl_command *command, int argc, char **argv);

/* An option row whose field has another type than its own does not compile. */
#define TL_COMMAND_OPTION(settings, field, type_, brief_, name_, value_, ...)                                          \
    {.name = name_, .brief = brief_, .type = TL_OPTION_##type_, .value_name = value_,                                  \
     .field_offset = offsetof(settings, field) +                                                                       \
                     0 * sizeof(char[_Generic(((settings *)0)->field, TL_COMMAND_##type_: 1, default: -1)]),           \
     __VA_ARGS__}
#define TL_COMMAND_FLAG bool
#define TL_COMMAND_U64 uint64_t
#define TL_COMMAND_I64 int64_t
#define TL_COMMAND_F64 double
#define TL_COMMAND_BYTES uint64_t
#define TL_COMMAND_TEXT const char *
#define TL_COMMAND_FILE const char *
#define TL_COMMAND_CHOICE const char *
#define TL_COMMAND_LIST struct tl_option_list

/* A status of the library, its sentence carried over. */
static inline int tl_command_status(int status)
{
    return status < 0 ? tl_error_set(status, trill_error()) : status;
}

#endif
