/* SPDX-License-Identifier: MIT */
/* Grammars are compiled once while they are kept: as many as the bounds of number and bytes allow, those used last first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "grammar/cache.h"
#include "must.h"
#include "small_vocab.h"

static struct tl_grammar_cache *cache;
static uint32_t n_made;

struct wish { uint32_t number; size_t n_bytes; };

static int make(const void *context, struct tl_grammar **ret_grammar)
{
    const struct wish *wish = context;
    struct tl_buffer text;
    n_made++;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "root ::= \"%u", wish->number);
    for (size_t i = 0; i < wish->n_bytes; i++)
        tl_buffer_append(&text, "x", 1);
    tl_buffer_append(&text, "\"", 1);
    int status = tl_grammar_from_gbnf("x", text.data, text.len, ret_grammar);
    tl_buffer_done(&text);
    return status;
}

static const struct tl_grammar *take(uint32_t number, size_t n_bytes)
{
    const struct tl_grammar *grammar = NULL;
    struct wish wish = {number, n_bytes};
    uint8_t key[TL_SHA256_BYTES];
    tl_sha256_of(&number, sizeof number, key);
    must(tl_grammar_cache_take(cache, key, make, &wish, &grammar));
    return grammar;
}

static void use(uint32_t number, size_t n_bytes) { tl_grammar_cache_give_back(cache, take(number, n_bytes)); }

/* So many different ones, one of which comes again and again, and one of which is in use. */
static void run(uint32_t n, size_t n_bytes, uint32_t most_kept)
{
    must(tl_grammar_cache_new(&cache));
    const struct tl_grammar *held = take(n, n_bytes);
    n_made = 0;
    for (uint32_t i = 0; i < n; i++) {
        use(i, n_bytes);
        use(0, n_bytes);
    }
    assert_int_equal(n_made, n);                     /* 0 but once */
    assert_ptr_equal(take(n, n_bytes), held);
    use(n - 1, n_bytes);
    assert_int_equal(n_made, n);
    for (uint32_t i = n; i-- > 1;)                   /* the last ones are found before others push them out */
        use(i, n_bytes);
    assert_in_range(n_made, 2 * n - most_kept, 2 * n - 1);
    tl_grammar_cache_give_back(cache, held);
    tl_grammar_cache_give_back(cache, held);
    tl_grammar_cache_give_back(cache, NULL);
    tl_grammar_cache_free(cache);
}

static void test_bounds(void **state)
{
    (void)state;
    run(600, 4, 512);
    run(60, 60000, 59);                              /* some megabytes each */
}

/* The shortest text is measured once: behind that nothing is allocated. */
static void test_least(void **state)
{
    uint32_t least = 0, again = 0;
    struct tl_tokenizer *tokenizer = small_vocab();
    struct tl_trie *trie;
    (void)state;
    must(tl_grammar_cache_new(&cache));
    must(tl_trie_new(tokenizer, &trie));
    for (uint32_t n_bytes = 0; n_bytes < 5; n_bytes += 4) {
        const struct tl_grammar *grammar = take(n_bytes, n_bytes), *other = take(5, 0);
        struct tl_matcher *matcher;
        tl_memory_fail_after(0);
        assert_int_equal(tl_grammar_cache_least(cache, grammar, trie, &least), TL_E_NOMEM);
        tl_memory_fail_after(-1);
        must(tl_grammar_cache_least(cache, grammar, trie, &least));
        must(tl_matcher_new(grammar, trie, &matcher));
        assert_int_equal(least, tl_matcher_least(matcher));
        tl_matcher_free(matcher);
        tl_memory_fail_after(0);
        must(tl_grammar_cache_least(cache, grammar, trie, &again));
        tl_memory_fail_after(-1);
        assert_int_equal(again, least);
        tl_grammar_cache_give_back(cache, other);
        tl_grammar_cache_give_back(cache, grammar);
    }
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
    tl_grammar_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bounds), cmocka_unit_test(test_least)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
