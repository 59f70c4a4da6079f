/* SPDX-License-Identifier: MIT */
/* Option tables as text for people and shells: help, manual page, completion. All from the same rows. */
#include <string.h>

#include "base/option.h"

enum { HELP_COLUMN = 30 };

/* "-t, --threads N"; returns its width. */
static size_t append_usage(struct tl_buffer *buffer, const struct tl_option *option)
{
    size_t start = buffer->len;
    if (option->brief)
        tl_buffer_printf(buffer, "-%c, --%s", option->brief, option->name);
    else
        tl_buffer_printf(buffer, "    --%s", option->name);
    if (option->value_name)
        tl_buffer_printf(buffer, " %s", option->value_name);
    return buffer->len - start;
}

void tl_options_help(const struct tl_option *options, size_t n_options, struct tl_buffer *buffer)
{
    for (size_t i = 0; i < n_options; i++) {
        tl_buffer_append(buffer, "  ", 2);
        size_t width = append_usage(buffer, &options[i]) + 2;
        if (width + 2 > HELP_COLUMN) {
            tl_buffer_append(buffer, "\n", 1);
            width = 0;
        }
        tl_buffer_printf(buffer, "%*s%s", (int)(HELP_COLUMN - width), "", options[i].help);
        if (options[i].fallback && options[i].type != TL_OPTION_FLAG && options[i].fallback[0])
            tl_buffer_printf(buffer, " (default %s)", options[i].fallback);
        tl_buffer_append(buffer, "\n", 1);
    }
}

/* Text with roff's own characters escaped. */
static void append_roff(struct tl_buffer *buffer, const char *text)
{
    if (*text == '.' || *text == '\'')
        tl_buffer_append(buffer, "\\&", 2);
    for (; *text; text++)
        if (*text == '\\')
            tl_buffer_append(buffer, "\\e", 2);
        else if (*text == '-')
            tl_buffer_append(buffer, "\\-", 2);
        else
            tl_buffer_append(buffer, text, 1);
}

void tl_options_manual(const struct tl_option *options, size_t n_options, struct tl_buffer *buffer)
{
    for (size_t i = 0; i < n_options; i++) {
        tl_buffer_printf(buffer, ".TP\n\\fB");
        if (options[i].brief)
            tl_buffer_printf(buffer, "\\-%c\\fR, \\fB", options[i].brief);
        tl_buffer_append(buffer, "\\-\\-", 4);
        append_roff(buffer, options[i].name);
        tl_buffer_printf(buffer, "\\fR");
        if (options[i].value_name) {
            tl_buffer_printf(buffer, " \\fI");
            append_roff(buffer, options[i].value_name);
            tl_buffer_printf(buffer, "\\fR");
        }
        tl_buffer_append(buffer, "\n", 1);
        append_roff(buffer, options[i].help);
        if (options[i].fallback && options[i].type != TL_OPTION_FLAG && options[i].fallback[0]) {
            tl_buffer_printf(buffer, " (default ");
            append_roff(buffer, options[i].fallback);
            tl_buffer_append(buffer, ")", 1);
        }
        tl_buffer_append(buffer, "\n", 1);
    }
}

void tl_options_words(const struct tl_option *options, size_t n_options, struct tl_buffer *buffer)
{
    for (size_t i = 0; i < n_options; i++)
        tl_buffer_printf(buffer, "%s--%s", i ? " " : "", options[i].name);
}
