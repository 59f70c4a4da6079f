/* SPDX-License-Identifier: MIT */
/* Answers by drawing at random among what a grammar allows, with the vocabulary of a model of the golden tests. Without arguments: every
 * schema of tests/grammar ends in JSON, with as few tokens as there must be and with many. For test_schemas.py, which holds answers against
 * their schemas:  SCHEMA SEED COUNT  prints so many answers, a line each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "grammar/grammar.h"
#include "must.h"

enum { WORDS = 1 << 12 };

static struct tl_tokenizer *tokenizer;
static struct tl_trie *trie;
static uint64_t draws = 1;

static uint32_t draw(uint32_t below)
{
    draws = draws * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((draws >> 33) % below);
}

static int32_t pick(const uint64_t *allowed, uint32_t n_words)
{
    uint32_t n = 0, at;
    for (uint32_t i = 0; i < n_words; i++)
        n += (uint32_t)__builtin_popcountll(allowed[i]);
    if (n == 0)
        return -1;
    at = draw(n);
    for (uint32_t i = 0; i < n_words; i++)
        for (uint64_t bits = allowed[i]; bits; bits &= bits - 1)
            if (at-- == 0)
                return (int32_t)(64 * i + (uint32_t)__builtin_ctzll(bits));
    return -1;
}

/* An answer of at most least + more tokens; false where it is not whole. */
static bool answer(const struct tl_grammar *grammar, uint32_t more, struct tl_buffer *text)
{
    static uint64_t allowed[WORDS];
    uint32_t n_words = (tl_tokenizer_size(tokenizer) + 63) / 64;
    struct tl_matcher *matcher;
    must(tl_matcher_new(grammar, trie, &matcher));
    tl_buffer_clear(text);
    for (uint32_t left = tl_matcher_least(matcher) + more; left > 0 && !tl_matcher_must_end(matcher); left--) {
        const char *bytes;
        size_t n_bytes;
        must(tl_matcher_allow(matcher, left, allowed));
        int32_t id = pick(allowed, n_words);
        if (id < 0 || tl_tokenizer_ends(tokenizer, id))
            break;
        must(tl_matcher_take(matcher, id));
        must(tl_tokenizer_piece(tokenizer, id, false, &bytes, &n_bytes));
        must(tl_buffer_append(text, bytes, n_bytes));
    }
    bool whole = tl_matcher_may_end(matcher);
    tl_matcher_free(matcher);
    return whole;
}

static void read_schema(const char *path, struct tl_grammar **ret_grammar)
{
    char *text;
    size_t n;
    must(tl_file_slurp(path, 1 << 24, &text, &n));
    must(tl_grammar_from_schema(path, text, n, strstr(path, "/tools/") ? TL_GRAMMAR_LOOSE : 0, ret_grammar));
    tl_free(text);
}

static bool is_json(const struct tl_buffer *text)
{
    struct tl_json json;
    tl_json_init(&json, "answer", text->data, text->len);
    bool good = tl_json_next(&json) > 0 && tl_json_skip(&json) >= 0 && tl_json_next(&json) == TL_JSON_END;
    tl_json_done(&json);
    return good;
}

static void check_schema(const char *path)
{
    struct tl_grammar *grammar;
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    read_schema(path, &grammar);
    for (uint32_t more = 0; more < 100; more = more < 8 ? more + 1 : more * 3)
        if (!answer(grammar, more, &text) || !is_json(&text))
            fail_msg("%s with %u tokens more than must be: %s", path, more, text.data);
    tl_buffer_done(&text);
    tl_grammar_free(grammar);
}

static void test_schemas(void **state)
{
    static const char *const folders[] = {"tests/grammar/schemas", "tests/grammar/tools"};
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        DIR *folder = opendir(folders[i]);
        assert_non_null(folder);
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", folders[i], entry->d_name);
            if (strstr(path, ".json")) {
                check_schema(path);
                n++;
            }
        }
        closedir(folder);
    }
    assert_true(n >= 50);
}

static void print_answers(const char *path, uint64_t seed, unsigned count)
{
    struct tl_grammar *grammar;
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    read_schema(path, &grammar);
    draws = seed;
    for (unsigned i = 0; i < count; i++) {
        answer(grammar, i * 3, &text);
        printf("%s\n", text.data);
    }
    tl_buffer_done(&text);
    tl_grammar_free(grammar);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schemas)};
    struct tl_modelfile *file;
    if (tl_modelfile_open("tests/golden/llama/model.gguf", &file) < 0 || tl_tokenizer_new(file, &tokenizer) < 0 || tl_trie_new(tokenizer, &trie) < 0) {
        fprintf(stderr, "%s\n", tl_error_text());
        return 1;
    }
    int r = 0;
    if (argc == 4)
        print_answers(argv[1], strtoull(argv[2], NULL, 10), (unsigned)atoi(argv[3]));
    else
        r = cmocka_run_group_tests(tests, NULL, NULL);
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
    tl_modelfile_close(file);
    return r;
}
