/* SPDX-License-Identifier: MIT */
/* Tokenizers of tokenizers/cases.json: each case's parts are put around its model as a tokenizer.json, and every text must
 * give the ids and the decoded text that Hugging Face's library gives (make_tokenizers.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "golden_file.h"
#include "text/tokenizer.h"

enum { MOST_TEXTS = 40, MODELS = 3 };

struct span { const char *text; size_t n; };

static struct span models[MODELS];
static struct tl_buffer texts[MOST_TEXTS];
static size_t n_texts;

/* The next value, as it is written. */
static struct span raw_value(struct tl_json *json)
{
    int event = tl_json_next(json);
    assert_true(event > 0);
    const char *start = json->raw;
    if (event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
        assert_true(tl_json_skip(json) >= 0);
    else
        start = json->at - (event == TL_JSON_NULL ? 4 : 0);
    return (struct span){start, (size_t)(json->at - start)};
}

static void read_texts(struct tl_json *json)
{
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    while (tl_json_next(json) == TL_JSON_STRING) {
        assert_true(n_texts < MOST_TEXTS);
        tl_buffer_append(&texts[n_texts++], json->string.data, json->string.len);
    }
}

static void without_replacements(struct tl_buffer *to, const char *text, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes;) {
        uint32_t code;
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        if (n > 0 && code != TL_UTF8_REPLACEMENT)
            tl_buffer_append(to, text + at, (size_t)n);
        at += (size_t)(n > 0 ? n : -n);
    }
    tl_buffer_append(to, "", 0);
}

static void check_ids(struct tl_json *json, const struct tl_tokenizer *tokenizer, const char *name, size_t index, int32_t **ret_ids,
                      size_t *ret_count)
{
    assert_int_equal(tl_tokenizer_encode(tokenizer, texts[index].data, texts[index].len, TL_ENCODE_SPECIAL | TL_ENCODE_BOS, ret_ids,
                                         ret_count), 0);
    size_t n = 0;
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    for (; tl_json_next(json) == TL_JSON_NUMBER; n++)
        if (n >= *ret_count || (*ret_ids)[n] != atoi(json->raw))
            fail_msg("%s: text %zu: id %zu is %d, expected %d", name, index, n, n < *ret_count ? (*ret_ids)[n] : -1, atoi(json->raw));
    if (n != *ret_count)
        fail_msg("%s: text %zu: %zu ids, expected %zu", name, index, *ret_count, n);
}

static void check_decoded(struct tl_json *json, const struct tl_tokenizer *tokenizer, const char *name, size_t index, const int32_t *ids,
                          size_t count)
{
    char *text = NULL;
    size_t n_bytes = 0;
    struct tl_buffer got = {0}, expected = {0};
    assert_int_equal(tl_tokenizer_decode(tokenizer, ids, count, true, &text, &n_bytes), 0);
    assert_int_equal(tl_json_next(json), TL_JSON_STRING);
    without_replacements(&got, text, n_bytes);
    without_replacements(&expected, json->string.data, json->string.len);
    if (got.len != expected.len || memcmp(got.data, expected.data, got.len) != 0)
        fail_msg("%s: text %zu: decoded '%s', expected '%s'", name, index, got.data, expected.data);
    tl_buffer_done(&got);
    tl_buffer_done(&expected);
    tl_free(text);
}

/* The model's members and the case's settings as one object, between the parts. */
static struct tl_tokenizer *build(const char *name, const struct span parts[5], struct span settings, struct span model)
{
    static const char *const keys[] = {"added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"};
    struct tl_tokenizer *tokenizer = NULL;
    struct tl_buffer json = {0};
    for (int i = 0; i < 5; i++)
        tl_buffer_printf(&json, "%s\"%s\":%.*s", i ? "," : "{", keys[i], (int)parts[i].n, parts[i].text);
    tl_buffer_printf(&json, ",\"model\":%.*s%s%.*s}", (int)settings.n - 1, settings.text, settings.n > 2 ? "," : "", (int)model.n - 1,
                     model.text + 1);
    if (tl_tokenizer_new_text(name, json.data, json.len, &tokenizer) < 0)
        fail_msg("%s", tl_error_text());
    tl_buffer_done(&json);
    return tokenizer;
}

static void read_parts(struct tl_json *json, struct span parts[5])
{
    assert_int_equal(tl_json_next(json), TL_JSON_OBJECT);
    for (int i = 0; tl_json_next(json) == TL_JSON_KEY; i++)
        parts[i] = raw_value(json);
}

/* Behind the "{" of a case; its keys come in one order. */
static void check_case(struct tl_json *json)
{
    char name[80];
    uint64_t model = 0;
    struct span parts[5] = {0}, settings;
    int32_t *ids[MOST_TEXTS];
    size_t counts[MOST_TEXTS];
    assert_int_equal(tl_json_next(json), TL_JSON_KEY);
    assert_int_equal(tl_json_next(json), TL_JSON_STRING);
    snprintf(name, sizeof name, "%s", json->string.data);
    assert_int_equal(tl_json_next(json), TL_JSON_KEY);
    assert_int_equal(tl_json_u64(json, MODELS - 1, &model), 0);
    assert_int_equal(tl_json_next(json), TL_JSON_KEY);
    settings = raw_value(json);
    assert_int_equal(tl_json_next(json), TL_JSON_KEY);
    read_parts(json, parts);
    struct tl_tokenizer *tokenizer = build(name, parts, settings, models[model]);
    assert_int_equal(tl_json_next(json), TL_JSON_KEY);
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    for (size_t i = 0; i < n_texts; i++)
        check_ids(json, tokenizer, name, i, &ids[i], &counts[i]);
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY_END);
    assert_int_equal(tl_json_next(json), TL_JSON_KEY);
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    for (size_t i = 0; i < n_texts; i++) {
        check_decoded(json, tokenizer, name, i, ids[i], counts[i]);
        tl_free(ids[i]);
    }
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY_END);
    assert_int_equal(tl_json_next(json), TL_JSON_OBJECT_END);
    tl_tokenizer_free(tokenizer);
}

static void cases_agree(void **state)
{
    (void)state;
    const char *path = golden_file("tokenizers/cases.json");
    char *text;
    size_t n_bytes, n_cases = 0;
    struct tl_json json;
    assert_int_equal(tl_file_slurp(path, 1 << 24, &text, &n_bytes), 0);
    tl_json_init(&json, path, text, n_bytes);
    assert_int_equal(tl_json_next(&json), TL_JSON_OBJECT);
    assert_int_equal(tl_json_next(&json), TL_JSON_KEY);
    assert_int_equal(tl_json_next(&json), TL_JSON_ARRAY);
    for (int i = 0; i < MODELS; i++)
        models[i] = raw_value(&json);
    assert_int_equal(tl_json_next(&json), TL_JSON_ARRAY_END);
    assert_int_equal(tl_json_next(&json), TL_JSON_KEY);
    read_texts(&json);
    assert_int_equal(tl_json_next(&json), TL_JSON_KEY);
    assert_int_equal(tl_json_next(&json), TL_JSON_ARRAY);
    for (; tl_json_next(&json) == TL_JSON_OBJECT; n_cases++)
        check_case(&json);
    assert_true(n_cases > 30 && n_texts > 20);
    tl_json_done(&json);
    tl_free(text);
    for (size_t i = 0; i < n_texts; i++)
        tl_buffer_done(&texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
