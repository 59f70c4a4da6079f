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
    {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],\"$schema\":\"s\",\"x-more\":{\"type\":\"null\"},\"type\":\"integer\"}", {"1"}, {"null"}},
};

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
    {"{\"$ref\":\"#/$defs/none\"}", "#/$ref: keyword $ref"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "no text of at most"},
    {"false", "no text of at most"},
    {"{\"enum\":[1],\"type\":\"string\"}", "no text of at most"},
    {"{\"minItems\":-1}", "expected a whole number, not negative"},
    {"{\"minItems\":5,\"maxItems\":2,\"type\":\"array\"}", "no text of at most"},
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_refused), cmocka_unit_test(test_loose), cmocka_unit_test(test_any_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
