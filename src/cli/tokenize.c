/* SPDX-License-Identifier: MIT */
/* trill tokenize: text to ids, ids to text, and chat templates applied. Only the vocabulary is loaded. Text is taken as it
 * is: nothing is added and no control token recognised unless asked for. Ids give back their bytes exactly. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/setup.h"

struct settings {
    struct tl_setup setup;
    const char *prompt, *file, *ids_file, *messages_file, *template_file, *tools_file;
    bool bos, special, render, json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, prompt, TEXT, 'p', "prompt", "TEXT", .help = "the text; - reads standard input"),
    TL_COMMAND_OPTION(struct settings, file, FILE, 'f', "file", "FILE", .help = "the text, from a file"),
    TL_COMMAND_OPTION(struct settings, ids_file, FILE, 0, "ids", "FILE",
                      .help = "ids, as a JSON list or separated by blanks: prints their text"),
    TL_COMMAND_OPTION(struct settings, messages_file, FILE, 0, "messages", "FILE",
                      .help = "a JSON list of messages, through the chat template"),
    TL_COMMAND_OPTION(struct settings, template_file, FILE, 0, "template", "FILE",
                      .help = "a chat template instead of the model's own"),
    TL_COMMAND_OPTION(struct settings, tools_file, FILE, 0, "tools", "FILE", .help = "a JSON list of tools for the template"),
    TL_COMMAND_OPTION(struct settings, render, FLAG, 0, "render", NULL, .help = "the text of the messages instead of its ids"),
    TL_COMMAND_OPTION(struct settings, bos, FLAG, 0, "bos", NULL,
                      .help = "begin (and end) with the tokens that the model wants there"),
    TL_COMMAND_OPTION(struct settings, special, FLAG, 0, "special", NULL,
                      .help = "control tokens written in the text are recognised"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

/* What goes in is one of these. */
struct input {
    const struct settings *settings;
    char *text, *template_text, *tools;
    size_t n_bytes;
    int32_t *typed_ids;
    size_t n_typed;
};

static void input_done(struct input *input)
{
    tl_free(input->text);
    tl_free(input->template_text);
    tl_free(input->tools);
    tl_free(input->typed_ids);
}

static int check(const struct settings *settings)
{
    int sources = (settings->prompt || settings->file) + (settings->ids_file != NULL) + (settings->messages_file != NULL);
    if (sources > 1)
        return tl_fail(TL_E_USAGE, "a text, --ids and --messages: only one of them is expected, found %d", sources);
    if (!settings->messages_file && (settings->template_file || settings->tools_file || settings->render))
        return tl_fail(TL_E_USAGE, "--template, --tools and --render go with --messages FILE");
    return tl_setup_check(&settings->setup);
}

/* Read before the model is opened: a mistake there should not take its time. */
static int read_input(const struct settings *settings, struct input *input)
{
    size_t ignored = 0;
    int r;
    input->settings = settings;
    if (settings->ids_file)
        return tl_input_ids(settings->ids_file, &input->typed_ids, &input->n_typed);
    if (!settings->messages_file)
        return tl_prompt_text(settings->prompt, settings->file, true, &input->text, &input->n_bytes);
    r = tl_input_text(settings->messages_file, &input->text, &input->n_bytes);
    if (r >= 0 && settings->template_file)
        r = tl_input_text(settings->template_file, &input->template_text, &ignored);
    if (r >= 0 && settings->tools_file)
        r = tl_input_text(settings->tools_file, &input->tools, &ignored);
    return r;
}

static int write_text(const struct input *input, const char *text, size_t n_bytes)
{
    if (!input->settings->json)
        return tl_output_write(text, n_bytes);
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"text\":");
    tl_buffer_json_string(&json, text, n_bytes);
    tl_buffer_printf(&json, "}\n");
    int r = tl_output_buffer(&json);
    tl_buffer_done(&json);
    return r;
}

static int print_text(struct trill_model *model, const struct input *input)
{
    char *text = NULL;
    size_t n_bytes = 0;
    int r = tl_command_status(trill_detokenize(model, input->typed_ids, input->n_typed, TRILL_SPECIAL, &text, &n_bytes));
    if (r >= 0)
        r = write_text(input, text, n_bytes);
    trill_free(text);
    return r;
}

static void fill_chat(const struct input *input, struct trill_chat *chat)
{
    trill_chat_init(chat, sizeof *chat);
    chat->messages = input->text;
    chat->tools = input->tools;
    chat->template_text = input->template_text;
}

static int print_rendered(struct trill_model *model, const struct input *input)
{
    struct trill_chat chat;
    char *text = NULL;
    size_t n_bytes = 0;
    fill_chat(input, &chat);
    int r = tl_command_status(trill_chat_render(model, &chat, &text, &n_bytes));
    if (r >= 0)
        r = write_text(input, text, n_bytes);
    trill_free(text);
    return r;
}

static int append_piece(struct trill_model *model, struct tl_buffer *out, int32_t id)
{
    char *text = NULL;
    size_t n_bytes = 0;
    int r = tl_command_status(trill_detokenize(model, &id, 1, TRILL_SPECIAL, &text, &n_bytes));
    if (r >= 0)
        r = tl_buffer_json_string(out, text, n_bytes);
    trill_free(text);
    return r;
}

static int append_json(struct trill_model *model, const int32_t *ids, size_t count, struct tl_buffer *out)
{
    int r = tl_buffer_printf(out, "{\"ids\":[");
    for (size_t i = 0; i < count; i++)
        tl_buffer_printf(out, "%s%" PRId32, i ? "," : "", ids[i]);
    tl_buffer_printf(out, "],\"pieces\":[");
    for (size_t i = 0; i < count && r >= 0; i++) {
        tl_buffer_append(out, ",", i != 0);
        r = append_piece(model, out, ids[i]);
    }
    return r < 0 ? r : tl_buffer_printf(out, "]}\n");
}

/* For people: one line a token. */
static int append_table(struct trill_model *model, const int32_t *ids, size_t count, struct tl_buffer *out)
{
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        tl_buffer_printf(out, "%8" PRId32 "  ", ids[i]);
        r = append_piece(model, out, ids[i]);
        tl_buffer_append(out, "\n", 1);
    }
    return r;
}

static int print_ids(struct trill_model *model, const struct input *input)
{
    const struct settings *settings = input->settings;
    int32_t *ids = NULL;
    size_t count = 0;
    struct trill_chat chat;
    fill_chat(input, &chat);
    unsigned flags = (settings->bos ? TRILL_BOS : 0) | (settings->special ? TRILL_SPECIAL : 0);
    int r = settings->messages_file ? trill_chat_tokenize(model, &chat, &ids, &count)
                                    : trill_tokenize(model, input->text, input->n_bytes, flags, &ids, &count);
    r = tl_command_status(r);
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    if (r >= 0)
        r = settings->json ? append_json(model, ids, count, &out) : append_table(model, ids, count, &out);
    if (r >= 0)
        r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    trill_free(ids);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct trill_model *model = NULL;
    struct input input = {0};
    int r = check(settings);
    if (r >= 0)
        r = read_input(settings, &input);
    if (r >= 0)
        r = tl_setup_open(&settings->setup, &(struct tl_setup_needs){.vocabulary_only = true}, &model);
    if (r >= 0 && settings->ids_file)
        r = print_text(model, &input);
    else if (r >= 0 && settings->render)
        r = print_rendered(model, &input);
    else if (r >= 0)
        r = print_ids(model, &input);
    trill_model_close(model);
    input_done(&input);
    return r;
}

const struct tl_command_body tl_tokenize_command = {
    .about = "Shows how a model cuts text into tokens, gives the text of ids, and applies chat templates. Text\n"
             "is taken as it is: no token is added without --bos, and control tokens written in it are plain\n"
             "text without --special. With --messages the conversation goes through the chat template, ready for\n"
             "the next answer. Weights are not loaded.",
    .examples = "trill tokenize smollm2-135m-instruct -p \"Hello world\"\n"
                "trill tokenize model.gguf -f book.txt --json\n"
                "echo \"[504, 2049]\" | trill tokenize model.gguf --ids -\n"
                "trill tokenize model.gguf --messages chat.json --render\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
