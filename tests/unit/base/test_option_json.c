/* SPDX-License-Identifier: MIT */
/* Option rows as JSON: what is written reads back as the same fields, and what is wrong says which option. */
#include "base_test.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/option.h"

struct fields {
    bool tiny;
    uint64_t layers, ram, tokens;
    int64_t shift;
    double skew;
    const char *to, *kv;
    struct tl_option_list stop;
};

static const struct tl_option options[] = {
    {"tiny", 0, TL_OPTION_FLAG, NULL, NULL, 0, 0, "a flag", offsetof(struct fields, tiny)},
    {"layers", 0, TL_OPTION_U64, "N", NULL, 1, 64, "layers", offsetof(struct fields, layers)},
    {"ram", 0, TL_OPTION_BYTES, "BYTES", NULL, 0, 0, "budget", offsetof(struct fields, ram)},
    {"tokens", 0, TL_OPTION_COUNT, "N", NULL, 0, 0, "tokens", offsetof(struct fields, tokens)},
    {"shift", 0, TL_OPTION_I64, "N", "-3", -5, 5, "a shift", offsetof(struct fields, shift)},
    {"skew", 0, TL_OPTION_F64, "X", "0.5", 0, 2, "skew", offsetof(struct fields, skew)},
    {"to", 0, TL_OPTION_TEXT, "FORMAT", NULL, 0, 0, "format", offsetof(struct fields, to)},
    {"kv", 0, TL_OPTION_CHOICE, "f32|f16", "f16", 0, 0, "cache", offsetof(struct fields, kv)},
    {"stop", 0, TL_OPTION_LIST, "TEXT", NULL, 0, 0, "stops", offsetof(struct fields, stop)},
};

static int read_json(const char *json, struct fields *fields, char **ret_texts)
{
    *fields = (struct fields){0};
    return tl_options_read_json(options, ROWS(options), json, strlen(json), fields, ret_texts);
}

static void what_is_read(void **state)
{
    (void)state;
    struct fields f;
    char *texts = NULL;
    assert_int_equal(read_json("{}", &f, &texts), 0);
    assert_true(!f.tiny && f.layers == 0 && f.shift == -3 && f.skew == 0.5 && !f.to && strcmp(f.kv, "f16") == 0);
    tl_free(texts);
    assert_int_equal(read_json(" {\"tiny\":true, \"layers\": 3, \"ram\":\"2G\",\"tokens\":\"3k\",\"shift\":5,\"skew\":1e-1,\"to\":\"q4\\u005f0\",\"kv\":null,"
                               "\"stop\":[\"a\",\"\"]}\n", &f, &texts), 0);
    assert_true(f.tiny && f.layers == 3 && f.ram == 2ull << 30 && f.tokens == 3000 && f.shift == 5 && f.skew == 0.1 && f.stop.count == 2);
    assert_string_equal(f.to, "q4_0");
    assert_string_equal(f.kv, "f16");
    assert_string_equal(f.stop.items[0], "a");
    assert_string_equal(f.stop.items[1], "");
    tl_free(texts);
}

static void what_is_written(void **state)
{
    (void)state;
    struct fields f, back;
    char *texts = NULL;
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    assert_int_equal(tl_options_default(options, ROWS(options), memset(&f, 0, sizeof f)), 0);
    assert_int_equal(tl_options_write_json(options, ROWS(options), &f, &json), 0);
    assert_string_equal(json.data, "{\"shift\":-3,\"skew\":0.5,\"kv\":\"f16\"}");
    f = (struct fields){.tiny = true, .layers = 7, .ram = UINT64_MAX, .tokens = 70000, .skew = 0, .to = "a \"b\"\n", .kv = "f32",
                        .stop = {.items = {"x", "y"}, .count = 2}};
    tl_buffer_clear(&json);
    assert_int_equal(tl_options_write_json(options, ROWS(options), &f, &json), 0);
    assert_int_equal(read_json(json.data, &back, &texts), 0);
    assert_true(back.tiny && back.layers == 7 && back.ram == UINT64_MAX && back.tokens == 70000 && back.shift == 0 && back.skew == 0 && back.stop.count == 2);
    assert_string_equal(back.to, f.to);
    assert_string_equal(back.kv, "f32");
    tl_free(texts);
    tl_buffer_clear(&json);
    assert_int_equal(tl_options_write_json(options, 1, &(struct fields){0}, &json), 0);
    assert_string_equal(json.data, "{}");
    tl_buffer_done(&json);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct { const char *json, *error; } rows[] = {
        {"", "options: byte 0"}, {"[]", "expected a JSON object"}, {"{\"layer\":3}", "unknown option --layer; is --layers meant?"},
        {"{\"layers\":65}", "--layers: found \"65\""}, {"{\"layers\":1.5}", "--layers: found \"1.5\""}, {"{\"layers\":true}", "option layers: expected a number"},
        {"{\"tiny\":1}", "option tiny: expected true or false"}, {"{\"to\":3}", "option to: expected a text"}, {"{\"to\":\"\\u0000\"}", "NUL"},
        {"{\"stop\":\"a\"}", "option stop: expected a list of texts"}, {"{\"stop\":[1]}", "option stop: expected a list of texts"},
        {"{\"kv\":\"f64\"}", "--kv: found \"f64\""}, {"{\"layers\":3", "options: byte 11"}, {"{\"layers\":3} x", "options: byte 13"},
        {"{\"stop\":[\"a\"", "options: byte"}, {"{\"skew\":NaN}", "--skew: found \"NaN\""}, {"{\"layers\":-Infinity}", "--layers: found \"-Infinity\""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fields f;
        char *texts = NULL;
        assert_int_equal(read_json(rows[i].json, &f, &texts), TL_E_USAGE);
        assert_null(texts);
        assert_non_null(strstr(tl_error_text(), rows[i].error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_read), cmocka_unit_test(what_is_written), cmocka_unit_test(what_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
