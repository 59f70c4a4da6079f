/* SPDX-License-Identifier: MIT */
/* trill man: the manual page (man macros), and cli.md with --markdown. Both are written from the rows of commands,
 * options and status codes, so they cannot say anything else than --help does. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

struct settings { bool markdown; };

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, markdown, FLAG, 0, "markdown", NULL, .help = "as Markdown"),
};

static const struct { const char *name, *meaning; } places[] = {
    {"$XDG_CACHE_HOME/trill", "models, by name; ~/.cache/trill where the variable is not set"},
    {"--home DIR", "replaces it for one command"},
};

static const struct { int exit_code; const char *meaning; } statuses[] = {
#define STATUS(name, value, exit_code, meaning) {exit_code, meaning},
#include "base/status.def"
#undef STATUS
};

/* Several statuses share an exit code: its first row names it. */
static bool names_its_code(size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (statuses[i].exit_code == statuses[at].exit_code)
            return false;
    return true;
}

/* --- roff --------------------------------------------------------------------------------------------------------- */

static void append_roff(struct tl_buffer *out, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start && (text[i] == '.' || text[i] == '\''))
            tl_buffer_append(out, "\\&", 2);
        if (text[i] == '\\')
            tl_buffer_append(out, "\\e", 2);
        else if (text[i] == '-')
            tl_buffer_append(out, "\\-", 2);
        else
            tl_buffer_append(out, text + i, 1);
    }
}

static void append_line(struct tl_buffer *out, const char *text)
{
    append_roff(out, text, strlen(text));
    tl_buffer_append(out, "\n", 1);
}

static void append_command_roff(struct tl_buffer *out, const struct tl_command *command)
{
    const struct tl_command_body *body = command->body;
    tl_buffer_printf(out, ".SS \"trill %s ", command->name);
    append_roff(out, command->arguments, strlen(command->arguments));
    tl_buffer_printf(out, "\"\n");
    append_line(out, body->about);
    if (body->n_options)
        tl_options_manual(body->options, body->n_options, out);
    if (!body->examples)
        return;
    tl_buffer_printf(out, ".PP\n.nf\n");
    append_roff(out, body->examples, strlen(body->examples));
    tl_buffer_printf(out, ".fi\n");
}

static void append_manual(struct tl_buffer *out)
{
    tl_buffer_printf(out,
                     ".TH TRILL 1 \"\" \"trill %s\" \"User Commands\"\n.SH NAME\ntrill \\- run and measure large language models\n",
                     trill_version());
    tl_buffer_printf(out, ".SH SYNOPSIS\n.B trill\n.I COMMAND\n.RI [ MODEL ]\n.RI [ options ]\n.SH DESCRIPTION\n");
    append_line(out,
                "MODEL is a GGUF file, a folder with safetensors, or the name of a model in the cache folder; -m MODEL says the same.");
    tl_buffer_printf(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < tl_commands_count; i++)
        append_command_roff(out, &tl_commands[i]);
    tl_buffer_printf(out, ".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; i < TL_COUNT(statuses); i++)
        if (names_its_code(i))
            tl_buffer_printf(out, ".TP\n%d\n%s\n", statuses[i].exit_code, statuses[i].meaning);
    tl_buffer_printf(out, ".SH FILES\n");
    for (size_t i = 0; i < TL_COUNT(places); i++) {
        tl_buffer_printf(out, ".TP\n");
        append_line(out, places[i].name);
        append_line(out, places[i].meaning);
    }
}

/* --- Markdown ----------------------------------------------------------------------------------------------------- */

/* A cell of a table: bars would end it. */
static void append_cell(struct tl_buffer *out, const char *text)
{
    for (; *text; text++)
        tl_buffer_printf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void append_option_markdown(struct tl_buffer *out, const struct tl_option *row)
{
    tl_buffer_printf(out, "| `");
    if (row->brief)
        tl_buffer_printf(out, "-%c`, `", row->brief);
    tl_buffer_printf(out, "--%s", row->name);
    if (row->value_name)
        tl_buffer_append(out, " ", 1);
    append_cell(out, row->value_name ? row->value_name : "");
    tl_buffer_printf(out, "` | ");
    append_cell(out, row->help);
    if (row->fallback)
        tl_buffer_printf(out, " (default %s)", row->fallback);
    tl_buffer_printf(out, " |\n");
}

static void append_command_markdown(struct tl_buffer *out, const struct tl_command *command)
{
    const struct tl_command_body *body = command->body;
    tl_buffer_printf(out, "\n## %s\n\n    trill %s%s%s%s\n\n%s\n", command->name, command->name,
                     *command->arguments ? " " : "", command->arguments, body->n_options ? " [options]" : "", body->about);
    if (body->n_options)
        tl_buffer_printf(out, "\n| option | |\n|---|---|\n");
    for (size_t i = 0; i < body->n_options; i++)
        append_option_markdown(out, &body->options[i]);
    if (body->examples)
        tl_buffer_printf(out, "\n```sh\n%s```\n", body->examples);
}

static void append_markdown(struct tl_buffer *out)
{
    tl_buffer_printf(out,
                     "# The command line\n\nWritten by `trill man --markdown` from the rows in `src/cli`.\n\n"
                          "MODEL is a GGUF file, a folder with safetensors, or the name of a model in the cache folder\n"
                          "(`$XDG_CACHE_HOME/trill`, replaced by `--home DIR`); `-m MODEL` says the same. With `--json` standard output\n"
                          "holds one JSON document and nothing else. Exit codes:");
    for (size_t i = 0; i < TL_COUNT(statuses); i++)
        if (names_its_code(i))
            tl_buffer_printf(out, "%s %d %s", i ? "," : "", statuses[i].exit_code, statuses[i].meaning);
    tl_buffer_printf(out, ". The last line on\nstandard error of a failure is one sentence that begins with `trill: `.\n");
    for (size_t i = 0; i < tl_commands_count; i++)
        append_command_markdown(out, &tl_commands[i]);
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    if (settings->markdown)
        append_markdown(&out);
    else
        append_manual(&out);
    int r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    return r;
}

const struct tl_command_body tl_man_command = {
    .about = "Prints this manual page.",
    .examples = "trill man | man -l -\n",
    .options = options, .n_options = TL_COUNT(options),
    .settings_bytes = sizeof(struct settings), .run = run,
};
