/* SPDX-License-Identifier: MIT */
/* Grammars that are compiled once: the same text finds the same one, those in use stay however many come, a failure leaves
 * nothing behind, and threads may ask at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/language.h"
#include "golden_file.h"
#include "must.h"

static struct tl_engine *engine;

static int open_engine(void **state)
{
    struct tl_engine_options options = {.vocabulary_only = true};
    (void)state;
    return tl_engine_open(golden_file("llama/model.gguf"), &options, &engine);
}

static int close_engine(void **state)
{
    (void)state;
    tl_engine_close(engine);
    return 0;
}

static const struct tl_grammar *take(int number)
{
    const struct tl_grammar *grammar = NULL;
    char text[60];
    int n = snprintf(text, sizeof(text), "root ::= \"%d\" [a-z]+", number);
    must(tl_language_take(engine, TL_LANGUAGE_GBNF, "grammar", text, (size_t)n, &grammar));
    return grammar;
}

static void test_kept(void **state)
{
    (void)state;
    const struct tl_grammar *first = take(-1);
    for (int i = 0; i < 100; i++)
        tl_language_give_back(engine, take(i));
    const struct tl_grammar *again = take(-1), *last = take(99);
    assert_ptr_equal(again, first);
    char *text;
    size_t n_bytes;
    must(tl_grammar_shortest(first, &text, &n_bytes));
    assert_int_equal(n_bytes, 3);
    tl_free(text);
    tl_language_give_back(engine, first);
    tl_language_give_back(engine, again);
    tl_language_give_back(engine, last);
    assert_ptr_equal(take(99), last);    /* given back, and still there */
    tl_language_give_back(engine, last);
    tl_language_give_back(engine, NULL);
}

/* A schema and a grammar of the same text are two languages. */
static void test_kinds(void **state)
{
    const struct tl_grammar *any = NULL, *schema = NULL, *none = NULL;
    (void)state;
    must(tl_language_take(engine, TL_LANGUAGE_ANY_JSON, "x", NULL, 0, &any));
    must(tl_language_take(engine, TL_LANGUAGE_SCHEMA, "x", "true", 4, &schema));
    assert_ptr_not_equal(any, schema);
    assert_true(tl_language_take(engine, TL_LANGUAGE_GBNF, "x", "true", 4, &none) < 0);
    assert_true(tl_language_take(engine, TL_LANGUAGE_SCHEMA, "x", "{", 1, &none) < 0);
    assert_null(none);
    tl_language_give_back(engine, any);
    tl_language_give_back(engine, schema);
}

static void test_no_memory(void **state)
{
    int status = TL_E_NOMEM;
    (void)state;
    for (long n = 0; status < 0; n++) {
        const struct tl_grammar *grammar = NULL;
        tl_memory_fail_after(n);
        status = tl_language_take(engine, TL_LANGUAGE_GBNF, "x", "root ::= [x]{3}", 15, &grammar);
        tl_memory_fail_after(-1);
        tl_language_give_back(engine, grammar);
        assert_true(n < 10000);
    }
}

static void *work(void *context)
{
    for (int i = 0; i < 300; i++) {
        const struct tl_trie *trie = NULL;
        const struct tl_grammar *grammar = take(i % 40);
        struct tl_fence *fence;
        if (tl_language_trie(engine, &trie) < 0 || tl_fence_new(engine, grammar, &fence) < 0)
            return context;
        tl_fence_free(fence);
        tl_language_give_back(engine, grammar);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, engine);
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept), cmocka_unit_test(test_kinds), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
