/* SPDX-License-Identifier: MIT */
/* Requests through the public header: documents and streams say the same, parts are answered on several threads, what cannot be
 * answered is refused in its form, readers that leave end the work, and likelihoods are those that scoring finds. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "golden_file.h"
#include "trill.h"

enum { CONTEXT = 128, SESSIONS = 3 };

static struct trill_model *model;
static struct trill_session *session;

static int open_model(void **state)
{
    struct trill_model_options options;
    (void)state;
    trill_model_options_init(&options, sizeof options);
    options.context = CONTEXT;
    options.chunk = 16;
    options.sessions = SESSIONS;
    options.threads = 2;
    if (trill_model_open(golden_file("llama/model.gguf"), &options, &model) < 0)
        return -1;
    return trill_session_open(model, &session);
}

static int close_model(void **state)
{
    (void)state;
    trill_session_close(session);
    trill_model_close(model);
    return 0;
}

/* --- asking ----------------------------------------------------------------------------------------------------------------- */

struct reader {
    struct tl_buffer text;
    size_t leaves_after;                 /* bytes; 0: stays */
    int left, calls_after;
};

static int hear(void *context, const char *bytes, size_t n_bytes)
{
    struct reader *reader = context;
    reader->calls_after += reader->left;
    tl_buffer_append(&reader->text, bytes, n_bytes);
    reader->left = reader->leaves_after && reader->text.len >= reader->leaves_after;
    return reader->left;
}

static int ask(const char *form, const char *body, struct reader *reader, struct trill_request **ret_request, char **ret_refusal)
{
    struct trill_request_options options;
    trill_request_options_init(&options, sizeof options);
    options.form = form;
    options.body = body;
    options.n_bytes = strlen(body);
    options.model = "m";
    options.id = "7";
    options.write = hear;
    options.context_pointer = reader;
    tl_buffer_init(&reader->text, 0);
    return trill_request_new(model, &options, ret_request, ret_refusal);
}

static struct trill_request *must_ask(const char *form, const char *body, struct reader *reader)
{
    struct trill_request *request = NULL;
    char *refusal = NULL;
    if (ask(form, body, reader, &request, &refusal) < 0)
        fail_msg("%s: %s", body, trill_error());
    assert_null(refusal);
    return request;
}

/* The answer, all parts one after the other; to be freed by the reader. */
static struct trill_answered answer(const char *form, const char *body, struct reader *reader)
{
    struct trill_request *request = must_ask(form, body, reader);
    struct trill_request_figures figures;
    struct trill_answered answered = {0};
    assert_int_equal(trill_request_figures(request, &figures, sizeof figures), 0);
    for (uint32_t i = 0; i < figures.parts; i++)
        if (trill_request_answer(request, i, session, &answered, sizeof answered) < 0)
            fail_msg("%s: %s", body, trill_error());
    trill_request_close(request);
    return answered;
}

static void says(const char *text, const char *words)
{
    if (!text || !strstr(text, words))
        fail_msg("\"%s\" does not say \"%s\"", text ? text : "", words);
}

/* --- reading what comes back ------------------------------------------------------------------------------------------------ */

/* All strings behind this key, one after the other. */
static void collect(const char *json, size_t n_bytes, const char *key, struct tl_buffer *out)
{
    struct tl_json reader;
    int event;
    tl_json_init(&reader, "answer", json, n_bytes);
    while ((event = tl_json_next(&reader)) > 0)
        if (event == TL_JSON_KEY && tl_json_is(&reader, key) && (event = tl_json_next(&reader)) == TL_JSON_STRING)
            tl_buffer_append(out, reader.string.data, reader.string.len);
    assert_int_equal(event, TL_JSON_END);
    tl_json_done(&reader);
}

/* Each frame is a JSON document behind "data: ", a comment, or the last one. */
static char *streamed(const char *text, const char *key)
{
    struct tl_buffer out;
    bool done = false;
    tl_buffer_init(&out, 0);
    tl_buffer_append(&out, "", 0);
    for (const char *at = text, *end; *at; at = end + 2) {
        end = strstr(at, "\n\n");
        assert_non_null(end);
        assert_false(done);
        done = !strncmp(at, "data: [DONE]", 12);
        if (*at == ':' || done)
            continue;
        assert_memory_equal(at, "data: ", 6);
        collect(at + 6, (size_t)(end - at - 6), key, &out);
    }
    assert_true(done);
    return tl_buffer_take(&out, NULL);
}

#define HELLO "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"seed\":5,\"max_tokens\":12%s}"

static void test_same(void **state)
{
    struct reader document = {0}, stream = {0};
    char body[400];
    (void)state;
    snprintf(body, sizeof body, HELLO, "");
    struct trill_answered answered = answer("chat", body, &document);
    snprintf(body, sizeof body, HELLO, ",\"stream\":true");
    answer("chat", body, &stream);
    struct tl_buffer whole;
    tl_buffer_init(&whole, 0);
    collect(document.text.data, document.text.len, "content", &whole);
    char *pieces = streamed(stream.text.data, "content");
    assert_true(whole.len > 0);
    assert_string_equal(pieces, whole.data);
    assert_true(answered.tokens > 0 && answered.tokens <= 12 && answered.prompt_tokens > 1 && answered.memory_bytes > 0 && answered.step_seconds > 0);
    says(document.text.data, "\"id\":\"chatcmpl-7\"");
    says(document.text.data, "\"model\":\"m\"");
    free(pieces);
    tl_buffer_done(&whole);
    tl_buffer_done(&document.text);
    tl_buffer_done(&stream.text);
}

static uint32_t count(const char *text, const char *word)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

/* Every token's likelihood comes once, in a stream as in a document. */
static void test_likelihoods_in_streams(void **state)
{
    char body[400];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct reader reader = {0};
        snprintf(body, sizeof body, HELLO, i ? ",\"stream\":true,\"logprobs\":true,\"top_logprobs\":2" : ",\"logprobs\":true,\"top_logprobs\":2");
        struct trill_answered answered = answer("chat", body, &reader);
        assert_true(answered.tokens > 0);
        assert_int_equal(count(reader.text.data, "\"top_logprobs\":["), answered.tokens);
        assert_int_equal(count(reader.text.data, "\"bytes\":["), 3 * answered.tokens);
        tl_buffer_done(&reader.text);
    }
}

/* --- several parts ---------------------------------------------------------------------------------------------------------- */

struct worker { struct trill_request *request; uint32_t part; int status; };

static void *work(void *context)
{
    struct worker *worker = context;
    struct trill_session *own;
    worker->status = trill_session_open(model, &own);
    if (worker->status < 0)
        return NULL;
    worker->status = trill_request_answer(worker->request, worker->part, own, NULL, 0);
    trill_session_close(own);
    return NULL;
}

static void test_threads(void **state)
{
    static const char body[] = "{\"prompt\":[\"Once upon\",\"It was\"],\"n\":1,\"max_tokens\":20,\"ignore_eos\":true,\"logprobs\":1,\"seed\":3}";
    struct reader alone = {0}, together = {0};
    pthread_t threads[2];
    (void)state;
    answer("completions", body, &alone);
    struct trill_request *request = must_ask("completions", body, &together);
    struct worker workers[2] = {{.request = request, .part = 1}, {.request = request, .part = 0}};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &workers[i]);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].status, 0);
    }
    trill_request_close(request);
    char *a = strstr(alone.text.data, "\"choices\""), *b = strstr(together.text.data, "\"choices\"");
    assert_non_null(a);
    assert_non_null(b);
    *strstr(a, "\"usage\"") = *strstr(b, "\"usage\"") = 0;
    assert_string_equal(a, b);
    tl_buffer_done(&alone.text);
    tl_buffer_done(&together.text);
}

/* --- readers that leave ----------------------------------------------------------------------------------------------------- */

static void test_leaving(void **state)
{
    struct reader reader = {.leaves_after = 400};
    struct trill_answered answered;
    (void)state;
    char body[400];
    snprintf(body, sizeof body, HELLO, ",\"stream\":true,\"ignore_eos\":true,\"n\":2");
    struct trill_request *request = must_ask("chat", body, &reader);
    assert_int_equal(trill_request_answer(request, 0, session, &answered, sizeof answered), 0);
    assert_string_equal(answered.finish, "cancelled");
    assert_int_equal(trill_request_answer(request, 1, session, &answered, sizeof answered), 0);
    assert_string_equal(answered.finish, "cancelled");
    trill_request_beat(request);
    assert_int_equal(reader.calls_after, 0);
    trill_request_close(request);
    tl_buffer_done(&reader.text);
}

static void test_cancelling(void **state)
{
    struct reader reader = {0};
    struct trill_answered answered;
    char body[400];
    (void)state;
    snprintf(body, sizeof body, HELLO, "");
    struct trill_request *request = must_ask("chat", body, &reader);
    trill_request_cancel(request);
    assert_int_equal(trill_request_answer(request, 0, session, &answered, sizeof answered), 0);
    assert_string_equal(answered.finish, "cancelled");
    assert_int_equal(reader.text.len, 0);
    trill_request_close(request);
    struct reader again = {0};
    answer("chat", body, &again);        /* the session is as good as before */
    says(again.text.data, "\"finish_reason\"");
    tl_buffer_done(&again.text);
}

/* From another thread, at any moment: the answer ends, whole or not. */
static void test_cancelling_from_elsewhere(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct reader reader = {0};
        pthread_t thread;
        struct trill_request *request = must_ask("completions", "{\"prompt\":\"Once\",\"max_tokens\":100,\"ignore_eos\":true,\"stream\":true}", &reader);
        struct worker worker = {.request = request};
        pthread_create(&thread, NULL, work, &worker);
        usleep((useconds_t)i * 500);
        trill_request_cancel(request);
        pthread_join(thread, NULL);
        assert_int_equal(worker.status, 0);
        trill_request_close(request);
        tl_buffer_done(&reader.text);
    }
}

static void test_beats(void **state)
{
    struct reader reader = {0}, silent = {0};
    char body[400];
    (void)state;
    snprintf(body, sizeof body, HELLO, ",\"stream\":true");
    struct trill_request *request = must_ask("chat", body, &reader);
    assert_int_equal(trill_request_beat(request), 0);
    assert_string_equal(reader.text.data, ":\n\n");
    assert_int_equal(trill_request_answer(request, 0, session, NULL, 0), 0);
    size_t n = reader.text.len;
    assert_int_equal(trill_request_beat(request), 0);
    assert_int_equal(reader.text.len, n);
    free(streamed(reader.text.data, "content"));
    trill_request_close(request);
    snprintf(body, sizeof body, HELLO, "");
    request = must_ask("chat", body, &silent);
    assert_int_equal(trill_request_beat(request), 0);
    assert_int_equal(silent.text.len, 0);
    trill_request_close(request);
    tl_buffer_done(&reader.text);
}

/* A sign of life before the beginning takes nothing of it away. */
static void test_beat_before_the_beginning(void **state)
{
    static const struct { const char *form, *body, *begins; } rows[] = {
        {"messages", "{\"model\":\"m\",\"max_tokens\":4,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", ":\n\nevent: message_start\n"},
        {"responses", "{\"input\":\"hello\",\"max_output_tokens\":4,\"stream\":true}", ":\n\nevent: response.created\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reader reader = {0};
        struct trill_request *request = must_ask(rows[i].form, rows[i].body, &reader);
        assert_int_equal(trill_request_beat(request), 0);
        assert_int_equal(trill_request_answer(request, 0, session, NULL, 0), 0);
        assert_memory_equal(reader.text.data, rows[i].begins, strlen(rows[i].begins));
        trill_request_close(request);
        tl_buffer_done(&reader.text);
    }
}

/* --- refusals --------------------------------------------------------------------------------------------------------------- */

static const struct { const char *form, *body, *param, *words; } bad[] = {
    {"chat", "{", "null", "byte 1"},
    {"chat", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}]}", "\"messages\"", "image_url"},
    {"chat", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"nonsense\":1}", "\"nonsense\"", "nonsense"},
    {"completions", "{\"prompt\":[1,99999999]}", "\"prompt\"", "not in the vocabulary"},
    {"completions", "{\"prompt\":\"\"}", "\"prompt\"", "empty"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reader reader = {0};
        struct trill_request *request = NULL;
        char *refusal = NULL, param[64];
        int status = ask(bad[i].form, bad[i].body, &reader, &request, &refusal);
        assert_true(status == TRILL_USAGE || status == TRILL_BAD_FILE);
        assert_null(request);
        says(refusal, "{\"error\":{\"message\":\"");
        says(refusal, "\"type\":\"invalid_request_error\"");
        says(refusal, bad[i].words);
        snprintf(param, sizeof param, "\"param\":%s", bad[i].param);
        says(refusal, param);
        trill_free(refusal);
    }
}

static void test_overflow(void **state)
{
    struct reader reader = {0};
    struct trill_request *request;
    char *refusal, body[2000];
    size_t n = (size_t)snprintf(body, sizeof body, "{\"prompt\":[5");
    (void)state;
    for (int i = 1; i < CONTEXT + 3; i++)
        n += (size_t)snprintf(body + n, sizeof body - n, ",6");
    snprintf(body + n, sizeof body - n, "]}");
    assert_int_equal(ask("completions", body, &reader, &request, &refusal), TRILL_USAGE);
    says(refusal, "\"code\":\"context_length_exceeded\",\"n_prompt_tokens\":131,\"n_ctx\":128}}");
    says(refusal, "\"type\":\"exceed_context_size_error\"");
    says(refusal, "context_length_exceeded: the prompt has 131 tokens");
    trill_free(refusal);
}

static void test_misuse(void **state)
{
    struct reader reader = {0};
    struct trill_request *request;
    char *refusal = (char *)"", *document;
    (void)state;
    assert_int_equal(ask("nonsense", "{}", &reader, &request, &refusal), TRILL_USAGE);
    assert_null(refusal);
    says(trill_error(), "form \"nonsense\" is not known");
    assert_int_equal(trill_form_error("nonsense", 400, "x", NULL, &document), TRILL_USAGE);
    assert_int_equal(trill_form_error("chat", 429, "busy", "queue_full", &document), 0);
    assert_string_equal(document, "{\"error\":{\"message\":\"busy\",\"type\":\"rate_limit_error\",\"param\":null,\"code\":\"queue_full\"}}");
    trill_free(document);
    says(trill_forms(), "chat");
    trill_request_close(NULL);
    request = must_ask("completions", "{\"prompt\":\"a\"}", &reader);
    assert_int_equal(trill_request_answer(request, 1, session, NULL, 0), TRILL_USAGE);
    trill_request_close(request);
}

/* --- likelihoods ------------------------------------------------------------------------------------------------------------ */

/* The numbers of the list behind this key; null is NAN. */
static size_t numbers(const char *json, const char *key, double *ret, size_t room)
{
    struct tl_json reader;
    int event;
    size_t n = 0;
    tl_json_init(&reader, "answer", json, strlen(json));
    while ((event = tl_json_next(&reader)) > 0)
        if (event == TL_JSON_KEY && tl_json_is(&reader, key))
            break;
    assert_int_equal(tl_json_next(&reader), TL_JSON_ARRAY);
    while ((event = tl_json_next(&reader)) != TL_JSON_ARRAY_END) {
        assert_true(n < room && (event == TL_JSON_NULL || event == TL_JSON_NUMBER));
        ret[n++] = event == TL_JSON_NULL ? NAN : strtod(reader.raw, NULL);
    }
    tl_json_done(&reader);
    return n;
}

static void test_echo(void **state)
{
    static const int32_t ids[] = {5, 9, 13, 200, 17, 6, 8, 30, 31, 5, 9};
    enum { IDS = sizeof ids / sizeof *ids };
    struct reader reader = {0};
    struct trill_scores scores;
    float nll[IDS];
    double found[IDS + 2], offsets[IDS + 2];
    (void)state;
    trill_session_close(session);
    if (trill_score(model, ids, IDS, NULL, nll, &scores, sizeof scores) < 0)
        fail_msg("%s", trill_error());
    assert_int_equal(trill_session_open(model, &session), 0);
    answer("completions", "{\"prompt\":[5,9,13,200,17,6,8,30,31,5,9],\"max_tokens\":1,\"logprobs\":1,\"echo\":true,\"temperature\":0}", &reader);
    assert_int_equal(numbers(reader.text.data, "token_logprobs", found, IDS + 2), IDS + 1);
    assert_true(isnan(found[0]) && isnan(nll[0]));
    for (int i = 1; i < IDS; i++)
        if (fabs(found[i] + (double)nll[i]) > 1e-5 * (1 + fabs(found[i])))
            fail_msg("token %d: %g, scored %g", i, found[i], -(double)nll[i]);
    assert_int_equal(numbers(reader.text.data, "text_offset", offsets, IDS + 2), IDS + 1);
    says(reader.text.data, "\"top_logprobs\":[null,{");
    tl_buffer_done(&reader.text);
    answer("completions", "{\"prompt\":[[5,9,13,200],[6]],\"max_tokens\":0,\"logprobs\":1,\"echo\":true}", &reader);
    assert_int_equal(numbers(reader.text.data, "token_logprobs", found, IDS + 2), 4);
    assert_true(fabs(found[3] + (double)nll[3]) < 1e-5 * (1 + fabs(found[3])));
    tl_buffer_done(&reader.text);
}

static void test_echo_text(void **state)
{
    struct reader reader = {0};
    (void)state;
    answer("completions", "{\"prompt\":\"Once upon\",\"max_tokens\":0,\"echo\":true}", &reader);
    says(reader.text.data, "{\"text\":\"Once upon\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"length\"}");
    tl_buffer_done(&reader.text);
}

/* --- embeddings ------------------------------------------------------------------------------------------------------------- */

/* The floats of the base64 text behind "embedding". */
static size_t unpack(const char *json, float *ret, size_t room)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct tl_buffer text;
    uint8_t bytes[4096];
    size_t n = 0, n_bits = 0;
    uint32_t bits = 0;
    tl_buffer_init(&text, 0);
    collect(json, strlen(json), "embedding", &text);
    for (size_t i = 0; i < text.len && text.data[i] != '=' && n < sizeof bytes; i++) {
        const char *digit = strchr(digits, text.data[i]);
        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        if ((n_bits += 6) >= 8)
            bytes[n++] = (uint8_t)(bits >> (n_bits -= 8));
    }
    tl_buffer_done(&text);
    assert_true(n % 4 == 0 && n / 4 <= room);
    for (size_t i = 0; i < n / 4; i++) {
        uint32_t word = bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 | (uint32_t)bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24;
        memcpy(&ret[i], &word, sizeof word);
    }
    return n / 4;
}

/* Of length 1; the same as numbers and packed; fewer dimensions are the first ones, made longer. */
static void test_embeddings(void **state)
{
    enum { MOST = 1024, FEWER = 6 };
    struct reader reader = {0};
    struct trill_model_figures figures;
    double found[MOST], fewer[MOST], square = 0, part = 0;
    float packed[MOST];
    (void)state;
    trill_model_figures(model, &figures, sizeof figures);
    answer("embeddings", "{\"input\":\"hello world\"}", &reader);
    says(reader.text.data, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
    assert_int_equal(numbers(reader.text.data, "embedding", found, MOST), figures.width);
    tl_buffer_done(&reader.text);
    answer("embeddings", "{\"input\":\"hello world\",\"encoding_format\":\"base64\",\"user\":\"u\"}", &reader);
    assert_int_equal(unpack(reader.text.data, packed, MOST), figures.width);
    tl_buffer_done(&reader.text);
    for (uint32_t i = 0; i < figures.width; i++) {
        assert_true(packed[i] == (float)found[i]);
        square += found[i] * found[i];
        part += i < FEWER ? found[i] * found[i] : 0;
    }
    assert_true(fabs(square - 1) < 1e-5);
    answer("embeddings", "{\"input\":[\"hello world\",\"b\"],\"dimensions\":6}", &reader);
    assert_int_equal(numbers(reader.text.data, "embedding", fewer, MOST), FEWER);
    for (int i = 0; i < FEWER; i++)
        assert_true(fabs(fewer[i] - found[i] / sqrt(part)) < 1e-5);
    says(reader.text.data, "\"index\":1,");
    tl_buffer_done(&reader.text);
}

/* More inputs than parts: each has its place. */
static void test_many_inputs(void **state)
{
    struct reader reader = {0};
    struct tl_buffer body;
    struct trill_request_figures figures;
    (void)state;
    tl_buffer_init(&body, 0);
    tl_buffer_printf(&body, "{\"input\":[");
    for (int i = 0; i < 50; i++)
        tl_buffer_printf(&body, "%s[%d,7]", i ? "," : "", 5 + i);
    tl_buffer_printf(&body, "]}");
    struct trill_request *request = must_ask("embeddings", body.data, &reader);
    trill_request_figures(request, &figures, sizeof figures);
    assert_true(figures.parts > 1 && figures.parts < 50 && figures.prompt_tokens == 100);
    for (uint32_t i = figures.parts; i-- > 0;)
        assert_int_equal(trill_request_answer(request, i, session, NULL, 0), 0);
    says(reader.text.data, "\"index\":49,");
    says(reader.text.data, "\"usage\":{\"prompt_tokens\":100,\"total_tokens\":100}");
    trill_request_close(request);
    tl_buffer_done(&reader.text);
    tl_buffer_done(&body);
}

/* --- languages -------------------------------------------------------------------------------------------------------------- */

#define DIGITS "\"grammar\":\"root ::= [0-9]{4}\""

static void test_languages(void **state)
{
    struct reader reader = {0};
    struct trill_request *request = NULL;
    char *refusal;
    (void)state;
    for (int i = 0; i < 2; i++) {        /* the second time it is found compiled */
        answer("completions", "{\"prompt\":\"a\",\"temperature\":2," DIGITS "}", &reader);
        struct tl_buffer text;
        tl_buffer_init(&text, 0);
        collect(reader.text.data, reader.text.len, "text", &text);
        assert_true(text.len == 4 && strspn(text.data, "0123456789") == 4);
        says(reader.text.data, "\"finish_reason\":\"stop\"");
        tl_buffer_done(&text);
        tl_buffer_done(&reader.text);
    }
    assert_int_equal(ask("completions", "{\"prompt\":\"a\",\"max_tokens\":1," DIGITS "}", &reader, &request, &refusal), TRILL_USAGE);
    says(refusal, "max_tokens: 1 are allowed, and an answer of that language takes ");
    says(refusal, "\"param\":\"max_tokens\"");
    trill_free(refusal);
    assert_int_equal(ask("chat", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"grammar\":\"root ::= (\"}", &reader, &request, &refusal), TRILL_USAGE);
    says(refusal, "\"param\":\"grammar\"");
    trill_free(refusal);
    answer("chat", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"temperature\":2,\"response_format\":{\"type\":\"json_schema\",\"schema\":{\"enum\":[true,17]}}}", &reader);
    if (!strstr(reader.text.data, "\"content\":\"true\"") && !strstr(reader.text.data, "\"content\":\"17\""))
        fail_msg("%s", reader.text.data);
    tl_buffer_done(&reader.text);
}

static void test_generating_in_a_language(void **state)
{
    static const int32_t ids[] = {5, 9, 13};
    struct trill_generate_options options;
    struct trill_generation generation;
    (void)state;
    trill_generate_options_init(&options, sizeof options);
    options.schema = "{\"const\":[1]}";
    options.temperature = 1;
    assert_int_equal(trill_session_set(session, ids, 3), 0);
    if (trill_session_generate(session, &options, &generation, sizeof generation) < 0)
        fail_msg("%s", trill_error());
    assert_string_equal(generation.text, "[1]");
    assert_int_equal(generation.finish, TRILL_FINISH_STOP);
    trill_generation_done(&generation);
    options.grammar = "root ::= [a]";
    assert_int_equal(trill_session_generate(session, &options, &generation, sizeof generation), TRILL_USAGE);
    options.schema = NULL;
    options.grammar = "root ::= [a]{20}";
    options.max_tokens = 1;
    assert_int_equal(trill_session_generate(session, &options, &generation, sizeof generation), TRILL_USAGE);
    says(trill_error(), "1 tokens are allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same), cmocka_unit_test(test_likelihoods_in_streams),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_leaving), cmocka_unit_test(test_cancelling), cmocka_unit_test(test_cancelling_from_elsewhere),

        cmocka_unit_test(test_beats), cmocka_unit_test(test_beat_before_the_beginning), cmocka_unit_test(test_refusals), cmocka_unit_test(test_overflow), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_echo), cmocka_unit_test(test_echo_text), cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_many_inputs), cmocka_unit_test(test_languages), cmocka_unit_test(test_generating_in_a_language),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
