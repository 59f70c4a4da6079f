/* SPDX-License-Identifier: MIT */
/* Batches on a small model: each answer is the one that a lone session gives, for any number of sequences and any chunk;
 * requests at fault get their line; work is resumed, and what belongs to something else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "engine/ask.h"
#include "engine/batch.h"
#include "engine/generate.h"
#include "folder.h"
#include "golden_file.h"

static char input[64], output[64], partial[80];
enum { CONTEXT = 192 };
static uint64_t ram_bytes = 256u << 20;      /* too little to measure how fast memory is, which takes longer than answering */

static struct tl_engine *open_path(const char *path, const struct tl_engine_options *options)
{
    struct tl_engine *engine;
    if (tl_engine_open(path, options, &engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    return engine;
}

static struct tl_engine *open_streamed(const char *name, uint32_t sessions, uint32_t chunk, uint32_t threads, uint32_t frames)
{
    return open_path(golden_file("%s/model.gguf", name),
                     &(struct tl_engine_options){.threads = threads, .context = CONTEXT, .sessions = sessions, .chunk = chunk, .frames = frames,
                                                 .ram_bytes = ram_bytes, .process_bytes = 1});
}

static struct tl_engine *open_engine(const char *name, uint32_t sessions, uint32_t chunk, uint32_t threads)
{
    return open_streamed(name, sessions, chunk, threads, 0);
}

static char *read_back(const char *path)
{
    char *text;
    size_t n_bytes;
    if (tl_file_slurp(path, 1 << 24, &text, &n_bytes) < 0)
        fail_msg("%s", tl_error_text());
    return text;
}

#define BEGIN "{\"custom_id\":\"%d\",\"method\":\"POST\",\"url\":\"/v1/"
static const char shared[] = "All the king's horses and all the king's men could not put it together again, and so they went home to the king.";

/* Prompts of many lengths, many of which begin alike; several answers, ends, bounds and likelihoods. */
static void write_requests(int n)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    for (int i = 0; i < n; i++) {
        switch (i % 6) {
        case 0: case 3:
            tl_buffer_printf(&text, BEGIN "chat/completions\",\"body\":{\"messages\":[{\"role\":\"system\",\"content\":\"%s\"},"
                             "{\"role\":\"user\",\"content\":\"%d?\"}],\"max_tokens\":%d,\"seed\":%d}}\n", i, shared, i, 3 + i % 7, i);
            break;
        case 1:
            tl_buffer_printf(&text, BEGIN "completions\",\"body\":{\"prompt\":\"%.*s\",\"n\":3,\"max_tokens\":%d,\"temperature\":2,\"logprobs\":2}}\n", i,
                             10 + i, shared, 2 + i % 5);
            break;
        case 2:
            tl_buffer_printf(&text, BEGIN "completions\",\"body\":{\"prompt\":[[5,6,7,%d],[8]],\"max_tokens\":9,\"ignore_eos\":true,\"stop\":[\"e\",\"th\"]}}\n", i, i);
            break;
        case 4:
            tl_buffer_printf(&text, BEGIN "chat/completions\",\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"max_tokens\":4,"
                             "\"temperature\":0,\"logprobs\":true,\"top_logprobs\":3,\"logit_bias\":{\"7\":5},\"presence_penalty\":1}}\n", i, shared);
            break;
        default:
            tl_buffer_printf(&text, BEGIN "completions\",\"body\":{\"prompt\":\"x\",\"best_of\":4}}\n\n", i);
        }
    }
    make_text(input, text.data);
    tl_buffer_done(&text);
}

static struct tl_batch_report run_with(struct tl_engine *engine, uint32_t sequences)
{
    struct tl_batch_report report;
    struct tl_batch_order order = {.input = input, .output = output, .sequences = sequences, .defaults = "{\"min_p\":0}"};
    if (tl_batch_run(engine, &order, NULL, &report) < 0)
        fail_msg("%s", tl_error_text());
    assert_int_equal(access(partial, F_OK), -1);
    return report;
}

static void test_any_width(void **state)
{
    static const struct { uint32_t sequences, chunk, threads; } ways[] = {{1, 64, 1}, {3, 16, 2}, {8, 512, 2}, {5, 5, 1}};
    static const char *const models[] = {"llama", "gemma3"};
    (void)state;
    write_requests(30);
    for (size_t m = 0; m < 2; m++) {
        char *expected = NULL;
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
            struct tl_engine *engine = open_engine(models[m], ways[i].sequences, ways[i].chunk, ways[i].threads);
            struct tl_batch_report report = run_with(engine, 0);
            assert_true(report.survey.requests == 30 && report.failed == 5 && report.survey.refused == 5 && report.resumed == 0);
            assert_true(report.sequences == ways[i].sequences && report.tokens > 100 && report.reused_tokens > 0);
            assert_int_equal(engine->n_sessions, 0);
            for (uint32_t g = 0; g < tl_model_cache(engine->model)->n_groups; g++)           /* all pages are given back */
                assert_int_equal(tl_model_cache(engine->model)->group[g].n_free, tl_model_cache(engine->model)->group[g].n_pages);
            char *got = read_back(output);
            if (!expected)
                expected = got;
            else
                assert_string_equal(got, expected);
            if (got != expected)
                tl_free(got);
            tl_engine_close(engine);
        }
        assert_non_null(strstr(expected, "\"top_logprobs\":[{\"token\""));
        assert_non_null(strstr(expected, "\"finish_reason\":\"length\""));
        tl_free(expected);
    }
}

/* Experts from the drive, recurrent layers, compressed keys and values. */
static void test_any_model(void **state)
{
    static const char *const models[] = {"qwen3_moe", "qwen3_next", "gpt_oss", "deepseek_v3"};
    static const struct { uint32_t sequences, chunk, frames; } ways[] = {{1, 64, 0}, {8, 64, 0}, {5, 24, 6}};
    (void)state;
    write_requests(12);
    for (size_t m = 0; m < sizeof(models) / sizeof(models[0]); m++) {
        char *expected = NULL;
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
            struct tl_engine *engine = open_streamed(models[m], ways[i].sequences, ways[i].chunk, 2, ways[i].frames);
            struct tl_batch_report report = run_with(engine, 0);
            if (ways[i].frames)
                assert_true(report.missed_bytes > 0 && report.drive_bytes >= report.missed_bytes && report.drive_bytes_per_s > 0);
            char *got = read_back(output);
            expected = expected ? expected : tl_strdup(got);
            assert_string_equal(got, expected);
            tl_free(got);
            tl_engine_close(engine);
        }
        tl_free(expected);
    }
}

/* --- as a lone session ------------------------------------------------------------------------------------------------------ */

static char *text_of_line(char *all, int line)
{
    char *at = all, *end;
    for (int i = 0; i < line; i++)
        at = strchr(at, '\n') + 1;
    at = strstr(at, "\"content\":\"") + strlen("\"content\":\"");
    end = strstr(at, "\",\"refusal\"");
    return tl_strndup(at, (size_t)(end - at));
}

static void test_as_alone(void **state)
{
    enum { REQUESTS = 12 };
    (void)state;
    write_requests(REQUESTS);
    struct tl_engine *engine = open_engine("llama", 4, 64, 2);
    run_with(engine, 0);
    char *all = read_back(output);
    for (int i = 0; i < REQUESTS; i += 3) {
        if (i % 6 != 0 && i % 6 != 3)
            continue;
        char body[600];
        struct tl_session *session;
        struct tl_answer answer;
        struct tl_ask ask;
        struct tl_ask_how how = {.defaults = "{\"min_p\":0}"};
        int n = snprintf(body, sizeof(body), "{\"messages\":[{\"role\":\"system\",\"content\":\"%s\"},{\"role\":\"user\",\"content\":\"%d?\"}],"
                         "\"max_tokens\":%d,\"seed\":%d}", shared, i, 3 + i % 7, i);
        assert_int_equal(tl_ask_read(engine, tl_form_find("chat"), body, (size_t)n, &how, &ask), 0);
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(tl_session_set(session, ask.prompt[0].ids, ask.prompt[0].n_ids), 0);
        struct tl_generate generate = {.sampling = ask.request.sampling, .max_tokens = (uint32_t)ask.request.max_tokens};
        assert_int_equal(tl_generate(session, &generate, &answer), 0);
        struct tl_buffer quoted;
        tl_buffer_init(&quoted, 0);
        tl_buffer_json_string(&quoted, answer.text.data, answer.text.len - tl_utf8_unfinished(answer.text.data, answer.text.len));
        quoted.data[quoted.len - 1] = 0;
        char *got = text_of_line(all, i);
        assert_string_equal(got, quoted.data + 1);
        tl_free(got);
        tl_buffer_done(&quoted);
        tl_buffer_done(&answer.text);
        tl_session_close(session);
        tl_ask_done(&ask);
    }
    tl_free(all);
    tl_engine_close(engine);
}

/* --- languages -------------------------------------------------------------------------------------------------------------- */

#define LINE(id, path, body) "{\"custom_id\":\"" id "\",\"method\":\"POST\",\"url\":\"/v1/" path "\",\"body\":{" body "}}\n"
#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"temperature\":2,\"max_tokens\":60"

/* The model with a context in which there is room to tell of tools. */
static void make_longer(const char *path)
{
    static const char key[] = "llama.context_length";
    size_t n_bytes;
    char *bytes;
    assert_int_equal(tl_file_slurp(golden_file("llama/model.gguf"), 1 << 24, &bytes, &n_bytes), 0);
    char *value = memmem(bytes, n_bytes, key, strlen(key));
    assert_true(value && value[strlen(key) + 5] == 1);               /* type, then 256 */
    value[strlen(key) + 5] = 4;
    FILE *file = fopen(path, "wb");
    assert_true(file && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
    tl_free(bytes);
}

/* Held to them as a server holds them, for any width; what cannot end within its bound is answered with an error. */
static void test_languages(void **state)
{
    static const char requests[] =
        LINE("0", "completions", "\"prompt\":\"x\",\"grammar\":\"root ::= [0-9]{4}\",\"n\":3,\"temperature\":2")
        LINE("1", "chat/completions", USER ",\"response_format\":{\"type\":\"json_schema\",\"schema\":{\"const\":{\"a\":[true]}}}")
        LINE("2", "chat/completions", USER ",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\",\"parameters\":"
             "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}}}]")
        LINE("3", "completions", "\"prompt\":\"x\",\"grammar\":\"root ::= [0-9]{4}\",\"max_tokens\":1")
        LINE("4", "messages", USER);
    static const char *const found[] = {"\"finish_reason\":\"stop\"", "\"content\":\"{\\\"a\\\":", "\"finish_reason\":\"tool_calls\"", "\"param\":\"max_tokens\"",
                                        "\"type\":\"message\""};
    char *first = NULL, longer[80];
    (void)state;
    make_text(input, requests);
    snprintf(longer, sizeof(longer), "%s.gguf", input);
    make_longer(longer);
    for (uint32_t width = 1; width <= 4; width += 3) {
        struct tl_engine *engine = open_path(longer, &(struct tl_engine_options){.threads = 2, .context = 1024, .sessions = width, .chunk = 64,
                                                                                     .ram_bytes = ram_bytes, .process_bytes = 1});
        struct tl_batch_report report = run_with(engine, 0);
        tl_engine_close(engine);
        assert_int_equal(report.failed, 1);
        char *all = read_back(output), *line = all;
        for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++, line = strchr(line, '\n') + 1)
            if (!strstr(line, found[i]) || strstr(line, found[i]) > strchr(line, '\n'))
                fail_msg("%s is not in %s", found[i], line);
        if (first)
            assert_string_equal(all, first);
        tl_free(first);
        first = all;
    }
    tl_free(first);
    unlink(longer);
}

/* --- lines at fault --------------------------------------------------------------------------------------------------------- */

#define GOOD "{\"custom_id\":\"g\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":[5],\"max_tokens\":1,\"model\":\"m\"}}"

static const struct { const char *line, *found; } faults[] = {
    {"nonsense", "request: byte 0"},
    {"[]", "a request is an object"},
    {"{\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{}}", "custom_id: missing"},
    {"{\"custom_id\":7,\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{}}", "custom_id: expected a string"},
    {"{\"custom_id\":\"a\",\"url\":\"/v1/completions\",\"body\":{}}", "method: missing"},
    {"{\"custom_id\":\"a\",\"method\":\"GET\",\"url\":\"/v1/completions\",\"body\":{}}", "\"custom_id\":\"a\",\"response\":{\"status_code\":400"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"body\":{}}", "url: missing"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":{}}", "found \\\"/v1/embeddings\\\""},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\"}", "body: missing"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":[]}", "body: expected an object"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":\"\"}}", "the prompt is empty"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":[99999]}}", "not in the vocabulary"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":[5],\"stream\":true}}", "stream: not supported in a batch"},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":[5],\"echo\":true}}", "\"param\":\"echo\""},
    {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{},\"more\":1}", "more: not a member"},
};

static void test_faults(void **state)
{
    enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };
    struct tl_buffer text;
    (void)state;
    tl_buffer_init(&text, 0);
    for (int i = 0; i < FAULTS; i++)
        tl_buffer_printf(&text, "%s\r\n%s", faults[i].line, i % 2 ? "" : "  \n");
    tl_buffer_printf(&text, "{\"custom_id\":\"long\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":[5");
    for (int i = 1; i < CONTEXT; i++)
        tl_buffer_printf(&text, ",6");
    tl_buffer_printf(&text, "]}}\n" GOOD);
    make_text(input, text.data);
    tl_buffer_done(&text);
    struct tl_engine *engine = open_engine("llama", 2, 32, 1);
    struct tl_batch_report report = run_with(engine, 0);
    assert_true(report.survey.requests == FAULTS + 2 && report.failed == FAULTS + 1 && report.tokens == 1);
    char *all = read_back(output), *line = all;
    for (int i = 0; i < FAULTS; i++, line = strchr(line, '\n') + 1) {
        char *end = strchr(line, '\n');
        *end = 0;
        if (!strstr(line, faults[i].found) || !strstr(line, "\"status_code\":400"))
            fail_msg("%s\n%s", faults[i].line, line);
        *end = '\n';
    }
    assert_non_null(strstr(line, "\"code\":\"context_length_exceeded\""));
    assert_non_null(strstr(line, "n_prompt_tokens 192, n_ctx 192"));
    assert_non_null(strstr(line, "\"custom_id\":\"g\",\"response\":{\"status_code\":200"));
    tl_free(all);
    tl_engine_close(engine);
}

/* --- work files ------------------------------------------------------------------------------------------------------------- */

static void expect_refusal(struct tl_engine *engine, const char *defaults, const char *sentence)
{
    struct tl_batch_report report;
    struct tl_batch_order order = {.input = input, .output = output, .defaults = defaults};
    assert_int_equal(tl_batch_run(engine, &order, NULL, &report), TL_E_USAGE);
    if (!strstr(tl_error_text(), sentence))
        fail_msg("%s", tl_error_text());
    assert_int_equal(engine->n_sessions, 0);
}

static volatile int cancel;

static void cancel_soon(void *context, const struct tl_progress *progress)
{
    (void)context;
    cancel = strcmp(progress->stage, "answering") == 0;
}

static void test_work_of_another(void **state)
{
    struct tl_progress progress = {.watch = cancel_soon, .cancel = &cancel};
    struct tl_batch_report report;
    struct tl_batch_order order = {.input = input, .output = output};
    (void)state;
    write_requests(12);
    struct tl_engine *engine = open_engine("llama", 2, 32, 1), *other = open_engine("qwen3", 2, 32, 1);
    cancel = 0;
    assert_int_equal(tl_batch_run(engine, &order, &progress, &report), TL_E_CANCEL);
    assert_int_equal(access(partial, F_OK), 0);
    assert_int_equal(access(output, F_OK), -1);
    expect_refusal(engine, "{\"seed\":1}", "other options");
    expect_refusal(other, NULL, "another model");
    write_requests(11);
    expect_refusal(engine, NULL, "another input");
    expect_refusal(engine, "{\"sed\":1}", "is seed meant?");
    make_text(partial, "a text of somebody else, which is longer than the header of a work file, and is not to be lost, whatever happens to us");
    expect_refusal(engine, NULL, "not the work of a batch");
    make_text(partial, "short");
    expect_refusal(engine, NULL, "not the work of a batch");
    unlink(partial);
    assert_int_equal(link(input, output), 0);
    expect_refusal(engine, NULL, "cannot be the same file");
    unlink(output);
    make_text(input, " \n\n");
    expect_refusal(engine, NULL, "no requests");
    tl_engine_close(other);
    tl_engine_close(engine);
}

/* Whatever stands at the end of the work file, the same output comes out. */
static void test_damage(void **state)
{
    struct tl_batch_report report;
    struct tl_batch_order order = {.input = input, .output = output};
    char *work;
    size_t n_work;
    (void)state;
    write_requests(12);
    struct tl_engine *engine = open_engine("llama", 3, 32, 1);
    assert_int_equal(tl_batch_run(engine, &order, NULL, &report), 0);
    char *expected = read_back(output);
    unlink(output);
    assert_int_equal(mkdir(output, 0700), 0);        /* the answers cannot be put in place: the work stays */
    assert_int_equal(tl_batch_run(engine, &order, NULL, &report), TL_E_IO);
    assert_int_equal(rmdir(output), 0);
    assert_int_equal(tl_file_slurp(partial, 1 << 24, &work, &n_work), 0);
    uint64_t most = 0;
    for (size_t cut = 104; cut <= n_work; cut += n_work / 9) {
        work[cut - 1] ^= cut % 2 && cut > 104;       /* cut, or cut behind a damaged byte */
        make_file(partial, work, cut);
        work[cut - 1] ^= cut % 2 && cut > 104;
        assert_int_equal(tl_batch_run(engine, &order, NULL, &report), 0);
        char *got = read_back(output);
        assert_string_equal(got, expected);
        assert_true(report.resumed >= most);
        most = report.resumed;
        tl_free(got);
    }
    assert_true(most > 8);
    tl_free(work);
    tl_free(expected);
    tl_engine_close(engine);
}

/* --- forecasts -------------------------------------------------------------------------------------------------------------- */

static void test_forecast(void **state)
{
    struct tl_batch_report counted, again;
    (void)state;
    write_requests(12);
    uint64_t enough = ram_bytes;
    ram_bytes = 0;                        /* as usual */
    struct tl_engine *engine = open_engine("llama", 3, 32, 1);
    ram_bytes = enough;
    struct tl_batch_order order = {.input = input, .output = output};
    assert_int_equal(tl_batch_forecast(engine, &order, NULL, &counted), 0);
    assert_true(counted.survey.requests == 12 && counted.survey.refused == 2 && counted.survey.choices == 4 + 6 + 4 + 2);
    assert_true(counted.survey.prompt_tokens > 100 && counted.survey.unbounded == 0 && counted.survey.longest < CONTEXT);
    assert_true(counted.sequences == 3 && counted.forecast.context == CONTEXT && counted.forecast.seconds > 0 && counted.forecast.bytes == 0);
    assert_non_null(strstr(counted.survey.first_refused, "request 6: best_of"));
    order.surveyed = &counted.survey;
    assert_int_equal(tl_batch_forecast(engine, &order, NULL, &again), 0);
    assert_memory_equal(&again.survey, &counted.survey, sizeof(counted.survey));
    assert_int_equal(access(output, F_OK), -1);
    assert_int_equal(access(partial, F_OK), -1);
    tl_engine_close(engine);
}

static int remove_output(void **state)
{
    (void)state;
    unlink(output);
    unlink(partial);
    return 0;
}

static int make_places(void **state)
{
    if (make_folder(state) < 0)
        return -1;
    snprintf(input, sizeof(input), "%s/in.jsonl", folder);
    snprintf(output, sizeof(output), "%s/out.jsonl", folder);
    snprintf(partial, sizeof(partial), "%s.partial", output);
    return 0;
}

static int remove_places(void **state)
{
    remove_output(state);
    unlink(input);
    return remove_empty_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_any_width, remove_output), cmocka_unit_test_teardown(test_any_model, remove_output),
        cmocka_unit_test_teardown(test_as_alone, remove_output), cmocka_unit_test_teardown(test_languages, remove_output),
        cmocka_unit_test_teardown(test_faults, remove_output), cmocka_unit_test_teardown(test_work_of_another, remove_output),
        cmocka_unit_test_teardown(test_damage, remove_output), cmocka_unit_test_teardown(test_forecast, remove_output),
    };
    return cmocka_run_group_tests(tests, make_places, remove_places);
}
