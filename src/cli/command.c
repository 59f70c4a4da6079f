/* SPDX-License-Identifier: MIT */
/* The table of commands, finding one by name, and running one on its arguments. */
#include "cli/command.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "cli/help.h"

#define COMMAND(name, arguments, summary) extern const struct tl_command_body tl_##name##_command;
#include "cli/commands.def"
#undef COMMAND

const struct tl_command tl_commands[] = {
#define COMMAND(name, arguments, summary) {#name, arguments, summary, &tl_##name##_command},
#include "cli/commands.def"
#undef COMMAND
};
const size_t tl_commands_count = TL_COUNT(tl_commands);

/* Another spelling. */
static const char *const aliases[][2] = {{"distil", "distill"}};

const struct tl_command *tl_command_find(const char *name)
{
    const char *names[TL_COUNT(tl_commands)];
    for (size_t i = 0; i < TL_COUNT(aliases); i++)
        name = strcmp(name, aliases[i][0]) == 0 ? aliases[i][1] : name;
    for (size_t i = 0; i < tl_commands_count; i++) {
        if (strcmp(tl_commands[i].name, name) == 0)
            return &tl_commands[i];
        names[i] = tl_commands[i].name;
    }
    const char *nearest = tl_option_nearest(name, names, tl_commands_count);
    if (nearest)
        tl_fail(TL_E_USAGE, "unknown command '%s'; is %s meant?", name, nearest);
    else
        tl_fail(TL_E_USAGE, "unknown command '%s'; trill help lists the commands", name);
    return NULL;
}

/* Does this argument take the next one as its value? */
static bool takes_next(const struct tl_command_body *body, const char *argument)
{
    const struct tl_option *row = NULL;
    if (argument[1] == '-')
        row = tl_option_find(body->options, body->n_options, argument + 2, strlen(argument + 2));
    else
        for (size_t i = 0; i < body->n_options && !row; i++)
            if (body->options[i].brief && body->options[i].brief == argument[1] && !argument[2])
                row = &body->options[i];
    return row && row->type != TL_OPTION_FLAG;
}

static bool asks_for_help(const struct tl_command_body *body, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
        if (strcmp(argv[i], "--") == 0)
            return false;
        if (argv[i][0] == '-' && takes_next(body, argv[i]))
            i++;
    }
    return false;
}

static int take_rest(const struct tl_command_body *body, const char *const *words, int n_words, char *settings)
{
    struct tl_option_list *rest = (struct tl_option_list *)(void *)(settings + body->rest_offset);
    if (!body->rest_offset)
        return tl_fail(TL_E_USAGE, "unexpected argument '%s'", words[0]);
    for (int i = 0; i < n_words; i++) {
        if (rest->count == TL_OPTION_LIST_MAX)
            return tl_fail(TL_E_USAGE, "'%s' is one too many: at most %d are taken", words[i], TL_OPTION_LIST_MAX);
        rest->items[rest->count++] = words[i];
    }
    return 0;
}

static int take_words(const struct tl_command_body *body, const char *const *words, int n_words, char *settings)
{
    size_t row = 0;
    for (int i = 0; i < n_words; i++, row++) {
        if (!*words[i])
            return tl_fail(TL_E_USAGE, "found an empty argument, expected %s", row < body->n_words ? body->words[row].name : "a name");
        while (row < body->n_words && *(const char **)(void *)(settings + body->words[row].field_offset))
            row++;
        if (row == body->n_words)
            return take_rest(body, words + i, n_words - i, settings);
        *(const char **)(void *)(settings + body->words[row].field_offset) = words[i];
    }
    return 0;
}

int tl_command_run(const struct tl_command *command, int argc, char **argv)
{
    const struct tl_command_body *body = command->body;
    if (asks_for_help(body, argc, argv))
        return tl_help_print(command);
    TL_AUTO char *settings = tl_alloc(1, body->settings_bytes);
    TL_AUTO const char **words = tl_alloc((size_t)argc + 1, sizeof *words);
    if (!settings || !words)
        return TL_E_NOMEM;
    int n_words = 0;
    int r = tl_options_default(body->options, body->n_options, settings);
    if (r >= 0)
        r = tl_options_parse(body->options, body->n_options, argc, argv, settings, words, &n_words);
    if (r >= 0)
        r = take_words(body, words, n_words, settings);
    return r < 0 ? r : body->run(settings);
}
