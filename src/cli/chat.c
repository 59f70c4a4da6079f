/* SPDX-License-Identifier: MIT */
/* trill chat: a conversation on the terminal, or a turn for each line of a pipe. What a turn shares with the one before is
 * not computed again. A turn that fails or is stopped before its first token leaves the conversation as it was. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/account.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/decoding.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/setup.h"

struct settings {
    struct tl_setup setup;
    struct tl_decoding decoding;
    const char *system, *template_file, *history;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, system, TEXT, 0, "system", "TEXT", .help = "a system message before the conversation"),
    TL_COMMAND_OPTION(struct settings, template_file, FILE, 0, "template", "FILE",
                      .help = "a chat template instead of the model's own"),
    TL_COMMAND_OPTION(struct settings, history, FILE, 0, "messages", "FILE",
                      .help = "go on with this conversation, as /save wrote it"),
#include "cli/decoding_options.def"
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

struct chat {
    const struct settings *settings;
    struct trill_model *model;
    struct trill_account *account;
    struct trill_session *session;
    struct trill_generate_options generate;
    struct tl_decoding_kept kept;
    char *template_text;
    struct tl_messages messages;
    struct tl_line_reader reader;
    struct tl_answer_sums sums;
    struct trill_model_figures figures;
    bool finished;
};

/* --- a turn ------------------------------------------------------------------------------------------------------- */

static void explain_full(const struct chat *chat)
{
    tl_output_note("the context of %u tokens is full: /reset begins anew, -c N makes room for more, /save FILE keeps the conversation\n",
                   chat->figures.context);
}

static int set_prompt(struct chat *chat)
{
    int32_t *ids = NULL;
    size_t count = 0;
    int r = tl_prompt_chat(chat->model, &chat->messages, chat->template_text, &ids, &count);
    if (r >= 0 && count >= chat->figures.context) {
        explain_full(chat);
        r = tl_fail(TL_E_USAGE, "the conversation has %zu tokens, and its context holds %u", count, chat->figures.context);
    }
    if (r >= 0)
        r = tl_command_status(trill_session_set(chat->session, ids, count));
    trill_free(ids);
    return r;
}

/* On a terminal Ctrl-C ends the answer, not the conversation. */
static int answer(struct chat *chat)
{
    struct trill_generation generation = {0};
    int r = tl_answer_generate(chat->session, &chat->generate, true, &generation);
    bool stopped = r == TL_E_CANCEL && chat->reader.prompts;
    if (stopped) {
        tl_interrupt_reset();
        tl_output_note("(stopped)\n");
        r = 0;
    }
    if (r >= 0 && generation.finish == TRILL_FINISH_CONTEXT)
        explain_full(chat);
    if (r >= 0 && (generation.count || !stopped))
        r = tl_messages_add(&chat->messages, "assistant", generation.text, generation.text_bytes);
    else if (r >= 0)
        r = TL_E_CANCEL;     /* nothing to keep: the turn is taken back */
    tl_answer_add(&chat->sums, &generation);
    trill_generation_done(&generation);
    return r;
}

/* A failed turn is told and forgotten on a terminal; a pipe has nobody to tell, so there it ends the command. */
static int turn(struct chat *chat, const struct tl_buffer *line)
{
    size_t mark = tl_messages_mark(&chat->messages);
    int r = tl_messages_add(&chat->messages, "user", line->data, line->len);
    if (r >= 0)
        r = set_prompt(chat);
    if (r >= 0)
        r = answer(chat);
    if (r >= 0)
        return 0;
    tl_messages_back(&chat->messages, mark);
    if (r == TL_E_CANCEL && chat->reader.prompts)
        return 0;
    if (!chat->reader.prompts || r == TL_E_IO || r == TL_CLI_QUIET)
        return r;
    tl_output_note("%s\n", tl_error_text());
    return 0;
}

/* --- words that begin with a slash -------------------------------------------------------------------------------- */

static int do_help(struct chat *chat, const char *argument);

static int do_reset(struct chat *chat, const char *argument)
{
    (void)argument;
    tl_messages_back(&chat->messages, 0);
    tl_output_note("(a new conversation)\n");
    return 0;
}

static int do_system(struct chat *chat, const char *argument)
{
    return tl_messages_system(&chat->messages, argument);
}

static int do_save(struct chat *chat, const char *argument)
{
    if (!*argument)
        return tl_fail(TL_E_USAGE, "/save: a file is missing");
    int r = tl_messages_save(&chat->messages, argument);
    if (r >= 0)
        tl_output_note("(saved to %s)\n", argument);
    return r;
}

static int do_load(struct chat *chat, const char *argument)
{
    size_t count = 0;
    if (!*argument)
        return tl_fail(TL_E_USAGE, "/load: a file is missing");
    int r = tl_messages_load(&chat->messages, argument, &count);
    if (r >= 0)
        tl_output_note("(%zu messages)\n", count);
    return r;
}

static int do_stats(struct chat *chat, const char *argument)
{
    (void)argument;
    int r = tl_command_status(trill_model_figures(chat->model, &chat->figures, sizeof chat->figures));
    if (r >= 0)
        tl_answer_note(&chat->sums, &(struct tl_streaming){.after = chat->figures}, false);
    return r;
}

static int do_exit(struct chat *chat, const char *argument)
{
    (void)argument;
    chat->finished = true;
    return 0;
}

static const struct slash {
    const char *name, *argument, *summary;
    int (*run)(struct chat *chat, const char *argument);
} slashes[] = {
    {"help", "", "these words", do_help},
    {"reset", "", "forget the conversation; a system message stays", do_reset},
    {"system", "TEXT", "the system message from now on; none without TEXT", do_system},
    {"save", "FILE", "write the conversation as JSON", do_save},
    {"load", "FILE", "replace the conversation by a saved one", do_load},
    {"stats", "", "figures so far", do_stats},
    {"exit", "", "end, as the end of the input does", do_exit},
};

static int do_help(struct chat *chat, const char *argument)
{
    (void)chat, (void)argument;
    for (size_t i = 0; i < TL_COUNT(slashes); i++)
        tl_output_note("  /%-7s %-5s %s\n", slashes[i].name, slashes[i].argument, slashes[i].summary);
    tl_output_note("A line that ends with \\ goes on in the next one. Ctrl-C stops an answer.\n");
    return 0;
}

static int run_slash(struct chat *chat, const char *line)
{
    size_t n = strcspn(line + 1, " ");
    const char *argument = line + 1 + n + strspn(line + 1 + n, " ");
    int r = 0;
    size_t i = 0;
    while (i < TL_COUNT(slashes) && (strlen(slashes[i].name) != n || strncmp(slashes[i].name, line + 1, n) != 0))
        i++;
    if (i < TL_COUNT(slashes))
        r = slashes[i].run(chat, argument);
    else
        r = tl_fail(TL_E_USAGE, "unknown word %.*s; /help lists them", (int)(n < 40 ? n + 1 : 41), line);
    if (r < 0 && chat->reader.prompts) {
        tl_output_note("%s\n", tl_error_text());
        r = 0;
    }
    return r;
}

/* --- the conversation --------------------------------------------------------------------------------------------- */

static int converse(struct chat *chat)
{
    struct tl_buffer line;
    int r = 0;
    tl_buffer_init(&line, 0);
    while (r >= 0 && !chat->finished) {
        r = tl_line_read(&chat->reader, &line);
        if (r == TL_LINE_INTERRUPTED && line.len > 0) {      /* drops the lines typed so far */
            tl_interrupt_reset();
            tl_output_note("\n");
            continue;
        }
        if (r == TL_LINE_INTERRUPTED)
            r = tl_fail(TL_E_CANCEL, "interrupted");
        if (r < 0 || r == TL_LINE_END)
            break;
        if (line.len && line.data[0] == '/')
            r = run_slash(chat, line.data);
        else if (line.len)
            r = turn(chat, &line);
    }
    if (chat->reader.prompts && (r == TL_LINE_END || r == TL_E_CANCEL))
        tl_output_note("\n");
    tl_buffer_done(&line);
    return r;
}

static int prepare(struct chat *chat)
{
    const struct settings *settings = chat->settings;
    size_t ignored = 0;
    int r = tl_setup_check(&settings->setup);
    if (r >= 0 && settings->template_file)
        r = tl_input_text(settings->template_file, &chat->template_text, &ignored);
    if (r >= 0 && settings->history)
        r = tl_messages_load(&chat->messages, settings->history, &ignored);
    if (r >= 0)
        r = tl_messages_system(&chat->messages, settings->system);
    trill_generate_options_init(&chat->generate, sizeof chat->generate);
    chat->generate.chat = 1;
    return r < 0 ? r : tl_decoding_apply(&settings->decoding, &chat->generate, &chat->kept);
}

static int open_model(struct chat *chat)
{
    chat->account = tl_account_open("chat", &chat->settings->setup);
    int r = tl_setup_open(&chat->settings->setup, &(struct tl_setup_needs){0}, &chat->model);
    if (r >= 0 && !chat->template_text && trill_model_has_chat(chat->model) <= 0)
        r = tl_fail(TL_E_USAGE, "%s has no chat template; trill run continues texts, --template FILE brings a template",
                    chat->settings->setup.model);
    if (r >= 0)
        r = tl_command_status(trill_model_figures(chat->model, &chat->figures, sizeof chat->figures));
    if (r >= 0)
        r = tl_command_status(trill_session_open(chat->model, &chat->session));
    if (r >= 0 && chat->reader.prompts && !chat->settings->setup.quiet)
        tl_output_note("%s, context of %u tokens; /help lists what else can be typed, Ctrl-D ends\n",
                       chat->figures.architecture, chat->figures.context);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    TL_AUTO struct chat *chat = tl_alloc(1, sizeof *chat);
    if (!chat)
        return TL_E_NOMEM;
    chat->settings = settings;
    tl_messages_init(&chat->messages);
    tl_line_init(&chat->reader);
    int r = prepare(chat);
    if (r >= 0)
        r = open_model(chat);
    if (r >= 0)
        r = converse(chat);
    struct tl_streaming streaming = {0};
    if (r >= 0 && chat->model && trill_model_figures(chat->model, &streaming.after, sizeof streaming.after) >= 0 && chat->sums.tokens)
        streaming.drive_bytes_per_s = settings->setup.quiet ? 0 : tl_streaming_measure(chat->model, &streaming.after);
    trill_session_close(chat->session);
    tl_account_close(chat->account, chat->model, r);
    if ((r >= 0 || r == TL_E_CANCEL) && !settings->setup.quiet && chat->sums.tokens)
        tl_answer_note(&chat->sums, &streaming, r >= 0);
    tl_line_done(&chat->reader);
    tl_messages_done(&chat->messages);
    tl_free(chat->template_text);
    tl_decoding_done(&chat->kept);
    return r;
}

const struct tl_command_body tl_chat_command = {
    .about = "Talks with a model that has a chat template. Answers stream to standard output, everything else\n"
             "goes to standard error. A line is a turn; one that ends with a backslash goes on in the next line.\n"
             "Ctrl-C stops an answer, and ends the program at an empty prompt. /help lists what else can be\n"
             "typed: /reset /system /save /load /stats /exit. From a pipe each line is a turn too.",
    .examples = "trill chat smollm2-135m-instruct\n"
                "trill chat model.gguf --system \"You are terse.\" --temp 0.3\n"
                "printf 'Hello\\nAnd again\\n' | trill chat model.gguf\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
