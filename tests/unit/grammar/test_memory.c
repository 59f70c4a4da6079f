/* SPDX-License-Identifier: MIT */
/* Memory runs out at every allocation in turn: compiling, joining and matching fail with a sentence, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/grammar.h"
#include "must.h"
#include "small_vocab.h"

static const char gbnf_text[] = "root ::= (a | \"x\"){3,20} [^a-z\\n]*\na ::= \"(\" a \")\" | \"y\"";
static const char schema_text[] =
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^a+|b$\",\"maxLength\":5},\"b\":{\"type\":\"integer\",\"minimum\":3},"
    "\"c\":{\"type\":\"array\",\"items\":{\"enum\":[1,2]},\"uniqueItems\":true},\"d\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}},\"required\":[\"a\"],"
    "\"patternProperties\":{\"^x\":{}},\"additionalProperties\":{\"not\":{}}}";

static int match(const struct tl_grammar *grammar, const struct tl_trie *trie)
{
    uint64_t allowed[8];
    int32_t ids[4];
    struct tl_matcher *matcher;
    int r = tl_matcher_new(grammar, trie, &matcher);
    if (r < 0)
        return r;
    for (int i = 0; i < 3 && r >= 0; i++) {
        r = tl_matcher_allow(matcher, i == 1 ? tl_matcher_least(matcher) + 2 : UINT32_MAX, allowed);
        uint32_t n = r < 0 ? 0 : tl_matcher_forced(matcher, ids, 4);
        if (n > 0)
            r = tl_matcher_take(matcher, ids[0]);
    }
    tl_matcher_free(matcher);
    return r;
}

static int attempt(const struct tl_tokenizer *tokenizer)
{
    struct tl_grammar *a = NULL, *b = NULL, *both = NULL;
    struct tl_trie *trie = NULL;
    char *text = NULL;
    size_t n;
    int r = tl_grammar_from_gbnf("grammar", gbnf_text, sizeof gbnf_text - 1, &a);
    if (r >= 0)
        r = tl_grammar_from_schema("schema", schema_text, sizeof schema_text - 1, TL_GRAMMAR_LOOSE, &b);
    if (r >= 0)
        r = tl_grammar_join((const struct tl_grammar_part[]){{NULL, 0, b}, {" ", 1, NULL}, {NULL, 0, a}}, 3, &both);
    if (r >= 0)
        r = tl_grammar_shortest(both, &text, &n);
    if (r >= 0)
        r = tl_trie_new(tokenizer, &trie);
    if (r >= 0)
        r = match(both, trie);
    tl_free(text);
    tl_trie_free(trie);
    tl_grammar_free(a);
    tl_grammar_free(b);
    tl_grammar_free(both);
    return r;
}

static void test_every_allocation(void **state)
{
    struct tl_tokenizer *tokenizer = small_vocab();
    long failed = 0;
    (void)state;
    must(attempt(tokenizer));
    for (long n = 0;; n++) {
        tl_memory_fail_after(n);
        int r = attempt(tokenizer);
        tl_memory_fail_after(-1);
        if (r >= 0)
            break;
        if (r != TL_E_NOMEM)
            fail_msg("allocation %ld: %d: %s", n, r, tl_error_text());
        failed++;
    }
    assert_true(failed > 100);
    tl_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
