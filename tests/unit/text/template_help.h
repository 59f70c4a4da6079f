/* SPDX-License-Identifier: MIT */
/* What the tests of templates share. */
#ifndef TL_TESTS_TEMPLATE_HELP_H
#define TL_TESTS_TEMPLATE_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "text/template.h"

/* Messages, tools and variables that every small template may use; the same stand in tests/peer/templates.py. */
struct tl_template_input template_input(void);

/* Compiles and renders: a status. */
int template_run(const char *text, const struct tl_template_input *input, struct tl_parts *ret_parts);

/* All parts in one string (tl_free); with `marked` "T:..." or "U:..." each, divided by '|'. */
char *template_join(const struct tl_parts *parts, bool marked);

#endif
