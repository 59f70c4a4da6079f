/* SPDX-License-Identifier: MIT */
/* trill run: one answer on standard output. With a chat template the prompt is a user's message, otherwise the text
 * that is continued. Figures go to stderr when the answer is there. */
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/account.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/decoding.h"
#include "cli/setup.h"

struct settings {
    struct tl_setup setup;
    struct tl_decoding decoding;
    const char *prompt, *file, *system, *template_file;
    bool raw, json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, prompt, TEXT, 'p', "prompt", "TEXT", .help = "the prompt; - reads standard input"),
    TL_COMMAND_OPTION(struct settings, file, FILE, 'f', "file", "FILE", .help = "the prompt, from a file"),
    TL_COMMAND_OPTION(struct settings, system, TEXT, 0, "system", "TEXT", .help = "a system message before the prompt"),
    TL_COMMAND_OPTION(struct settings, raw, FLAG, 0, "raw", NULL, .help = "no chat template: the prompt is continued as it is"),
    TL_COMMAND_OPTION(struct settings, template_file, FILE, 0, "template", "FILE",
                      .help = "a chat template instead of the model's own"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#include "cli/decoding_options.def"
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

static bool is_chat(const struct settings *settings, struct trill_model *model)
{
    return !settings->raw && (settings->template_file || trill_model_has_chat(model) > 0);
}

static int chat_ids(const struct settings *settings, struct trill_model *model, const char *text, size_t n_bytes,
                    int32_t **ret_ids, size_t *ret_count)
{
    TL_AUTO char *template_text = NULL;
    size_t template_bytes = 0;
    int r = settings->template_file ? tl_input_text(settings->template_file, &template_text, &template_bytes) : 0;
    struct tl_messages messages;
    tl_messages_init(&messages);
    if (r >= 0)
        r = tl_messages_system(&messages, settings->system);
    if (r >= 0)
        r = tl_messages_add(&messages, "user", text, n_bytes);
    if (r >= 0)
        r = tl_prompt_chat(model, &messages, template_text, ret_ids, ret_count);
    tl_messages_done(&messages);
    return r;
}

static int prompt_ids(const struct settings *settings, struct trill_model *model, const char *text, size_t n_bytes,
                      int32_t **ret_ids, size_t *ret_count)
{
    int r;
    if (is_chat(settings, model)) {
        r = chat_ids(settings, model, text, n_bytes, ret_ids, ret_count);
    } else {
        const char *chats = settings->system ? "--system" : settings->decoding.think_tokens >= 0 ? "--think-tokens" : NULL;
        if (chats)
            return tl_fail(TL_E_USAGE, "%s needs a chat template: %s", chats, settings->raw ? "--raw goes without" : "the model has none");
        unsigned flags = TRILL_BOS | (settings->decoding.special ? TRILL_SPECIAL : 0);
        r = tl_command_status(trill_tokenize(model, text, n_bytes, flags, ret_ids, ret_count));
    }
    if (r >= 0 && *ret_count == 0)
        return tl_fail(TL_E_USAGE, "the prompt is empty");
    return r;
}

/* -n 0: the prompt is computed and nothing is generated. */
static int compute_only(struct trill_session *session, size_t n_ids, struct trill_generation *ret_generation)
{
    uint64_t start_ns = tl_clock_ns();
    tl_interrupt_sessions(&session, 1);
    int r = tl_command_status(trill_session_compute(session, NULL, NULL));
    tl_interrupt_sessions(NULL, 0);
    *ret_generation = (struct trill_generation){
        .size = sizeof *ret_generation, .finish = TRILL_FINISH_LENGTH, .prompt_tokens = (uint32_t)n_ids,
            .prefill_seconds = tl_clock_seconds(start_ns),
    };
    return r;
}

static int answer(const struct settings *settings, bool chat, struct trill_session *session, const int32_t *ids, size_t n_ids,
                  struct trill_generation *ret_generation)
{
    int r = tl_command_status(trill_session_set(session, ids, n_ids));
    if (r < 0)
        return r;
    if (settings->decoding.tokens == 0)
        return compute_only(session, n_ids, ret_generation);
    struct trill_generate_options generate;
    struct tl_decoding_kept kept;
    trill_generate_options_init(&generate, sizeof generate);
    generate.chat = chat;
    r = tl_decoding_apply(&settings->decoding, &generate, &kept);
    if (r >= 0)
        r = tl_answer_generate(session, &generate, !settings->json, ret_generation);
    tl_decoding_done(&kept);
    return r;
}

static int print_json(const struct trill_generation *generation, const struct tl_streaming *streaming, const struct tl_buffer *ledger)
{
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    int r = ledger->status < 0 ? ledger->status : tl_answer_json(generation, streaming, ledger->data, &json);
    if (r >= 0)
        r = tl_output_buffer(&json);
    tl_buffer_done(&json);
    return r;
}

/* Everything with the model open; the figures are for after it is closed. */
static int run_with(const struct settings *settings, struct trill_model *model, const char *text, size_t n_bytes,
                    struct trill_account *account, struct tl_answer_sums *sums, struct tl_streaming *streaming)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    struct trill_session *session = NULL;
    struct trill_generation generation = {0};
    struct tl_buffer ledger;
    tl_buffer_init(&ledger, 0);
    int r = prompt_ids(settings, model, text, n_bytes, &ids, &n_ids);
    if (r >= 0)
        r = tl_command_status(trill_session_open(model, &session));
    if (r >= 0)
        r = answer(settings, is_chat(settings, model), session, ids, n_ids, &generation);
    struct trill_model_figures *figures = &streaming->after;
    int known = trill_model_figures(model, figures, sizeof *figures);
    if (r >= 0 && known < 0)
        r = tl_command_status(known);
    if (r >= 0 && (settings->json || !settings->setup.quiet))
        streaming->drive_bytes_per_s = tl_streaming_measure(model, figures);
    if (r >= 0 && settings->json) {
        tl_account_json(account, model, &ledger);
        r = print_json(&generation, streaming, &ledger);
    }
    if (r >= 0 && !settings->setup.quiet && generation.finish == TRILL_FINISH_CONTEXT)
        tl_output_note("the context of %u tokens is full; -c allows more\n", figures->context);
    tl_answer_add(sums, &generation);
    tl_buffer_done(&ledger);
    trill_generation_done(&generation);
    trill_session_close(session);
    trill_free(ids);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct trill_model *model = NULL;
    struct trill_account *account = NULL;
    TL_AUTO char *text = NULL;
    size_t n_bytes = 0;
    struct tl_answer_sums sums = {0};
    struct tl_streaming streaming = {0};
    int r = tl_setup_check(&settings->setup);
    if (r >= 0)
        r = tl_prompt_text(settings->prompt, settings->file, settings->raw, &text, &n_bytes);
    if (r >= 0)
        account = (settings->json ? tl_account_open_told : tl_account_open)("run", &settings->setup);
    if (r >= 0)
        r = tl_setup_open(&settings->setup, &(struct tl_setup_needs){0}, &model);
    if (r >= 0)
        r = run_with(settings, model, text, n_bytes, account, &sums, &streaming);
    tl_account_close(account, model, r);
    if (!settings->setup.quiet && !settings->json && (r >= 0 || (r == TL_E_CANCEL && sums.prompt_tokens)))
        tl_answer_note(&sums, &streaming, r >= 0);
    return r;
}

const struct tl_command_body tl_run_command = {
    .about = "Answers a prompt. The answer, and nothing else, goes to standard output as it is generated;\n"
             "figures go to standard error. If the model has a chat template, the prompt is a user's message;\n"
             "otherwise, and with --raw, it is a text that is continued. Without -p and -f the prompt is read\n"
             "from standard input. The same model, prompt, options and seed give the same answer on every\n"
             "machine.",
    .examples = "trill run smollm2-135m-instruct -p \"Why is the sky blue?\"\n"
                "trill run model.gguf -f letter.txt --system \"Answer in one sentence.\" --temp 0\n"
                "trill run model.gguf --raw -p \"Once upon a time\" -n 100 --json\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
