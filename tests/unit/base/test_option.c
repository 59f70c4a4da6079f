/* SPDX-License-Identifier: MIT */
/* Option tables: parsing, ranges, defaults, messages, and the texts made from the same rows. */
#include "base_test.h"

#include <string.h>

#include "base/error.h"
#include "base/option.h"

struct fields {
    bool json;
    uint64_t threads, ram, tokens;
    int64_t shift;
    double temp;
    const char *prompt, *file, *kv;
};

static const struct tl_option options[] = {
    {"json", 0, TL_OPTION_FLAG, NULL, NULL, 0, 0, "one JSON document", offsetof(struct fields, json)},
    {"threads", 't', TL_OPTION_U64, "N", "2", 1, 64, "threads", offsetof(struct fields, threads)},
    {"ram", 0, TL_OPTION_BYTES, "BYTES", NULL, 0, 0, "budget", offsetof(struct fields, ram)},
    {"shift", 0, TL_OPTION_I64, "N", "-3", -5, 5, "a shift", offsetof(struct fields, shift)},
    {"temp", 0, TL_OPTION_F64, "X", "0.8", 0, 2, "temperature", offsetof(struct fields, temp)},
    {"prompt", 'p', TL_OPTION_TEXT, "TEXT", NULL, 0, 0, "the prompt", offsetof(struct fields, prompt)},
    {"a-file-with-a-long-name", 'f', TL_OPTION_FILE, "FILE", NULL, 0, 0, ".hidden \\ file", offsetof(struct fields, file)},
    {"kv", 0, TL_OPTION_CHOICE, "f32|f16|bf16", "f16", 0, 0, "cache", offsetof(struct fields, kv)},
    {"tokens", 0, TL_OPTION_COUNT, "N", NULL, 1, 1e15, "tokens", offsetof(struct fields, tokens)},
};

static int parse(const char *line, struct fields *ret_fields, const char **ret_arguments, int *ret_n)
{
    static char copy[8][512];
    static int turn;
    char *argv[32], *rest = strcpy(copy[turn++ % 8], line);
    int argc = 0;
    for (char *word; (word = strsep(&rest, " "));)
        argv[argc++] = word;
    *ret_fields = (struct fields){0};
    assert_int_equal(tl_options_default(options, ROWS(options), ret_fields), 0);
    return tl_options_parse(options, ROWS(options), line[0] ? argc : 0, argv, ret_fields, ret_arguments, ret_n);
}

static void good_lines(void **state)
{
    (void)state;
    struct fields f;
    const char *arguments[32];
    int n;
    assert_int_equal(parse("", &f, arguments, &n), 0);
    assert_true(n == 0 && !f.json && f.threads == 2 && f.shift == -3 && f.temp == 0.8 && !f.prompt && !strcmp(f.kv, "f16"));
    assert_int_equal(parse("model --json -t 4 --ram=20G --shift -5 --temp=0 -phello --kv bf16 second -f - -", &f, arguments, &n), 0);
    assert_true(f.json && f.threads == 4 && f.ram == 20ull << 30 && f.shift == -5 && f.temp == 0);
    assert_string_equal(f.prompt, "hello");
    assert_string_equal(f.file, "-");
    assert_string_equal(f.kv, "bf16");
    assert_int_equal(n, 3);
    assert_string_equal(arguments[0], "model");
    assert_string_equal(arguments[1], "second");
    assert_string_equal(arguments[2], "-");
    assert_int_equal(parse("--prompt=", &f, arguments, &n), 0);
    assert_string_equal(f.prompt, "");
    assert_int_equal(parse("--tokens 2.5k", &f, arguments, &n), 0);
    assert_true(f.tokens == 2500);
    assert_int_equal(parse("-t 4 -t 8 -- --json -x", &f, arguments, &n), 0);
    assert_true(f.threads == 8 && !f.json && n == 2);
    assert_string_equal(arguments[1], "-x");
    assert_int_equal(parse("-p --json", &f, arguments, &n), 0);
    assert_string_equal(f.prompt, "--json");
    assert_int_equal(parse("--prompt=", &f, arguments, &n), 0);
    assert_string_equal(f.prompt, "");
}

static void bad_lines(void **state)
{
    (void)state;
    static const struct { const char *line, *error; } rows[] = {
        {"--threads", "--threads: expected a whole number, found the end of the line"},
        {"-t 0", "--threads: found \"0\", expected a whole number from 1 to 64"}, {"-t 65", "--threads: found \"65\""},
        {"-t x", "--threads: found \"x\""}, {"-t 4x", "--threads: found \"4x\""}, {"-t -1", "--threads: found \"-1\""},
        {"--ram 20Q", "--ram: found \"20Q\", expected a size such as 20G or 512M"}, {"--shift 6", "--shift: found \"6\""},
        {"--tokens 2x", "--tokens: found \"2x\", expected a number such as 500k or 20M from 1 to 1e+15"}, {"--tokens 0", "--tokens: found \"0\""},
        {"--temp nan", "--temp: found \"nan\", expected a number from 0 to 2"}, {"--temp 2.1", "--temp"}, {"--json=1", "--json takes no value"},
        {"--a-file-with-a-long-name=", "--a-file-with-a-long-name: found an empty text, expected FILE"},
        {"--kv f64", "--kv: found \"f64\", expected f32|f16|bf16"}, {"--kv f", "--kv"}, {"--kv f32|f16", "--kv"},
        {"--kv=", "--kv"}, {"--thread 3", "unknown option --thread; is --threads meant?"}, {"--tmep 1", "unknown option --tmep; is --temp meant?"},
        {"--unheard-of", "unknown option --unheard-of"}, {"-x", "unknown option -x"}, {"-", NULL},
        {"--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unknown option --aaaa"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fields f;
        const char *arguments[32];
        int n;
        assert_int_equal(parse(rows[i].line, &f, arguments, &n), rows[i].error ? TL_E_USAGE : 0);
        if (rows[i].error && strncmp(tl_error_text(), rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("%s: found \"%s\"", rows[i].line, tl_error_text());
    }
}

static void texts_come_from_rows(void **state)
{
    (void)state;
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, 0);
    tl_options_help(options, ROWS(options), &buffer);
    assert_non_null(strstr(buffer.data, "      --json                  one JSON document\n"));
    assert_non_null(strstr(buffer.data, "  -t, --threads N             threads (default 2)\n"));
    assert_non_null(strstr(buffer.data, "  -f, --a-file-with-a-long-name FILE\n                              .hidden"));
    tl_buffer_clear(&buffer);
    tl_options_manual(options, ROWS(options), &buffer);
    assert_non_null(strstr(buffer.data, ".TP\n\\fB\\-t\\fR, \\fB\\-\\-threads\\fR \\fIN\\fR\nthreads (default 2)\n"));
    assert_non_null(strstr(buffer.data, "\n\\&.hidden \\e file\n"));
    tl_buffer_clear(&buffer);
    tl_options_words(options, ROWS(options), &buffer);
    assert_string_equal(buffer.data, "--json --threads --ram --shift --temp --prompt --a-file-with-a-long-name --kv --tokens");
    tl_buffer_done(&buffer);
}

static void nearest_names(void **state)
{
    (void)state;
    static const char *const names[] = {"run", "chat", "tokenize", "logits"};
    static const char *const rows[][2] = {
        {"rnu", "run"}, {"tokenise", "tokenize"}, {"logit", "logits"}, {"chta", "chat"}, {"xyz", NULL}, {"", NULL}, {"r", NULL}, {"tok", "tokenize"}, {"to", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *found = tl_option_nearest(rows[i][0], names, ROWS(names));
        if (rows[i][1] ? !found || strcmp(found, rows[i][1]) : found != NULL)
            fail_msg("%s: %s", rows[i][0], found ? found : "nothing");
    }
    assert_ptr_equal(tl_option_find(options, ROWS(options), "ramp", 3), &options[2]);
    assert_null(tl_option_find(options, ROWS(options), "ramp", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines), cmocka_unit_test(bad_lines), cmocka_unit_test(texts_come_from_rows),
        cmocka_unit_test(nearest_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
