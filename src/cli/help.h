/* SPDX-License-Identifier: MIT */
/* Help for people, from the rows of commands and options. */
#ifndef TL_CLI_HELP_H
#define TL_CLI_HELP_H

struct tl_command;

int tl_help_print(const struct tl_command *command);                  /* to standard output; NULL: the program as a whole */

#endif
