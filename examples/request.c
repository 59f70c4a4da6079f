/* SPDX-License-Identifier: MIT */
/* A request as clients of model servers write it, answered without a server: the document, or the frames of a stream.
 *
 *     cc request.c $(pkg-config --cflags --libs trill) -o request
 *     ./request model.gguf chat '{"messages": [{"role": "user", "content": "Two colours?"}], "stream": true}' */
#include <stdio.h>
#include <string.h>
#include <trill.h>

static int print_piece(void *context, const char *bytes, size_t n_bytes)
{
    (void)context;
    fwrite(bytes, 1, n_bytes, stdout);
    return fflush(stdout);
}

static int answer(struct trill_model *model, const char *form, const char *body)
{
    struct trill_request *request = NULL;
    struct trill_session *session = NULL;
    struct trill_request_figures figures = {0};
    char *refusal = NULL;

    struct trill_request_options options;
    trill_request_options_init(&options, sizeof options);
    options.form = form;
    options.body = body;
    options.n_bytes = strlen(body);
    options.write = print_piece;

    int status = trill_request_new(model, &options, &request, &refusal);
    if (refusal)
        printf("%s\n", refusal);
    if (status >= 0)
        status = trill_request_figures(request, &figures, sizeof figures);
    if (status >= 0)
        status = trill_session_open(model, &session);
    for (uint32_t part = 0; part < figures.parts && status >= 0; part++)         /* side by side in a server */
        status = trill_request_answer(request, part, session, NULL, 0);
    trill_session_close(session);
    trill_request_close(request);
    trill_free(refusal);
    return status;
}

int main(int argc, char **argv)
{
    struct trill_model *model = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: request MODEL chat|completions|responses|messages|embeddings BODY\n");
        return 2;
    }
    int status = trill_model_open(argv[1], NULL, &model);
    if (status >= 0)
        status = answer(model, argv[2], argv[3]);
    if (status < 0)
        fprintf(stderr, "request: %s\n", trill_error());
    trill_model_close(model);
    return trill_exit_code(status);
}
