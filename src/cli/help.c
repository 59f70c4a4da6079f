/* SPDX-License-Identifier: MIT */
/* trill help, and what --help prints. */
#include "cli/help.h"

#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

struct settings { const char *command; };

static const struct tl_command_word words[] = {{"COMMAND", offsetof(struct settings, command)}};

/* Titles before the rows that begin a group. */
static const struct { const char *first, *title; } titles[] = {
    {"temp", "how the answer is chosen"},
    {"model", "which model, with what means"},
};

static void append_program(struct tl_buffer *text)
{
    tl_buffer_printf(text, "trill runs and measures large language models on ordinary machines.\n\n"
                           "usage: trill COMMAND [MODEL] [options]\n\n");
    for (size_t i = 0; i < tl_commands_count; i++)
        tl_buffer_printf(text, "  %-12s %s\n", tl_commands[i].name, tl_commands[i].summary);
    tl_buffer_printf(text, "\nMODEL is a GGUF file, a folder with safetensors, or the name of a model in the cache folder;\n"
                           "-m MODEL says the same. \"trill help COMMAND\" lists the options of a command, --version tells which\n"
                           "program this is.\n");
}

static const char *title_at(const struct tl_option *row)
{
    for (size_t i = 0; i < TL_COUNT(titles); i++)
        if (strcmp(titles[i].first, row->name) == 0)
            return titles[i].title;
    return NULL;
}

static void append_options(struct tl_buffer *text, const struct tl_command_body *body)
{
    for (size_t first = 0, end; first < body->n_options; first = end) {
        const char *title = title_at(&body->options[first]);
        for (end = first + 1; end < body->n_options && !title_at(&body->options[end]);)
            end++;
        tl_buffer_printf(text, "\n%s:\n", title ? title : "options");
        tl_options_help(body->options + first, end - first, text);
    }
}

static void append_command(struct tl_buffer *text, const struct tl_command *command)
{
    const struct tl_command_body *body = command->body;
    tl_buffer_printf(text, "usage: trill %s%s%s%s\n\n%s\n", command->name, *command->arguments ? " " : "", command->arguments,
                     body->n_options ? " [options]" : "", body->about);
    append_options(text, body);
    if (body->examples)
        tl_buffer_printf(text, "\nexamples:\n");
    for (const char *line = body->examples; line && *line; line += strcspn(line, "\n") + 1)
        tl_buffer_printf(text, "  %.*s\n", (int)strcspn(line, "\n"), line);
}

int tl_help_print(const struct tl_command *command)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    if (command)
        append_command(&text, command);
    else
        append_program(&text);
    int r = tl_output_buffer(&text);
    tl_buffer_done(&text);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    const struct tl_command *command = settings->command ? tl_command_find(settings->command) : NULL;
    return settings->command && !command ? TL_E_USAGE : tl_help_print(command);
}

const struct tl_command_body tl_help_command = {
    .about = "Lists the commands, or explains one and its options.",
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
