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

/* An option row with a letter. */
#define TL_COMMAND_OPTION(settings, field, type_, brief_, name_, value_, ...)                                          \
    TL_OPTION_ROW(settings, field, type_, name_, value_, .brief = brief_, __VA_ARGS__)

/* A status of the library, its sentence carried over. */
static inline int tl_command_status(int status)
{
    return status < 0 ? tl_error_set(status, trill_error()) : status;
}

#endif
