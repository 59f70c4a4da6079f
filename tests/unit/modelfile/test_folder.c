/* SPDX-License-Identifier: MIT */
/* Folders: which model a folder is, its JSON files as metadata, the chat template from each of its places, and
 * tokenizer.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "modelfile_test.h"

static struct bytes bytes;

/* A fresh folder NAME with model.safetensors and config.json. */
static void make_folder(const char *name, const char *config)
{
    char path[256];
    mkdir(scratch(name), 0777);
    snprintf(path, sizeof path, "%s/model.safetensors", name);
    make_safetensors(&bytes, small_safetensors, 40);
    write_file(path, bytes.data, bytes.n);
    snprintf(path, sizeof path, "%s/config.json", name);
    if (config)
        write_text(path, config);
}

static void put_beside(const char *name, const char *side, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", name, side);
    if (text)
        write_text(path, text);
    else
        unlink(scratch(path));
}

static void test_flattening(void **state)
{
    (void)state;
    static const char config[] =
        "{\"hidden_size\":64,\"rope_theta\":5e5,\"negative\":-3,\"tie\":true,\"absent\":null,\"model_type\":\"llama\\u00e9\","
        "\"rope_scaling\":{\"factor\":8.0,\"deep\":{\"er\":[1,2,3]}},\"eos\":[1,-2],\"mixed\":[1,\"a\"],\"floats\":[1,2.5],"
        "\"objects\":[{\"a\":1}],\"nested\":[[1]],\"nulls\":[null],\"late\":[1,[2],3],\"flags\":[true,false],\"names\":[\"x\",\"\",\"yy\"],\"empty\":[],"
        "\"huge\":1000000000000000019884624838656,\"largest\":18446744073709551615,\"\":1,\"odd\\nkey\":2}";
    uint64_t u;
    int64_t i;
    double f;
    bool b;
    const char *text;
    size_t n;
    make_folder("flat", config);
    put_beside("flat", "generation_config.json", "{\"eos_token_id\":[2,3],\"temperature\":0.6}");
    struct tl_modelfile *file = open_good("flat");
    assert_int_equal(tl_meta_u64(file, "config.hidden_size", 100, &u), 1);
    assert_int_equal(u, 64);
    assert_int_equal(tl_meta_u64(file, "config.rope_theta", 1000000, &u), 1);
    assert_int_equal(u, 500000);
    assert_int_equal(tl_meta_i64(file, "config.negative", &i), 1);
    assert_int_equal(i, -3);
    assert_int_equal(tl_meta_bool(file, "config.tie", &b), 1);
    assert_true(b);
    assert_int_equal(tl_meta_string(file, "config.model_type", &text, &n), 1);
    assert_string_equal(text, "llama\xc3\xa9");
    assert_int_equal(n, 7);
    assert_int_equal(tl_meta_f64(file, "config.rope_scaling.factor", &f), 1);
    assert_true(f == 8);
    assert_int_equal(tl_meta_f64(file, "config.huge", &f), 1);
    assert_true(f > 9e29 && f < 1.1e30);
    assert_int_equal(tl_meta_u64(file, "config.largest", UINT64_MAX, &u), 1);
    assert_true(u == UINT64_MAX);
    assert_int_equal(tl_meta_f64(file, "generation_config.temperature", &f), 1);
    static const char *const absent[] = {"absent", "mixed", "objects", "objects.a", "nested", "nulls", "late", "", "odd\nkey"};
    for (unsigned k = 0; k < ROWS(absent); k++) {
        char key[64];
        snprintf(key, sizeof key, "config.%s", absent[k]);
        assert_null(tl_modelfile_meta(file, key));
    }
    const struct tl_meta *eos = tl_modelfile_meta(file, "config.eos"), *floats = tl_modelfile_meta(file, "config.floats"),
                         *flags = tl_modelfile_meta(file, "config.flags"), *names = tl_modelfile_meta(file, "config.names"),
                         *deep = tl_modelfile_meta(file, "config.rope_scaling.deep.er"), *empty = tl_modelfile_meta(file, "config.empty");
    assert_true(eos->is_array && eos->kind == TL_META_INT && eos->count == 2);
    assert_int_equal(tl_meta_at_i64(eos, 1, &i), 0);
    assert_int_equal(i, -2);
    assert_true(floats->kind == TL_META_FLOAT);
    assert_int_equal(tl_meta_at_f64(floats, 0, &f), 0);
    assert_true(f == 1);
    assert_true(flags->kind == TL_META_BOOL && flags->count == 2);
    assert_int_equal(tl_meta_at_bool(flags, 1, &b), 0);
    assert_false(b);
    assert_int_equal(tl_meta_at_bool(flags, 0, &b), 0);
    assert_true(b);
    assert_int_equal(tl_meta_at_bool(flags, 2, &b), TL_E_FILE);
    assert_int_equal(tl_meta_at_bool(names, 0, &b), TL_E_FILE);
    assert_true(names->kind == TL_META_STRING && names->count == 3);
    assert_int_equal(tl_meta_at_string(names, 2, &text, &n), 0);
    assert_string_equal(text, "yy");
    assert_true(deep->kind == TL_META_UINT && deep->count == 3);
    assert_int_equal(empty->count, 0);
    tl_modelfile_close(file);
}

static void test_bad_side_files(void **state)
{
    (void)state;
    static const struct { const char *config, *words; } rows[] = {
        {"[]", "config.json: found no object"},
        {"{", "config.json: byte 1"},
        {"{\"a\":1,\"a\":2}", "key config.a: found it twice"},
        {"{\"a\":{\"b\":1},\"a.b\":2}", "key config.a.b: found it twice"},
        {"{\"a\":1e999}", "key config.a: found a number too large"},
        {"{\"a\":[1,1e999]}", "key config.a: found a number too large"},
        {"{\"a\":\"\xff\"}", "config.json: byte 6: expected UTF-8"},
        {"{} {}", "expected the end"},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        make_folder("bad", rows[i].config);
        refuse("bad", rows[i].words);
    }
}

/* What Python writes for numbers that are not finite does no harm unless the value is asked for. */
static void test_unlimited_numbers(void **state)
{
    (void)state;
    double f = 7;
    uint64_t u = 7;
    make_folder("unlimited", "{\"a\":Infinity,\"b\":[0.5,-Infinity],\"c\":NaN,\"deep\":{\"d\":-Infinity},\"hidden_size\":64}");
    struct tl_modelfile *file = open_good("unlimited");
    assert_int_equal(tl_meta_u64(file, "config.hidden_size", 100, &u), 1);
    assert_int_equal(u, 64);
    static const char *const keys[] = {"config.a", "config.c", "config.deep.d"};
    for (unsigned i = 0; i < ROWS(keys); i++) {
        assert_int_equal(tl_meta_f64(file, keys[i], &f), TL_E_FILE);
        if (!strstr(tl_error_text(), keys[i]) || !strstr(tl_error_text(), "expected a finite number"))
            fail_msg("\"%s\"", tl_error_text());
        assert_int_equal(tl_meta_u64(file, keys[i], 100, &u), TL_E_FILE);
    }
    assert_int_equal(tl_meta_at_f64(tl_modelfile_meta(file, "config.b"), 0, &f), 0);
    assert_true(f == 0.5);
    assert_int_equal(tl_meta_at_f64(tl_modelfile_meta(file, "config.b"), 1, &f), TL_E_FILE);
    assert_int_equal(u, 64);
    tl_modelfile_close(file);
}

/* Nested far and with long keys: bounded, whatever is dropped. */
static void test_deep_paths(void **state)
{
    (void)state;
    char config[8192], *at = config;
    for (int i = 0; i < 60; i++)
        at += sprintf(at, "{\"%0*d\":", 40, i);
    at += sprintf(at, "1");
    for (int i = 0; i < 60; i++)
        *at++ = '}';
    *at = 0;
    make_folder("deep", config);
    tl_modelfile_close(open_good("deep"));
    memset(config, '[', 70);
    strcpy(config + 70, "");
    memmove(config + 5, config, 71);
    memcpy(config, "{\"a\":", 5);
    make_folder("deep", config);
    refuse("deep", "at most 64 levels");
}

static void expect_template(const char *expected)
{
    struct tl_modelfile *file = open_good("chat");
    const char *text = NULL;
    size_t n;
    assert_int_equal(tl_meta_string(file, "tokenizer.chat_template", &text, &n), expected != NULL);
    if (expected)
        assert_string_equal(text, expected);
    assert_null(tl_modelfile_meta(file, "tokenizer_config.chat_template"));
    tl_modelfile_close(file);
}

static void test_chat_template(void **state)
{
    (void)state;
    make_folder("chat", "{}");
    expect_template(NULL);
    put_beside("chat", "tokenizer_config.json", "{\"chat_template\":\"from \\\"tokenizer_config\\\"\",\"bos_token\":{\"content\":\"<s>\",\"lstrip\":false}}");
    expect_template("from \"tokenizer_config\"");
    put_beside("chat", "chat_template.json", "{\"other\":[1],\"chat_template\":\"from json\"}");
    expect_template("from json");
    put_beside("chat", "chat_template.jinja", "from jinja");
    expect_template("from jinja");
    put_beside("chat", "chat_template.jinja", NULL);
    put_beside("chat", "chat_template.json", NULL);
    put_beside("chat", "tokenizer_config.json",
               "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"},3,[],{\"template\":\"D\",\"x\":{},\"name\":\"default\"},{\"name\":\"default\"}]}");
    expect_template("D");
    put_beside("chat", "tokenizer_config.json", "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"}]}");
    expect_template(NULL);
    put_beside("chat", "tokenizer_config.json", "{\"chat_template\":null,\"bos_token\":{\"content\":\"<s>\"}}");
    expect_template(NULL);
    struct tl_modelfile *file = open_good("chat");
    const char *text;
    size_t n;
    assert_int_equal(tl_meta_string(file, "tokenizer_config.bos_token.content", &text, &n), 1);
    assert_string_equal(text, "<s>");
    tl_modelfile_close(file);
}

static void test_tokenizer_json(void **state)
{
    (void)state;
    const char *text, *again;
    size_t n;
    make_folder("tok", "{}");
    put_beside("tok", "tokenizer.json", "{\"model\":{}}");
    struct tl_modelfile *file = open_good("tok/model.safetensors");
    assert_int_equal(tl_modelfile_tokenizer_json(file, &text, &n), 1);
    assert_string_equal(text, "{\"model\":{}}");
    assert_int_equal(n, 12);
    assert_int_equal(tl_modelfile_tokenizer_json(file, &again, &n), 1);
    assert_ptr_equal(text, again);
    tl_modelfile_drop_tokenizer_json(file);
    assert_int_equal(tl_modelfile_tokenizer_json(file, &text, &n), 1);
    char *beside;
    put_beside("tok", "tiktoken.model", "YQ== 0");
    assert_int_equal(tl_modelfile_beside(file, "tiktoken.model", &beside, &n), 1);
    assert_string_equal(beside, "YQ== 0");
    assert_int_equal(n, 6);
    tl_free(beside);
    assert_int_equal(tl_modelfile_beside(file, "absent", &beside, &n), 0);
    assert_null(beside);
    tl_modelfile_close(file);
}

static void test_which_model(void **state)
{
    (void)state;
    struct tl_modelfile *file;
    mkdir(scratch("empty"), 0777);
    refuse("empty", "found 0 safetensors and 0 GGUF models");
    make_gguf(&bytes, 3);
    write_file("empty/x.gguf", bytes.data, bytes.n);
    write_file("empty/y-00002-of-00002.gguf", bytes.data, bytes.n);
    tl_modelfile_close(file = open_good("empty"));
    write_file("empty/z.gguf", bytes.data, bytes.n);
    refuse("empty", "found 0 safetensors and 2 GGUF models");
    make_safetensors(&bytes, small_safetensors, 40);
    write_file("empty/any.safetensors", bytes.data, bytes.n);
    refuse("empty", "config.json: found none, expected it beside any.safetensors");
    write_text("empty/config.json", "{}");
    file = open_good("empty");
    assert_int_equal(tl_modelfile_format(file), TL_MODELFILE_SAFETENSORS);
    tl_modelfile_close(file);
    write_file("empty/other.safetensors", bytes.data, bytes.n);
    refuse("empty", "found 2 safetensors and 2 GGUF models");
    write_text("empty/model.safetensors.index.json",
               "{\"weight_map\":{\"a\":\"any.safetensors\",\"b\":\"any.safetensors\",\"e\":\"any.safetensors\",\"z\":\"any.safetensors\"}}");
    file = open_good("empty");
    assert_int_equal(tl_modelfile_bytes(file), bytes.n);
    tl_modelfile_close(file);
    assert_int_equal(tl_modelfile_open(scratch("no/such/file"), &file), TL_E_IO);
}

static void test_names(void **state)
{
    static const struct { const char *path, *name; } cases[] = {
        {"/models/kimi.gguf", "kimi"}, {"/models/kimi/", "kimi"}, {"kimi", "kimi"}, {"a/.gguf", ".gguf"}, {"//", ""}, {"", ""}, {"k/123456789.gguf", "1234567"},
    };
    char name[8];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_modelfile_name(cases[i].path, strlen(cases[i].path), name, sizeof name);
        assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flattening),    cmocka_unit_test(test_bad_side_files), cmocka_unit_test(test_deep_paths), cmocka_unit_test(test_unlimited_numbers),
        cmocka_unit_test(test_chat_template), cmocka_unit_test(test_tokenizer_json), cmocka_unit_test(test_which_model),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
