/* SPDX-License-Identifier: MIT */
/* Real vocabularies: the peer's ggml-vocab-NAME.gguf with its tests (.inp, separated by a marker line) and the ids that each
 * must give (.out, a line each). Skips where tool/fetch-peer-material has not been run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "text/tokenizer.h"

#define MARKER "\n__ggml_vocab_test__\n"

/* `exact`: every text comes back from its ids as it was. */
static const struct vocab { const char *name; bool exact; } vocabs[] = {
    {"gpt-2", true}, {"llama-bpe", true}, {"llama-spm", true}, {"qwen2", true}, {"qwen35", true}, {"gemma-4", true},
    {"deepseek-llm", true}, {"deepseek-coder", true}, {"command-r", true}, {"falcon", true}, {"mpt", true}, {"refact", true},
    {"starcoder", true}, {"phi-3", true},
};
/* Kinds that are refused, by their names. */
static const char *const refused[][2] = {{"bert-bge", "'bert'"}, {"nomic-bert-moe", "'t5'"}};

static char folder[512];

static void open_vocab(const char *name, struct tl_modelfile **ret_file)
{
    char path[700];
    snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf", folder, name);
    if (tl_modelfile_open(path, ret_file) < 0)
        fail_msg("%s", tl_error_text());
}

static char *read_text(const char *name, const char *ending)
{
    char path[700], *text;
    size_t n;
    snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf.%s", folder, name, ending);
    assert_int_equal(tl_file_slurp(path, 1 << 24, &text, &n), 0);
    return text;
}

static void check_line(const struct vocab *vocab, const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes, const char *line,
                       const char *line_end)
{
    int32_t *ids;
    size_t count, n = 0, n_back;
    char *back;
    assert_int_equal(tl_tokenizer_encode(tokenizer, text, n_bytes, 0, &ids, &count), 0);
    for (char *end; line < line_end; line = end, n++) {
        long id = strtol(line, &end, 10);
        if (end == line || end > line_end)
            break;
        if (n >= count || ids[n] != id)
            fail_msg("%s: '%.*s': id %zu is %d, expected %ld", vocab->name, (int)n_bytes, text, n, n < count ? ids[n] : -1, id);
    }
    if (n != count)
        fail_msg("%s: '%.*s': %zu ids, expected %zu", vocab->name, (int)n_bytes, text, count, n);
    assert_int_equal(tl_tokenizer_decode(tokenizer, ids, count, false, &back, &n_back), 0);
    if (vocab->exact && (n_back != n_bytes || memcmp(back, text, n_bytes) != 0))
        fail_msg("%s: '%.*s' comes back as '%s'", vocab->name, (int)n_bytes, text, back);
    tl_free(back);
    tl_free(ids);
}

static void check_vocab(const struct vocab *vocab)
{
    struct tl_modelfile *file;
    struct tl_tokenizer *tokenizer;
    char *texts = read_text(vocab->name, "inp"), *lines = read_text(vocab->name, "out");
    size_t n = 0;
    open_vocab(vocab->name, &file);
    if (tl_tokenizer_new(file, &tokenizer) < 0)
        fail_msg("%s", tl_error_text());
    tl_modelfile_close(file);
    for (const char *text = texts, *line = lines; *line && text; n++) {
        const char *text_end = strstr(text, MARKER), *line_end = strchrnul(line, '\n');
        check_line(vocab, tokenizer, text, text_end ? (size_t)(text_end - text) : strlen(text), line, line_end);
        text = text_end ? text_end + strlen(MARKER) : NULL;
        line = *line_end ? line_end + 1 : line_end;
    }
    print_message("%s: %zu lines\n", vocab->name, n);
    assert_true(n >= 46);
    tl_tokenizer_free(tokenizer);
    tl_free(texts);
    tl_free(lines);
}

static void all_vocabs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vocabs / sizeof *vocabs; i++)
        check_vocab(&vocabs[i]);
}

static void refused_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct tl_modelfile *file;
        struct tl_tokenizer *tokenizer = NULL;
        open_vocab(refused[i][0], &file);
        assert_int_equal(tl_tokenizer_new(file, &tokenizer), TL_E_FILE);
        assert_null(tokenizer);
        assert_non_null(strstr(tl_error_text(), refused[i][1]));
        tl_modelfile_close(file);
    }
}

int main(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char probe[600];
    if (cache)
        snprintf(folder, sizeof folder, "%.400s/trill/peer-material", cache);
    else
        snprintf(folder, sizeof folder, "%.400s/.cache/trill/peer-material", home ? home : "");
    snprintf(probe, sizeof probe, "%s/ggml-vocab-gpt-2.gguf", folder);
    if (access(probe, R_OK) != 0) {
        printf("%s is not there: run tool/fetch-peer-material\n", probe);
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_vocabs), cmocka_unit_test(refused_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
