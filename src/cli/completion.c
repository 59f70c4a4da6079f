/* SPDX-License-Identifier: MIT */
/* trill completion: scripts for bash, zsh and fish, written from the rows of commands and options. Models complete to the
 * names that trill models lists, and to files. */
#include <stddef.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

struct settings { const char *shell; };

static const struct tl_command_word words[] = {{"SHELL", offsetof(struct settings, shell)}};

/* Lists the models at hand, one name a line; the same in every shell that runs sh. */
#define LIST_MODELS "trill models --names 2>/dev/null"

/* The words of "a|b|c", with `between` between them. */
static void append_choices(struct tl_buffer *out, const struct tl_option *row, const char *between)
{
    for (const char *at = row->value_name; *at; at++)
        tl_buffer_append(out, *at == '|' ? between : at, *at == '|' ? strlen(between) : 1);
}

/* Text inside single quotes, with a backslash before each of `escaped`. */
static void append_quoted(struct tl_buffer *out, const char *text, const char *escaped)
{
    for (; *text; text++) {
        if (strchr(escaped, *text))
            tl_buffer_append(out, "\\", 1);
        if (*text == '\'')
            tl_buffer_append(out, "'\\''", 4);
        else
            tl_buffer_append(out, text, 1);
    }
}

/* --- bash --------------------------------------------------------------------------------------------------------- */

static void append_bash_values(struct tl_buffer *out, const struct tl_command *command)
{
    for (size_t i = 0; i < command->body->n_options; i++) {
        const struct tl_option *row = &command->body->options[i];
        if (row->type == TL_OPTION_FLAG)
            continue;
        tl_buffer_printf(out, "    %s:--%s", command->name, row->name);
        if (row->brief)
            tl_buffer_printf(out, "|%s:-%c", command->name, row->brief);
        if (row->type == TL_OPTION_CHOICE) {
            tl_buffer_printf(out, ") COMPREPLY=($(compgen -W '");
            append_choices(out, row, " ");
            tl_buffer_printf(out, "' -- \"$cur\")); return ;;\n");
        } else if (row->type == TL_OPTION_FILE) {
            tl_buffer_printf(out, ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
        } else if (strcmp(row->name, "model") == 0) {
            tl_buffer_printf(out,
                             ") COMPREPLY=($(compgen -W \"$(_trill_models)\" -- \"$cur\") $(compgen -f -- \"$cur\")); return ;;\n");
        } else {
            tl_buffer_printf(out, ") return ;;\n");
        }
    }
}

static void append_names(struct tl_buffer *out)
{
    for (size_t i = 0; i < tl_commands_count; i++)
        tl_buffer_printf(out, "%s%s", i ? " " : "", tl_commands[i].name);
}

static void append_bash(struct tl_buffer *out)
{
    tl_buffer_printf(out, "# bash completion for trill: source this, or keep it where bash-completion looks\n"
                          "_trill_models() { " LIST_MODELS "; }\n"
                          "_trill() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n  COMPREPLY=()\n"
                          "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '");
    append_names(out);
    tl_buffer_printf(out, " --help --version' -- \"$cur\"))\n    return\n  fi\n  case ${COMP_WORDS[1]}:$prev in\n");
    for (size_t i = 0; i < tl_commands_count; i++)
        append_bash_values(out, &tl_commands[i]);
    tl_buffer_printf(out, "  esac\n  case ${COMP_WORDS[1]} in\n    help) COMPREPLY=($(compgen -W '");
    append_names(out);
    tl_buffer_printf(out,
                     "' -- \"$cur\")); return ;;\n    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")); return ;;\n");
    for (size_t i = 0; i < tl_commands_count; i++) {
        if (!tl_commands[i].body->n_options)
            continue;
        tl_buffer_printf(out, "    %s) words='", tl_commands[i].name);
        tl_options_words(tl_commands[i].body->options, tl_commands[i].body->n_options, out);
        tl_buffer_printf(out, " --help' ;;\n");
    }
    tl_buffer_printf(out, "  esac\n  case $cur in\n    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
                          "    *) COMPREPLY=($(compgen -W \"$(_trill_models)\" -- \"$cur\") $(compgen -f -- \"$cur\")) ;;\n  esac\n}\n"
                          "complete -o filenames -F _trill trill\n");
}

/* --- zsh ---------------------------------------------------------------------------------------------------------- */

static void append_zsh_option(struct tl_buffer *out, const struct tl_option *row)
{
    tl_buffer_printf(out, " \\\n      ");
    if (row->brief)
        tl_buffer_printf(out, "'(-%c --%s)'{-%c,--%s}'[", row->brief, row->name, row->brief, row->name);
    else
        tl_buffer_printf(out, "'%s--%s[", row->type == TL_OPTION_LIST ? "*" : "", row->name);
    append_quoted(out, row->help, "[]:\\");
    tl_buffer_printf(out, "]");
    if (row->type != TL_OPTION_FLAG) {
        tl_buffer_printf(out, ":");
        append_quoted(out, row->type == TL_OPTION_CHOICE ? row->name : row->value_name, "[]:\\");
    }
    if (row->type == TL_OPTION_CHOICE) {
        tl_buffer_printf(out, ":(");
        append_choices(out, row, " ");
        tl_buffer_printf(out, ")");
    } else if (row->type == TL_OPTION_FILE) {
        tl_buffer_printf(out, ":_files");
    } else if (row->type != TL_OPTION_FLAG) {
        tl_buffer_printf(out, strcmp(row->name, "model") == 0 ? ":_trill_model" : ":");
    }
    tl_buffer_printf(out, "'");
}

static void append_zsh(struct tl_buffer *out)
{
    tl_buffer_printf(out, "#compdef trill\n# zsh completion for trill: keep it as _trill in a folder of $fpath\n"
                          "_trill_model() { local -a models; models=(${(f)\"$(" LIST_MODELS ")\"}); _alternative "
                          "'models:model:compadd -a models' 'files:file:_files'; }\n"
                          "_trill() {\n  local -a commands; commands=(\n");
    for (size_t i = 0; i < tl_commands_count; i++) {
        tl_buffer_printf(out, "    '%s:", tl_commands[i].name);
        append_quoted(out, tl_commands[i].summary, ":\\");
        tl_buffer_printf(out, "'\n");
    }
    tl_buffer_printf(out, "  )\n  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
                          "  local command=$words[2]; shift words; (( CURRENT-- ))\n  case $command in\n"
                          "    help) _describe command commands ;;\n    completion) _values shell bash zsh fish ;;\n");
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        if (!body->n_options)
            continue;
        tl_buffer_printf(out, "    %s) _arguments", tl_commands[i].name);
        for (size_t k = 0; k < body->n_options; k++)
            append_zsh_option(out, &body->options[k]);
        const char *each = " \\\n      '*:MODEL:_trill_model'", *first = " \\\n      '1:MODEL:_trill_model'";
        tl_buffer_printf(out, "%s ;;\n", body->rest_offset ? each : body->n_words ? first : "");
    }
    tl_buffer_printf(out, "  esac\n}\nif [ \"$funcstack[1]\" = _trill ]; then _trill \"$@\"; else compdef _trill trill; fi\n");
}

/* --- fish --------------------------------------------------------------------------------------------------------- */

static void append_fish_option(struct tl_buffer *out, const char *command, const struct tl_option *row)
{
    tl_buffer_printf(out, "complete -c trill -n '__fish_seen_subcommand_from %s' -l %s", command, row->name);
    if (row->brief)
        tl_buffer_printf(out, " -s %c", row->brief);
    if (row->type == TL_OPTION_FILE)
        tl_buffer_printf(out, " -r -F");
    else if (strcmp(row->name, "model") == 0)
        tl_buffer_printf(out, " -r -F -a '(__trill_models)'");
    else if (row->type == TL_OPTION_CHOICE) {
        tl_buffer_printf(out, " -x -a '");
        append_choices(out, row, " ");
        tl_buffer_printf(out, "'");
    } else if (row->type != TL_OPTION_FLAG)
        tl_buffer_printf(out, " -x");
    tl_buffer_printf(out, " -d '");
    append_quoted(out, row->help, "");
    tl_buffer_printf(out, "'\n");
}

static void append_fish(struct tl_buffer *out)
{
    tl_buffer_printf(out, "# fish completion for trill: keep it as trill.fish in ~/.config/fish/completions\n"
                          "function __trill_models; sh -c '");
    append_quoted(out, LIST_MODELS, "");
    tl_buffer_printf(out, "'; end\n");
    for (size_t i = 0; i < tl_commands_count; i++) {
        tl_buffer_printf(out, "complete -c trill -f -n __fish_use_subcommand -a %s -d '", tl_commands[i].name);
        append_quoted(out, tl_commands[i].summary, "");
        tl_buffer_printf(out, "'\n");
    }
    tl_buffer_printf(out, "complete -c trill -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n"
                          "complete -c trill -f -n '__fish_seen_subcommand_from help' -a '");
    append_names(out);
    tl_buffer_printf(out, "'\n");
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        if (body->n_options && (body->n_words || body->rest_offset))
            tl_buffer_printf(out, "complete -c trill -n '__fish_seen_subcommand_from %s' -a '(__trill_models)'\n",
                             tl_commands[i].name);
        for (size_t k = 0; k < body->n_options; k++)
            append_fish_option(out, tl_commands[i].name, &body->options[k]);
    }
}

static const struct { const char *name; void (*append)(struct tl_buffer *out); } shells[] = {
    {"bash", append_bash}, {"zsh", append_zsh}, {"fish", append_fish},
};

static int run(const void *given)
{
    const struct settings *settings = given;
    if (!settings->shell)
        return tl_fail(TL_E_USAGE, "a shell is missing: bash, zsh or fish");
    for (size_t i = 0; i < TL_COUNT(shells); i++) {
        if (strcmp(shells[i].name, settings->shell) != 0)
            continue;
        struct tl_buffer out;
        tl_buffer_init(&out, 0);
        shells[i].append(&out);
        int r = tl_output_buffer(&out);
        tl_buffer_done(&out);
        return r;
    }
    return tl_fail(TL_E_USAGE, "unknown shell '%s': expected bash, zsh or fish", settings->shell);
}

const struct tl_command_body tl_completion_command = {
    .about = "Prints a script that completes commands, options, choices and model names.",
    .examples = "source <(trill completion bash)\n"
                "trill completion zsh > ~/.zsh/functions/_trill\n"
                "trill completion fish > ~/.config/fish/completions/trill.fish\n",
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
