/* SPDX-License-Identifier: MIT */
/* The library in one page: open a model, ask it a question, print the answer as it comes.
 *
 *     cc hello.c $(pkg-config --cflags --libs trill) -o hello && ./hello model.gguf "Why is the sky blue?" */
#include <stdio.h>
#include <trill.h>

/* Pieces are whole characters; a non-zero return stops the answer. */
static int print_piece(void *context, const char *bytes, size_t n_bytes)
{
    (void)context;
    fwrite(bytes, 1, n_bytes, stdout);
    return fflush(stdout);
}

static int ask(struct trill_model *model, const char *messages)
{
    struct trill_session *session = NULL;
    struct trill_generation generation = {0};
    int32_t *ids = NULL;
    size_t count = 0;

    struct trill_chat chat;
    trill_chat_init(&chat, sizeof chat);
    chat.messages = messages;

    struct trill_generate_options options;
    trill_generate_options_init(&options, sizeof options);
    options.max_tokens = 200;
    options.text = print_piece;

    int status = trill_chat_tokenize(model, &chat, &ids, &count);
    if (status >= 0)
        status = trill_session_open(model, &session);
    if (status >= 0)
        status = trill_session_set(session, ids, count);
    if (status >= 0)
        status = trill_session_generate(session, &options, &generation, sizeof generation);
    if (status >= 0)
        printf("\n(%zu tokens, the first after %.2f s, all after %.2f s)\n", generation.count, generation.first_token_seconds,
               generation.first_token_seconds + generation.decode_seconds);
    trill_generation_done(&generation);
    trill_session_close(session);
    trill_free(ids);
    return status;
}

int main(int argc, char **argv)
{
    char messages[4096];
    struct trill_model *model = NULL;
    const char *question = argc > 2 ? argv[2] : "Why is the sky blue?";           /* without quotes and backslashes */
    snprintf(messages, sizeof messages, "[{\"role\": \"user\", \"content\": \"%s\"}]", question);
    int status = argc < 2 ? TRILL_USAGE : trill_model_open(argv[1], NULL, &model);
    if (status >= 0)
        status = ask(model, messages);
    if (status < 0)
        fprintf(stderr, "hello: %s\n", argc < 2 ? "usage: hello MODEL [QUESTION]" : trill_error());
    trill_model_close(model);
    return trill_exit_code(status);
}
