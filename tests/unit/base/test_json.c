/* SPDX-License-Identifier: MIT */
/* The JSON reader: what RFC 8259 accepts and refuses, events and typed values, failures of memory. */
#include "base_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

/* All events as letters, or "!" where reading fails. */
static void trace(const char *text, size_t n, char *ret_trace)
{
    static const char letters[] = ".{}[]ks0tfn";
    struct tl_json json;
    int r;
    char *exact = tl_alloc(n ? n : 1, 1);            /* no NUL behind the text: overruns are seen */
    memcpy(exact, text, n);
    tl_json_init(&json, "test", exact, n);
    while ((r = tl_json_next(&json)) > 0)
        *ret_trace++ = letters[r];
    *ret_trace++ = r < 0 ? '!' : '.';
    *ret_trace = 0;
    if (r < 0)
        assert_int_equal(tl_json_next(&json), TL_E_FILE);
    else
        assert_int_equal(tl_json_next(&json), TL_JSON_END);
    tl_json_done(&json);
    tl_free(exact);
}

static void documents(void **state)
{
    (void)state;
    static const struct { const char *text, *trace; } rows[] = {
        {"{}", "{}."}, {" [ ] ", "[]."}, {"0", "0."}, {"\"a\"", "s."}, {"true", "t."}, {"false", "f."}, {"null", "n."},
        {"{\"a\":1,\"b\":[true,null,{}],\"c\":\"x\"}", "{k0k[tn{}]ks}."}, {"[1,-2.5e+3,0.1E-2]", "[000]."},
        {"\t\r\n 1 \n", "0."}, {"[[[]]]", "[[[]]]."}, {"", "!"}, {" ", "!"}, {"[", "[!"}, {"{", "{!"}, {"]", "!"},
        {"[1,]", "[0!"}, {"[,1]", "[!"}, {"{\"a\":1,}", "{k0!"}, {"{,}", "{!"}, {"{\"a\"}", "{!"}, {"{\"a\":}", "{k!"}, {"{1:2}", "{!"},
        {"[1 2]", "[0!"}, {"1 2", "0!"}, {"{}x", "{}!"}, {"[}", "[!"}, {"{]", "{!"}, {"[1}", "[0!"}, {"{\"a\":1]", "{k0!"},
        {"01", "0!"}, {"-", "!"}, {"+1", "!"}, {".5", "!"}, {"1.", "!"}, {"1e", "!"}, {"1e+", "!"}, {"-0", "0."}, {"0x1", "0!"},
        {"NaN", "0."}, {"[Infinity,-Infinity]", "[00]."}, {"{\"a\":NaN}", "{k0}."}, {"Na", "!"}, {"nan", "!"}, {"-NaN", "!"}, {"NaNs", "0!"},
        {"Infinit", "!"}, {"-Infinit", "!"}, {"-I", "!"}, {"inf", "!"}, {"+Infinity", "!"},
        {"tru", "!"}, {"truex", "t!"}, {"nul", "!"}, {"True", "!"}, {"'a'", "!"}, {"\"a", "!"}, {"\"a\nb\"", "!"}, {"\"\\x\"", "!"}, {"\"\\", "!"},
        {"\"\\u12\"", "!"}, {"\"\\u12g4\"", "!"}, {"\"\\u", "!"}, {"\"\xFF\"", "!"}, {"\"\xC0\x80\"", "!"}, {"\"\xED\xA0\x80\"", "!"}, {"\"\xE2\x82\"", "!"},
        {"\xEF\xBB\xBF{}", "!"}, {"// x\n1", "!"}, {"[1,,2]", "[0!"}, {"{\"a\" 1}", "{!"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char found[64];
        trace(rows[i].text, strlen(rows[i].text), found);
        if (strcmp(found, rows[i].trace) != 0)
            fail_msg("%s gives %s, expected %s", rows[i].text, found, rows[i].trace);
    }
    char found[64];
    trace("1\0", 2, found);
    assert_string_equal(found, "0!");
}

static void every_prefix_fails(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\n\\ud83d\\ude00\xE2\x82\xAC\":[1.5e3,true,false,null,{\"\":\"\\\"\"}]}";
    char found[64];
    for (size_t n = 0; n < sizeof text - 1; n++) {
        trace(text, n, found);
        assert_non_null(strchr(found, '!'));
    }
    trace(text, sizeof text - 1, found);
    assert_string_equal(found, "{k[0tfn{ks}]}.");
}

static void strings(void **state)
{
    (void)state;
    static const struct { const char *text, *value; size_t n; } rows[] = {
        {"\"\"", "", 0}, {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a\"\\/\b\f\n\r\t", 9}, {"\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6},
        {"\"\\uD83D\\uDE00\"", "\xF0\x9F\x98\x80", 4}, {"\"\\ud83dx\"", "\xEF\xBF\xBDx", 4}, {"\"\\ude00\"", "\xEF\xBF\xBD", 3},
        {"\"\\ud83d\\u0041\"", "\xEF\xBF\xBD" "A", 4}, {"\"\\ud83d\\ud83d\\ude00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7},
        {"\"\\ud83d\\udb80\"", "\xEF\xBF\xBD\xEF\xBF\xBD", 6}, {"\"\\ud83d\\ue000\"", "\xEF\xBF\xBD\xEE\x80\x80", 6},
        {"\"a\\u0000b\"", "a\0b", 3}, {"\"\x7F\"", "\x7F", 1}, {"\"\xF0\x9F\x98\x80\"", "\xF0\x9F\x98\x80", 4},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tl_json json;
        tl_json_init(&json, "test", rows[i].text, strlen(rows[i].text));
        assert_int_equal(tl_json_next(&json), TL_JSON_STRING);
        assert_int_equal(json.string.len, rows[i].n);
        assert_memory_equal(json.string.data, rows[i].value, rows[i].n + 1);
        assert_int_equal(json.raw_bytes, strlen(rows[i].text));
        assert_ptr_equal(json.raw, rows[i].text);
        tl_json_done(&json);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static char deep[1000000], found[200];
    memset(deep, '[', sizeof deep);
    trace(deep, sizeof deep, found);
    assert_int_equal(strlen(found), TL_JSON_DEPTH + 1);
    memset(deep + TL_JSON_DEPTH, ']', TL_JSON_DEPTH);
    trace(deep, 2 * TL_JSON_DEPTH, found);
    assert_int_equal(found[2 * TL_JSON_DEPTH], '.');
}

static void typed_values(void **state)
{
    (void)state;
    enum { U, I, F, B, T };
    static const struct { int kind; const char *text; double value; const char *error; } rows[] = {
        {U, "7", 7, NULL}, {U, "100", 100, NULL}, {U, "101", 0, "test: byte 0: expected an integer from 0 to 100, found '1'"},
        {U, "-1", 0, "test: byte 0: expected an integer from 0 to 100, found '-'"}, {U, "1e2", 100, NULL}, {U, "4.0", 4, NULL},
        {U, "4.5", 0, "test: byte 0: expected an integer from 0 to 100, found '4'"}, {U, "99999999999999999999999", 0, "test: byte 0"},
        {U, "1e400", 0, "test: byte 0"}, {U, " \"7\"", 0, "test: byte 1: expected an integer from 0 to 100, found '\"'"},
        {U, "  true", 0, "test: byte 2: expected an integer from 0 to 100, found 't'"}, {U, "false", 0, "test: byte 0"}, {U, "[]", 0, "test: byte 0"},
        {U, "", 0, "test: byte 0: expected a value, found the end"},
        {I, "-5", -5, NULL}, {I, "-6", 0, "test: byte 0: expected an integer from -5 to 5, found '-'"}, {I, "5e0", 5, NULL}, {I, "null", 0, "test: byte 0"},
        {F, "0.1", 0.1, NULL}, {F, "-1e-3", -1e-3, NULL}, {F, "1e999", 0, "test: byte 0: expected a finite number"},
        {F, "NaN", 0, "test: byte 0: expected a finite number, found 'N'"}, {F, " -Infinity", 0, "test: byte 1: expected a finite number, found '-'"},
        {U, "Infinity", 0, "test: byte 0: expected an integer from 0 to 100, found 'I'"}, {I, "NaN", 0, "test: byte 0: expected an integer"},
        {F, "{}", 0, "test: byte 0: expected a number, found '{'"},
        {B, "true", 1, NULL}, {B, "false", 0, NULL}, {B, "1", 0, "test: byte 0: expected true or false, found '1'"},
        {T, "\"x\"", 0, NULL}, {T, "\"\\u0000\"", 0, "test: byte 0: expected a string without NUL"}, {T, "3", 0, "test: byte 0: expected a string, found '3'"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tl_json json;
        uint64_t u = 0;
        int64_t s = 0;
        double f = 0;
        bool b = false;
        TL_AUTO char *text = NULL;
        tl_json_init(&json, "test", rows[i].text, strlen(rows[i].text));
        int kind = rows[i].kind;
        int r = kind == U ? tl_json_u64(&json, 100, &u) : kind == I ? tl_json_i64(&json, -5, 5, &s) :
                kind == F ? tl_json_f64(&json, &f) : kind == B ? tl_json_bool(&json, &b) : tl_json_text(&json, &text);
        assert_int_equal(r, rows[i].error ? TL_E_FILE : 0);
        assert_true((double)u + (double)s + f + b == rows[i].value);
        if (rows[i].error && strncmp(tl_error_text(), rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("%s: found \"%s\", expected \"%s\"", rows[i].text, tl_error_text(), rows[i].error);
        assert_int_equal(text != NULL, kind == T && !rows[i].error);
        tl_json_done(&json);
    }
}

static void skipping(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":{\"x\":[1,{}]},\"b\":[[],2],\"c\":3,\"d\":{},\"e\":[{\"f\":1},-Infinity],\"last\":9}";
    struct tl_json json;
    uint64_t last = 0;
    int keys = 0;
    tl_json_init(&json, "test", text, strlen(text));
    assert_int_equal(tl_json_next(&json), TL_JSON_OBJECT);
    while (tl_json_next(&json) == TL_JSON_KEY) {
        keys++;
        if (tl_json_is(&json, "last"))
            assert_int_equal(tl_json_u64(&json, 10, &last), 0);
        else
            assert_int_equal(tl_json_skip(&json), 0);
    }
    assert_int_equal(json.event, TL_JSON_OBJECT_END);
    assert_int_equal(keys, 6);
    assert_int_equal(last, 9);
    assert_int_equal(tl_json_next(&json), TL_JSON_END);
    tl_json_done(&json);
    tl_json_init(&json, "test", text, strlen(text));
    tl_json_next(&json);
    assert_int_equal(tl_json_skip(&json), 0);
    assert_int_equal(tl_json_next(&json), TL_JSON_END);
    tl_json_done(&json);
    tl_json_init(&json, "test", "{\"a\":[1,{\"b\":]}", 15);
    tl_json_next(&json);
    tl_json_next(&json);
    assert_int_equal(tl_json_skip(&json), TL_E_FILE);
    tl_json_done(&json);
}

static void memory_runs_out(void **state)
{
    (void)state;
    static const char text[] = "[\"a long string that makes the buffer grow, and grow, and grow, and grow once more\",1]";
    for (long n = 0; n < 3; n++) {
        struct tl_json json;
        int r;
        tl_json_init(&json, "test", text, strlen(text));
        tl_memory_fail_after(n);
        while ((r = tl_json_next(&json)) > 0)
            ;
        tl_memory_fail_after(-1);
        assert_int_equal(r, n < 2 ? TL_E_NOMEM : 0);
        if (n < 2)
            assert_int_equal(tl_json_next(&json), TL_E_NOMEM);
        tl_json_done(&json);
    }
}

/* Wherever a byte stands in a string, it is taken as what it is. */
static void every_byte_at_every_place(void **state)
{
    enum { N = 21 };                     /* whole words of eight and a rest */
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++)
        for (unsigned place = 0; place < N; place++) {
            char text[N + 2], found[64];
            bool fits = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            memset(text, 'a', sizeof text);
            text[0] = text[N + 1] = '"';
            text[1 + place] = (char)byte;
            trace(text, sizeof text, found);
            if (byte == '"')
                assert_string_equal(found, "s!");
            else
                assert_string_equal(found, fits ? "s." : "!");       /* "\\a" is no escape, and the last one hides the quote */
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents), cmocka_unit_test(every_prefix_fails), cmocka_unit_test(strings), cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(depth_is_bounded), cmocka_unit_test(typed_values), cmocka_unit_test(skipping),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
