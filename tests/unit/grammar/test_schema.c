/* SPDX-License-Identifier: MIT */
/* JSON schemas: what each keyword takes and does not take, what is refused or dropped and by which name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accepts.h"
#include "base/array.h"
#include "base/memory.h"
#include "must.h"

static const struct { const char *text, *takes[8], *refuses[8]; } cases[] = {
    {"{}", {"1", "\"a\"", "null", "[1, [2,3]]", "{\"a\": {\"b\":true}}", "-1.5e3"}, {"", "01", "+1", "'a'", "{a:1}", "[1,]", "nul"}},
    {"true", {"[]", "{}"}, {"]"}},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"}},\"required\":[\"a\"]}",
     {"{\"a\":1}", "{\"a\": 1, \"b\": \"x\"}", "{\"a\":-7,\"b\":\"\\u00e9\\n\\ud83d\\ude00\"}"},
     {"{}", "{\"b\":\"x\"}", "{\"a\":1,}", "{\"a\":1.5}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"c\":1}", "{\"a\":1,\"b\":\"\\ud83d\"}"}},
    {"{\"properties\":{\"a\":{},\"b\":{},\"c\":{}}}", {"{}", "{\"b\":1}", "{\"a\":1,\"c\":null}", "{\"a\":[],\"b\":{},\"c\":\"\"}"},
     {"{\"b\":1,\"a\":1}", "{,\"b\":1}", "[]"}},
    {"{\"type\":\"object\"}", {"{}", "{\"x\":1,\"y\":[{}]}"}, {"[]", "1"}},
    {"{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"null\"},\"ac\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":\"integer\"}}",
     {"{\"ab\":null,\"x\":1}", "{\"a\":1,\"abc\":2,\"\":3}", "{\"ad\":1}", "{\"b\":1}"}, {"{\"ab\":1}", "{\"ac\":1}", "{\"x\":null}", "{\"\\u0061b\":1}"}},
    {"{\"type\":\"object\",\"additionalProperties\":false}", {"{}"}, {"{\"a\":1}"}},
    {"{\"type\":\"object\",\"required\":[\"z\"]}", {"{\"z\":1}"}, {"{}"}},
    {"{\"properties\":{\"a\":{},\"b\":{},\"c\":{}},\"minProperties\":2}", {"{\"a\":1,\"b\":1}", "{\"b\":1,\"c\":1}", "{\"a\":1,\"b\":1,\"c\":1}"}, {"{}", "{\"a\":1}"}},
    {"{\"properties\":{\"a\":{},\"b\":{},\"c\":{}},\"maxProperties\":1}", {"{}", "{\"a\":1}", "{\"c\":1}"}, {"{\"a\":1,\"b\":1}", "{\"a\":1,\"b\":1,\"c\":1}"}},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"},\"minProperties\":1,\"maxProperties\":2}", {"{\"a\":1}", "{\"a\":1,\"b\":2}"},
     {"{}", "{\"a\":1,\"b\":2,\"c\":3}"}},
    {"{\"enum\":[\"a\",1,null,{\"x\":[true]}]}", {"\"a\"", "1", "null", "{\"x\":[true]}"}, {"\"b\"", "2", "true"}},
    {"{\"type\":\"string\",\"enum\":[\"a\",1]}", {"\"a\""}, {"1"}},
    {"{\"const\":\"q\\\"q\"}", {"\"q\\\"q\""}, {"\"q\""}},
    {"{\"allOf\":[{\"enum\":[1,2,3]},{\"enum\":[2,3,4]}]}", {"2", "3"}, {"1", "4"}},
    {"{\"type\":[\"string\",\"null\"]}", {"\"x\"", "null"}, {"1"}},
    {"{\"type\":\"string\",\"nullable\":true}", {"\"x\"", "null"}, {"1"}},
    {"{\"type\":\"boolean\"}", {"true", "false"}, {"null"}},
    {"{\"type\":\"number\"}", {"0", "-0.5", "1e10", "12.25E-3"}, {".5", "1.", "00", "1e999"}},
    {"{\"type\":\"integer\"}", {"0", "-15", "999999999999999"}, {"1.0", "01", "-0"}},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", {"\"ab\"", "\"\xC3\xA9\xF0\x9F\x98\x80\xE2\x82\xAC\"", "\"\\n\\\"\""}, {"\"a\"", "\"abcd\"", "\"\""}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", {"[]", "[1]", "[1, 2,3]"}, {"[\"a\"]", "[1,]", "[ ]"}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":3}", {"[1,2]", "[1,2,3]"}, {"[]", "[1]", "[1,2,3,4]"}},
    {"{\"type\":\"array\",\"maxItems\":0}", {"[]"}, {"[1]"}},
    {"{\"type\":\"array\",\"items\":{},\"minItems\":20,\"maxItems\":40}", {"[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"}, {"[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"}},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":{\"type\":\"null\"}}", {"[]", "[1]", "[1,\"a\"]", "[1,\"a\",null,null]"},
     {"[\"a\"]", "[1,null]", "[1,\"a\",1]"}},
    {"{\"type\":\"array\",\"items\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"minItems\":2,\"additionalItems\":false}", {"[1,\"a\"]"}, {"[1]", "[1,\"a\",1]"}},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"maxLength\":1}]}", {"12", "\"a\""}, {"\"ab\"", "null"}},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", {"12", "\"a\""}, {"null"}},
    {"{\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"x\":{}},\"required\":[\"k\"]},{\"properties\":{\"k\":{\"const\":\"b\"},\"y\":{}},\"required\":[\"k\"]}]}",
     {"{\"k\":\"a\",\"x\":1}", "{\"k\":\"b\",\"y\":1}"}, {"{\"k\":\"a\",\"y\":1}", "{\"k\":\"c\"}"}},
    {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", {"{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}"}, {"{}"}},
    {"{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},{\"properties\":{\"a\":{\"enum\":[1,\"x\"]},\"b\":{}},\"required\":[\"b\"]}]}",
     {"{\"a\":1,\"b\":2}"}, {"{\"a\":1}", "{\"a\":2,\"b\":2}", "{\"a\":\"x\",\"b\":1}"}},
    {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"properties\":{\"v\":{\"type\":\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"type\":\"null\"}]}},"
     "\"required\":[\"v\",\"next\"]}}}", {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}"}, {"{\"v\":1}", "{\"v\":1,\"next\":{}}"}},
    {"{\"properties\":{\"c\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}},\"additionalProperties\":false}", {"{}", "{\"c\":[{},{\"c\":[]}]}"}, {"{\"c\":[1]}"}},
    {"{\"definitions\":{\"a/b\":{\"type\":\"null\"}},\"$ref\":\"#/definitions/a~1b\"}", {"null"}, {"1"}},
    {"{\"$id\":\"http://x/y\",\"$defs\":{\"t\":{\"$anchor\":\"here\",\"type\":\"null\"}},\"items\":{\"$ref\":\"http://x/y#/$defs/t\"},\"prefixItems\":[{\"$ref\":\"#here\"}],\"type\":\"array\"}",
     {"[null,null]"}, {"[1]"}},
    {"{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[\"a\",\"b\",\"c\"]}}", {"[]", "[\"b\"]", "[\"a\",\"c\"]", "[\"a\",\"b\", \"c\"]"},
     {"[\"a\",\"a\"]", "[\"b\",\"a\"]"}},
    {"{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[1,2,3]},\"minItems\":1,\"maxItems\":2}", {"[2]", "[1,3]"}, {"[]", "[1,2,3]", "[1,1]"}},
    {"{\"type\":\"array\",\"uniqueItems\":true,\"items\":{},\"maxItems\":1}", {"[]", "[1]"}, {"[1,2]"}},
    {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],\"$schema\":\"s\",\"x-more\":{\"type\":\"null\"},\"type\":\"integer\"}", {"1"}, {"null"}},
};

#define NAMES(...) "{\"type\":\"object\"," __VA_ARGS__ "}"
#define PATTERN(text) "{\"type\":\"string\",\"pattern\":\"" text "\"}"
#define NUMBER(text) "{\"type\":\"number\"," text "}"
#define INTEGER(text) "{\"type\":\"integer\"," text "}"
#define FORMAT(name) "{\"type\":\"string\",\"format\":\"" name "\"}"

static const struct { const char *text, *takes[8], *refuses[8]; } more[] = {
    {PATTERN("^[a-z]+$"), {"\"abc\""}, {"\"\"", "\"A\"", "\"a1\""}},
    {PATTERN("b.d"), {"\"bad\"", "\"a bcd e\"", "\"\xC3\xA9""b\xE2\x82\xAC""d\""}, {"\"bd\"", "\"\"", "\"b\\nd\""}},
    {PATTERN("^a|b$"), {"\"ax\"", "\"xb\"", "\"a\""}, {"\"x\"", "\"bx\""}},
    {PATTERN("^(foo|ba[rz])(-\\\\d{2,3})?$"), {"\"foo\"", "\"bar-12\"", "\"baz-123\""}, {"\"bar-1\"", "\"foo-1234\"", "\"bax\""}},
    {PATTERN("^\\\\w+\\\\s\\\\S*[^\\\\d]$"), {"\"a b\"", "\"a_1\\txyz\""}, {"\"a b1\"", "\"a\""}},
    {PATTERN("^(?:a+?b*){2,}(?<n>c)$"), {"\"aac\"", "\"ababbc\""}, {"\"ac\"", "\"bac\""}},
    {PATTERN("^[\\\\]\\\"/-]+$"), {"\"]\"", "\"\\\"\"", "\"/-\""}, {"\"\\/\"", "\"a\"", "\"\""}},
    {PATTERN("^\\\\u00e9\\\\x41\\\\.$"), {"\"\xC3\xA9""A.\""}, {"\"\xC3\xA9""Ax\""}},
    {PATTERN(""), {"\"\"", "\"anything\""}, {"1"}},
    {"{\"type\":\"string\",\"pattern\":\"^[a-z]*$\",\"minLength\":2,\"maxLength\":3}", {"\"ab\"", "\"abc\""}, {"\"a\"", "\"abcd\"", "\"A1\""}},
    {"{\"allOf\":[" PATTERN("a") "," PATTERN("b") "]}", {"\"ab\"", "\"xbya\""}, {"\"a\"", "\"b\""}},
    {"{\"enum\":[\"ab\",\"abc\",\"x\",5],\"pattern\":\"^a\",\"maxLength\":2,\"maximum\":4}", {"\"ab\""}, {"\"abc\"", "\"x\"", "5"}},
    {FORMAT("date"), {"\"2024-02-28\"", "\"1999-12-31\""}, {"\"2024-02-30\"", "\"2024-13-01\"", "\"24-1-1\"", "\"2024-04-31\""}},
    {FORMAT("time"), {"\"23:59:59Z\"", "\"00:00:00.5+01:30\""}, {"\"24:00:00Z\"", "\"12:00\""}},
    {FORMAT("date-time"), {"\"2024-02-28T12:00:00Z\""}, {"\"2024-02-28\""}},
    {FORMAT("uuid"), {"\"01234567-89ab-cdef-0123-456789abcdef\""}, {"\"01234567\""}},
    {FORMAT("email"), {"\"a.b@c.org\""}, {"\"a@b\"", "\"@c.org\""}},
    {FORMAT("ipv4"), {"\"127.0.0.1\"", "\"255.255.255.255\""}, {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""}},
    {FORMAT("ipv6"), {"\"::\"", "\"::1\"", "\"fe80::1:2\"", "\"1:2:3:4:5:6:7:8\"", "\"1::8\""}, {"\"1:2\"", "\":1\"", "\"1::2::3\""}},
    {FORMAT("hostname"), {"\"a-b.example\"", "\"localhost\""}, {"\"-a\"", "\"a..b\"", "\"a.1\""}},
    {FORMAT("uri"), {"\"https://a.b/c?d=e#f\"", "\"ftp://h\""}, {"\"a b\"", "\"/x\""}},
    {FORMAT("duration"), {"\"P1D\"", "\"PT1H2M\"", "\"P2W\"", "\"P1Y2M3DT4H\""}, {"\"P\"", "\"1D\"", "\"P1Y1D\"", "\"PT\""}},
    {FORMAT("json-pointer"), {"\"\"", "\"/a/~0~1\""}, {"\"a\"", "\"/~2\""}},
    {FORMAT("password"), {"\"x\""}, {"1"}},
    {INTEGER("\"minimum\":0"), {"0", "7", "123456789"}, {"-1", "01"}},
    {INTEGER("\"minimum\":-5,\"maximum\":17"), {"-5", "-1", "0", "9", "17"}, {"-6", "18", "100", "-10", "1.0"}},
    {INTEGER("\"exclusiveMinimum\":3,\"exclusiveMaximum\":1005"), {"4", "99", "1004"}, {"3", "1005", "0"}},
    {INTEGER("\"minimum\":2.5,\"maximum\":4.5"), {"3", "4"}, {"2", "5"}},
    {INTEGER("\"minimum\":1e2,\"maximum\":250,\"multipleOf\":7"), {"105", "245"}, {"100", "98", "252", "106"}},
    {INTEGER("\"format\":\"int32\""), {"2147483647", "-2147483648"}, {"2147483648"}},
    {INTEGER("\"minimum\":0,\"exclusiveMinimum\":true"), {"1"}, {"0"}},
    {NUMBER("\"minimum\":0,\"maximum\":1"), {"0", "1", "0.5", "0.999999", "1.0"}, {"1.1", "-0.1", "1.000001", "2", "1e5"}},
    {NUMBER("\"exclusiveMinimum\":0"), {"0.000001", "5", "12.5"}, {"0", "0.0", "-1"}},
    {NUMBER("\"exclusiveMaximum\":0"), {"-0.000001", "-5"}, {"0", "-0", "-0.0", "1"}},
    {NUMBER("\"minimum\":-1.5,\"maximum\":2.25"), {"-1.5", "-1.25", "0", "2.25", "2.2", "2"}, {"-1.6", "2.26", "2.251", "-2", "3"}},
    {NUMBER("\"minimum\":0.125,\"exclusiveMaximum\":0.5"), {"0.125", "0.2", "0.4999"}, {"0.5", "0.50", "0.1", "0.12", "0"}},
    {NUMBER("\"multipleOf\":0.25"), {"0.25", "-1.5", "3", "2.50"}, {"0.3", "0.255"}},
    {NUMBER("\"multipleOf\":10"), {"20", "-10", "0"}, {"5", "15"}},
    {NAMES("\"patternProperties\":{\"^x-\":{\"type\":\"integer\"}},\"additionalProperties\":false"), {"{}", "{\"x-\":1,\"x-ab\":2}"}, {"{\"y\":1}", "{\"x-a\":null}"}},
    {NAMES("\"properties\":{\"xa\":{\"enum\":[1,\"s\"]}},\"patternProperties\":{\"^x\":{\"type\":\"integer\"},\"z$\":{\"minimum\":5}},\"additionalProperties\":{\"type\":\"null\"}"),
     {"{\"xa\":1,\"xb\":2,\"y\":null,\"xz\":5,\"z\":5}"}, {"{\"xa\":\"s\"}", "{\"xb\":null}", "{\"y\":1}", "{\"xz\":4}", "{\"z\":4}"}},
    {NAMES("\"propertyNames\":{\"pattern\":\"^[a-z]+$\",\"maxLength\":2}"), {"{\"a\":1,\"bc\":2}"}, {"{\"A\":1}", "{\"abc\":1}", "{\"\":1}"}},
    {NAMES("\"propertyNames\":{\"enum\":[\"a\",\"b\"]},\"additionalProperties\":{\"type\":\"integer\"}"), {"{\"b\":1}"}, {"{\"c\":1}"}},
};

static void test_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(more); i++) {
        struct tl_grammar *grammar = schema(more[i].text, 0);
        for (size_t k = 0; k < 8 && more[i].takes[k]; k++)
            if (!accepts(grammar, more[i].takes[k]))
                fail_msg("%s does not take %s", more[i].text, more[i].takes[k]);
        for (size_t k = 0; k < 8 && more[i].refuses[k]; k++)
            if (accepts(grammar, more[i].refuses[k]))
                fail_msg("%s takes %s", more[i].text, more[i].refuses[k]);
        tl_grammar_free(grammar);
    }
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(cases); i++) {
        struct tl_grammar *grammar = schema(cases[i].text, 0);
        for (size_t k = 0; k < 8 && cases[i].takes[k]; k++)
            if (!accepts(grammar, cases[i].takes[k]))
                fail_msg("%s does not take %s", cases[i].text, cases[i].takes[k]);
        for (size_t k = 0; k < 8 && cases[i].refuses[k]; k++)
            if (accepts(grammar, cases[i].refuses[k]))
                fail_msg("%s takes %s", cases[i].text, cases[i].refuses[k]);
        assert_string_equal(tl_grammar_dropped(grammar), "");
        tl_grammar_free(grammar);
    }
}

static const struct { const char *text, *said; } refused[] = {
    {"{\"type\":\"strin\"}", "schema: #/type: expected null, boolean"},
    {"{\"items\":[1]}", "#/items/0: expected a schema"},
    {"{\"items\":3}", "#/items: expected a schema"},
    {"{\"not\":{}}", "#/not: keyword not cannot be enforced here"},
    {"{\"properties\":{\"a\":{\"if\":{},\"then\":{}}}}", "#/properties/a/if: keyword if cannot be enforced here"},
    {"{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", "#/oneOf: keyword oneOf cannot be enforced here"},
    {"{\"oneOf\":[{\"properties\":{\"a\":{}}},{\"properties\":{\"b\":{}}}]}", "#/oneOf: keyword oneOf"},
    {PATTERN("(?=a)"), "#/pattern: keyword pattern"}, {PATTERN("(a"), "#/pattern"}, {PATTERN("\\\\bword"), "#/pattern"},
    {PATTERN("(a|b)*a(a|b){20}"), "#/pattern"}, {PATTERN("\\\\p{L}"), "#/pattern"}, {FORMAT("color"), "#/format: keyword format"},
    {NUMBER("\"multipleOf\":0.0000001"), "#/multipleOf"}, {INTEGER("\"minimum\":5,\"maximum\":4"), "no text of at most"},
    {"{\"type\":\"array\",\"uniqueItems\":true}", "keyword uniqueItems"},
    {"{\"$ref\":\"#/$defs/none\"}", "#/$ref: keyword $ref"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "no text of at most"},
    {"false", "no text of at most"},
    {"{\"enum\":[1],\"type\":\"string\"}", "no text of at most"},
    {"{\"minItems\":-1}", "expected a whole number, not negative"},
    {"{\"minItems\":5,\"maxItems\":2,\"type\":\"array\"}", "no text of at most"},
    {"{\"minLength\":5,\"maxLength\":2,\"type\":\"string\"}", "no text of at most"},
    {"{\"minLength\":5,\"maxLength\":2,\"pattern\":\"^a\"}", "no text of at most"},
    {"{\"minLength\":5,\"maxLength\":2,\"enum\":[\"a\",\"abcdef\"]}", "no text of at most"},
    {"{\"minProperties\":1,\"additionalProperties\":{},\"propertyNames\":{\"minLength\":5,\"maxLength\":2}}", "no text of at most"},
    {"{\"propertyNames\":{\"$ref\":\"#/$defs/ip\",\"maxLength\":1.5},\"$defs\":{\"ip\":{\"format\":\"ipv4\"}}}", "#/propertyNames/maxLength: expected a whole"},
    {"{\"minItems\":2000000}", "#/minItems: keyword minItems"}, {"{\"minItems\":1.5}", "expected a whole number"},
    {"{", "schema: schema: byte 1"},
    {"{} {}", "schema: schema: byte 3"},
    {"", "schema: schema: byte 0"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(refused); i++) {
        struct tl_grammar *grammar;
        int r = tl_grammar_from_schema("schema", refused[i].text, strlen(refused[i].text), 0, &grammar);
        if (r != TL_E_USAGE || !strstr(tl_error_text(), refused[i].said))
            fail_msg("%s: %d: %s", refused[i].text, r, r < 0 ? tl_error_text() : "taken");
    }
}

/* More alternatives than are compared are not taken to differ. */
static void test_many_alternatives(void **state)
{
    (void)state;
    for (int n = 256; n <= 257; n++) {
        struct tl_buffer text;
        struct tl_grammar *grammar;
        tl_buffer_init(&text, 0);
        for (int i = 0; i < n; i++)
            tl_buffer_printf(&text, "%s{\"const\":%d}", i ? "," : "{\"oneOf\":[", i);
        tl_buffer_printf(&text, "]}");
        int r = tl_grammar_from_schema("schema", text.data, text.len, 0, &grammar);
        assert_int_equal(r, n == 256 ? 0 : TL_E_USAGE);
        tl_buffer_done(&text);
        if (r >= 0)
            tl_grammar_free(grammar);
    }
    assert_non_null(strstr(tl_error_text(), "#/oneOf: keyword oneOf"));
}

static void test_loose(void **state)
{
    struct tl_grammar *grammar = schema("{\"type\":\"object\",\"not\":{\"required\":[\"x\"]},\"properties\":{\"a\":{\"type\":\"integer\",\"not\":{\"const\":3}},"
                                        "\"b\":{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}}}", TL_GRAMMAR_LOOSE);
    (void)state;
    assert_string_equal(tl_grammar_dropped(grammar), "not, oneOf");
    assert_true(accepts(grammar, "{\"a\":3,\"b\":1}"));
    assert_false(accepts(grammar, "{\"a\":\"\"}"));
    tl_grammar_free(grammar);
}

/* What agents get wrong widens the language of a tool, no more. */
static void test_careless(void **state)
{
    struct tl_grammar *grammar = schema("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"str\"},\"b\":{\"type\":\"string\",\"maxLength\":\"5\"},"
                                        "\"c\":{\"$ref\":\"http://x/y\"}},\"required\":[\"a\"]}", TL_GRAMMAR_LOOSE);
    (void)state;
    assert_string_equal(tl_grammar_dropped(grammar), "$ref, maxLength, type");
    assert_true(accepts(grammar, "{\"a\":\"x\",\"b\":\"long enough\",\"c\":[1]}"));
    assert_false(accepts(grammar, "{\"a\":\"x\",\"b\":1}"));
    tl_grammar_free(grammar);
}

static void test_any_json(void **state)
{
    struct tl_grammar *grammar;
    (void)state;
    must(tl_grammar_any_json(&grammar));
    assert_true(accepts(grammar, "{\"a\":[1,{\"b\":null}]}") && accepts(grammar, "{}") && !accepts(grammar, "[]"));
    tl_grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_more), cmocka_unit_test(test_refused), cmocka_unit_test(test_many_alternatives), cmocka_unit_test(test_loose), cmocka_unit_test(test_careless), cmocka_unit_test(test_any_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
