/* SPDX-License-Identifier: MIT */
/* Vocabularies that are wrong: one sentence with the file, what was found and what was expected; nothing leaks, whichever
 * allocation fails. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "golden_file.h"
#include "text/merges.h"
#include "text/vocab.h"
#include "vocab_file.h"

/* --- tokenizer.json ------------------------------------------------------------------------------------------------------- */

#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"
#define PRE(part) "{\"pre_tokenizer\":" part "," MODEL "}"
#define NORM(part) "{\"normalizer\":" part "," MODEL "}"
#define POST(part) "{\"post_processor\":" part "," MODEL "}"
#define DEC(part) "{\"decoder\":" part "," MODEL "}"
#define ADDED(part) "{\"added_tokens\":" part "," MODEL "}"

static const struct { const char *json, *words; } refusals[] = {
    {"", "byte 0"}, {"[]", "an object"}, {"{}", "model.vocab is missing"}, {"{\"model\":null}", "the model, an object"},
    {"{" MODEL, "byte"}, {"{" MODEL "}x", "the end"}, {"{" MODEL "," MODEL "}", "one object of names"},
    {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1.0]]}}", "Unigram is not supported"},
    {"{\"model\":{\"vocab\":[[\"a\",-1.0]]}}", "Unigram is not supported"},
    {"{\"model\":{\"type\":\"WordPiece\"}}", "WordPiece is not supported"}, {"{\"model\":{\"type\":7}}", "the model's type"},
    {"{\"model\":{" VOCAB "}}", "model.merges is missing"}, {"{\"model\":{\"merges\":[]}}", "model.vocab is missing"},
    {"{\"model\":{" VOCAB ",\"merges\":[],\"merges\":[]}}", "one list of merges"}, {"{\"model\":{" VOCAB ",\"merges\":{}}}", "a list of merges"},
    {"{\"model\":{" VOCAB ",\"merges\":[1]}}", "a merge"}, {"{\"model\":{" VOCAB ",\"merges\":[\"ab\"]}}", "found 'ab'"},
    {"{\"model\":{" VOCAB ",\"merges\":[\" b\"]}}", "found ' b'"}, {"{\"model\":{" VOCAB ",\"merges\":[\"a \"]}}", "found 'a '"},
    {"{\"model\":{" VOCAB ",\"merges\":[\"a b c\"]}}", "one blank"}, {"{\"model\":{" VOCAB ",\"merges\":[[\"a\"]]}}", "a pair"},
    {"{\"model\":{" VOCAB ",\"merges\":[[\"a\",\"b\",\"c\"]]}}", "end of a pair"}, {"{\"model\":{" VOCAB ",\"merges\":[[\"a\",1]]}}", "a pair"},
    {"{\"model\":{" VOCAB ",\"merges\":[\"a c\"]}}", "names 'c', which is no token"},
    {"{\"model\":{" VOCAB ",\"merges\":[\"a a\"]}}", "makes 'aa', which is no token"},
    {"{\"model\":{" VOCAB ",\"merges\":[\"a b\",\"a b\"]}}", "merge 1 repeats 'a' + 'b'"},
    {"{\"model\":{" VOCAB ",\"merges\":[[\"\",\"a\"]]}}", "names ''"}, {"{\"model\":{\"merges\":[\"a c\"]," VOCAB "}}", "names 'c'"},
    {"{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "tokens 0 and 1 are both 'a'"},
    {"{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "id 0 belongs to 'a' and to 'b'"},
    {"{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "found -1, expected an id"},
    {"{\"model\":{\"vocab\":{\"a\":4000000000},\"merges\":[]}}", "found 4000000000"},
    {"{\"model\":{\"vocab\":{\"a\":99999999999999999999},\"merges\":[]}}", "expected an id"},
    {"{\"model\":{\"vocab\":{\"a\":1000},\"merges\":[]}}", "expected an id below"}, {"{\"model\":{\"vocab\":{\"a\":\"x\"},\"merges\":[]}}", "no number"},
    {"{\"model\":{\"vocab\":{\"a\":1.5},\"merges\":[]}}", "found 1.5"}, {"{\"model\":{\"vocab\":7,\"merges\":[]}}", "one object"},
    {"{\"model\":{\"dropout\":0.1," VOCAB ",\"merges\":[]}}", "dropout is not supported"},
    {"{\"model\":{\"continuing_subword_prefix\":\"##\"," VOCAB ",\"merges\":[]}}", "continuing_subword_prefix is not supported"},
    {"{\"model\":{\"end_of_word_suffix\":\"</w>\"," VOCAB ",\"merges\":[]}}", "end_of_word_suffix is not supported"},
    {"{\"model\":{\"unk_token\":\"?\"," VOCAB ",\"merges\":[]}}", "unk_token '?' is no token"}, {"{\"model\":{\"unk_token\":1}}", "a string or null"},
    {"{\"model\":{\"byte_fallback\":1}}", "true or false"},
    {PRE("{\"type\":\"BertPreTokenizer\"}"), "pre_tokenizer: BertPreTokenizer is not supported"}, {PRE("{}"), "a value without a type"},
    {PRE("7"), "a value without a type"}, {PRE("{\"type\":\"UnicodeScripts\"}"), "UnicodeScripts"},
    {PRE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Nope\"}]}"), "Nope"}, {PRE("{\"type\":\"Split\"}"), "Split without a pattern"},
    {PRE("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}"), "regular expression"},
    {PRE("{\"type\":\"Split\",\"pattern\":{\"Regex\":7},\"behavior\":\"Isolated\"}"), "without a pattern"},
    {PRE("{\"type\":\"Split\",\"pattern\":{\"String\":\"x\"},\"behavior\":\"Sideways\"}"), "Sideways"},
    {PRE("{\"type\":\"Metaspace\",\"replacement\":\"_\"}"), "replacement"},
    {PRE("{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"maybe\"}"), "maybe"},
    {PRE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"ByteLevel\"}]}"), "a second ByteLevel"},
    {PRE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Metaspace\",\"replacement\":\"\u2581\"}]}"), "behind ByteLevel"},
    {NORM("{\"type\":\"Precompiled\"}"), "normalizer: Precompiled is not supported"}, {NORM("{\"type\":\"BertNormalizer\"}"), "BertNormalizer"},
    {NORM("{\"type\":\"Replace\",\"content\":\"x\"}"), "Replace without a pattern"},
    {NORM("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Nmt\"}]}"), "Nmt"},
    {POST("{\"type\":\"Nope\"}"), "post_processor: Nope"}, {POST("{\"type\":\"TemplateProcessing\"}"), "without a list"},
    {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}]}"), "names 'x', which is no token"},
    {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},{\"Sequence\":{\"id\":\"A\"}}]}"), "one text"},
    {POST("{\"type\":\"TemplateProcessing\",\"single\":[7]}"), "another item"}, {POST("{\"type\":\"BertProcessing\",\"cls\":[\"a\",0]}"), "is no token"},
    {DEC("{\"type\":\"CTC\"}"), "decoder: CTC is not supported"}, {DEC("{\"type\":\"ByteLevel\"}"), "does not undo"},
    {DEC("{\"type\":\"Strip\",\"content\":\" \",\"start\":2,\"stop\":0}"), "one leading blank"},
    {DEC("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"b\"}"), "Replace of anything but"},
    {ADDED("{}"), "a list of added tokens"}, {ADDED("[7]"), "an added token"}, {ADDED("[{}]"), "lacks its id or content"},
    {ADDED("[{\"id\":1}]"), "lacks its id or content"}, {ADDED("[{\"content\":\"x\"}]"), "lacks its id or content"},
    {ADDED("[{\"id\":0,\"content\":\"x\"}]"), "id 0 belongs to 'a' and to 'x'"}, {ADDED("[{\"id\":5,\"content\":\"a\"}]"), "has id 5, in the vocabulary it has 0"},
    {ADDED("[{\"id\":16000000,\"content\":\"x\"}]"), "too far"}, {ADDED("[{\"id\":99999999,\"content\":\"x\"}]"), "an integer from 0"},
    {ADDED("[{\"id\":3,\"content\":7}]"), "the token's text"}, {ADDED("[{\"id\":3,\"content\":\"x\",\"special\":1}]"), "true"},
};

static void json_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct tl_tokenizer *tokenizer = NULL;
        int r = tl_tokenizer_new_text("FILE.json", refusals[i].json, strlen(refusals[i].json), &tokenizer);
        if (r != TL_E_FILE || !strstr(tl_error_text(), refusals[i].words))
            fail_msg("%s: %d, '%s', expected '%s'", refusals[i].json, r, r < 0 ? tl_error_text() : "built", refusals[i].words);
        assert_null(tokenizer);
    }
}

/* Every prefix of a good file is refused, and none reads past its end. */
static void json_cut_short(void **state)
{
    (void)state;
    static const char good[] = ADDED("[{\"id\":3,\"content\":\"<x>\",\"special\":true,\"lstrip\":true}],\"normalizer\":{\"type\":\"NFC\"},"
                                     "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"Isolated\"}");
    struct tl_tokenizer *tokenizer = NULL;
    assert_int_equal(tl_tokenizer_new_text("FILE.json", good, sizeof good - 1, &tokenizer), 0);
    tl_tokenizer_free(tokenizer);
    for (size_t n = 0; n + 1 < sizeof good; n++) {
        char *part = malloc(n ? n : 1);
        memcpy(part, good, n);
        tokenizer = NULL;
        assert_int_equal(tl_tokenizer_new_text("FILE.json", part, n, &tokenizer), TL_E_FILE);
        assert_null(tokenizer);
        free(part);
    }
}

/* Not even merges make a control token of typed text. */
static void no_merge_makes_control(void **state)
{
    (void)state;
    static const char json[] = ADDED("[{\"id\":2,\"content\":\"ab\",\"special\":true}]");
    struct tl_tokenizer *t = NULL;
    assert_int_equal(tl_tokenizer_new_text("FILE.json", json, sizeof json - 1, &t), 0);
    EXPECT_IDS(t, 0, "aaba", 0, 0, 1, 0);
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "aab", 0, 2);
    tl_tokenizer_free(t);
}

/* --- GGUF ------------------------------------------------------------------------------------------------------------------- */

static void refuse(const struct vocab_file *file, const char *words)
{
    struct tl_tokenizer *tokenizer = NULL;
    int r = vocab_file_load(file, &tokenizer);
    if (r != TL_E_FILE || !strstr(tl_error_text(), words))
        fail_msg("%d, '%s', expected '%s'", r, r < 0 ? tl_error_text() : "built", words);
    assert_null(tokenizer);
}

#define T "tokenizer.ggml."

/* What goes wrong with the small SentencePiece vocabulary when one array or value is another. */
static void gguf_is_refused(void **state)
{
    (void)state;
    static const char *const abc[] = {"a", "b", "ab"}, *const twins[] = {"a", "b", "a"}, *const joined[] = {"a b"}, *const no_blank[] = {"ab"};
    static const char *const unknown_left[] = {"c b"}, *const unknown_result[] = {"b a"}, *const twice[] = {"a b", "a b"};
    static const int32_t types[] = {1, 1, 1}, bad_types[] = {1, 9, 1};
    static const float scores[] = {1, 2, 3}, bad_scores[] = {1, NAN, 3}, infinite[] = {1, 2, INFINITY};
    for (int which = 0; which < 26; which++) {
        static const char *const words[] = {
            "key " T "model is missing", "tokenizer 'rwkv' is not supported", "key " T "tokens is missing", "key " T "scores is missing",
            "key " T "token_type has 2 elements, expected one for each of 3 tokens", "token 1 has type 9", "key " T "scores has 2 elements",
            "finite", "finite", "tokens 0 and 2 are both 'a'", "key " T "bos_token_id", "key " T "add_bos_token: found true",
            "remove_extra_whitespaces", "precompiled_charsmap", "key " T "merges is missing", "expected two names", "names 'c'", "makes 'ba'",
            "repeats", "pre-tokenizer 'nobody' is not supported", "expected an array", "key " T "model", "key " T "tokens", "key " T "pre",
            "key " T "merges", "key " T "tokens has 0 elements",
        };
        struct vocab_file file;
        bool bpe = which >= 14 && which <= 19;
        vocab_file_begin(&file);
        if (which == 21)
            vocab_file_u32(&file, T "model", 1);
        else if (which != 0)
            vocab_file_text(&file, T "model", which == 1 ? "rwkv" : bpe || which >= 23 ? "gpt2" : "llama");
        if (which == 20)
            vocab_file_u32(&file, T "tokens", 3);
        else if (which == 22)
            vocab_file_i32s(&file, T "tokens", types, 3);
        else if (which != 2)
            vocab_file_texts(&file, T "tokens", which == 9 ? twins : abc, which == 25 ? 0 : 3);
        if (which != 25)
            vocab_file_i32s(&file, T "token_type", which == 5 ? bad_types : types, which == 4 ? 2 : 3);
        if (which != 3 && which != 25)
            vocab_file_f32s(&file, T "scores", which == 7 ? bad_scores : which == 8 ? infinite : scores, which == 6 ? 2 : 3);
        if (which == 10)
            vocab_file_u32(&file, T "bos_token_id", 3);
        if (which == 11)
            vocab_file_bool(&file, T "add_bos_token", 1);
        if (which == 12)
            vocab_file_bool(&file, T "remove_extra_whitespaces", 1);
        if (which == 13)
            vocab_file_i32s(&file, T "precompiled_charsmap", types, 3);
        if (which >= 15 && which != 24)
            vocab_file_texts(&file, T "merges", which == 15 ? no_blank : which == 16 ? unknown_left : which == 17 ? unknown_result :
                             which == 18 ? twice : joined, which == 18 ? 2 : 1);
        if (which == 19)
            vocab_file_text(&file, T "pre", "nobody");
        if (which == 23)
            vocab_file_u32(&file, T "pre", 1);
        if (which == 24)
            vocab_file_i32s(&file, T "merges", types, 3);
        refuse(&file, words[which]);
        vocab_file_done(&file);
    }
}

static void long_names(void **state)
{
    (void)state;
    char *name = malloc(TL_TOKEN_MAX_BYTES + 2);
    memset(name, 'a', TL_TOKEN_MAX_BYTES + 1);
    name[TL_TOKEN_MAX_BYTES + 1] = 0;
    for (int control = 0; control < 2; control++) {
        const char *tokens[] = {"a", name};
        const int32_t types[] = {1, control ? 3 : 1};
        struct vocab_file file;
        vocab_file_begin(&file);
        vocab_file_text(&file, T "model", "gpt2");
        vocab_file_texts(&file, T "tokens", tokens, 2);
        vocab_file_i32s(&file, T "token_type", types, 2);
        vocab_file_texts(&file, T "merges", NULL, 0);
        refuse(&file, "token 1 of 16385 bytes");
        vocab_file_done(&file);
    }
    free(name);
}

/* Tokens a, aa, aaa ... with scores that make every merge possible: still n log n, and no loop. */
static void chains(void **state)
{
    (void)state;
    enum { N = 600, TEXT = 200000 };
    static char names[N][N + 1];
    static const char *tokens[N];
    static float scores[N];
    for (int i = 0; i < N; i++) {
        memset(names[i], 'a', (size_t)i + 1);
        tokens[i] = names[i];
        scores[i] = (float)(i % 7);
    }
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, T "model", "llama");
    vocab_file_texts(&file, T "tokens", tokens, N);
    vocab_file_f32s(&file, T "scores", scores, N);
    vocab_file_bool(&file, T "add_space_prefix", 0);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    char *text = malloc(TEXT);
    memset(text, 'a', TEXT);
    expect_same(t, text, TEXT);
    free(text);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

/* --- tables ------------------------------------------------------------------------------------------------------------------- */

/* Many names and merges, in any order of ids, are found again; tables grow under them. */
static void tables_hold_what_is_put_in(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct tl_vocab vocab;
    struct tl_merges merges;
    char name[32];
    tl_vocab_init(&vocab);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t id = (i * 7919) % N;
        int n = snprintf(name, sizeof name, "%u", id);
        assert_int_equal(tl_vocab_add(&vocab, "test", id, name, (size_t)n, TL_TOKEN_NORMAL), 0);
    }
    assert_int_equal(vocab.count, N);
    assert_int_equal(tl_merges_reserve(&merges, 0), 0);
    uint32_t added = 0;
    for (uint32_t i = 10; i < N; i++) {
        int n = snprintf(name, sizeof name, "%u", i);
        assert_int_equal(tl_vocab_find(&vocab, name, (size_t)n), i);
        struct tl_merge_text merge = {{name, 1}, {name + 1, (size_t)n - 1}};
        if (tl_vocab_find(&vocab, name + 1, (size_t)n - 1) >= 0) {
            assert_int_equal(tl_merges_add(&merges, &vocab, "test", &merge, 1), 0);
            added++;
        }
    }
    assert_int_equal(merges.count, added);
    for (uint32_t i = 10, rank = 0; i < N; i++) {
        int n = snprintf(name, sizeof name, "%u", i);
        int32_t left = tl_vocab_find(&vocab, name, 1), right = tl_vocab_find(&vocab, name + 1, (size_t)n - 1);
        const struct tl_merge *merge = right >= 0 ? tl_merges_find(&merges, left, right) : NULL;
        assert_true((merge != NULL) == (right >= 0));
        if (merge) {
            assert_int_equal(merge->id, i);
            assert_int_equal(merge->rank, rank++);
        }
    }
    assert_null(tl_merges_find(&merges, 0, N - 1));
    assert_int_equal(tl_vocab_find(&vocab, "nobody", 6), -1);
    tl_merges_done(&merges);
    tl_vocab_done(&vocab);
}

/* --- memory ------------------------------------------------------------------------------------------------------------------- */

static int encode_and_decode(const struct tl_tokenizer *t)
{
    static const char text[] = " e\u0301<x> a\xFF" "b ab  Abc \u4f60<b>";
    int32_t *ids = NULL;
    size_t count = 0, n;
    char *back = NULL;
    struct tl_detokenizer stream;
    struct tl_buffer out;
    int r = tl_tokenizer_encode(t, text, sizeof text - 1, TL_ENCODE_SPECIAL | TL_ENCODE_BOS, &ids, &count);
    if (r >= 0)
        r = tl_tokenizer_decode(t, ids, count, true, &back, &n);
    tl_buffer_init(&out, 0);
    tl_detokenizer_init(&stream, t, true);
    for (size_t i = 0; i < count && r >= 0; i++)
        r = tl_detokenizer_push(&stream, ids[i], &out);
    tl_buffer_done(&out);
    tl_free(ids);
    tl_free(back);
    return r;
}

static int use_json(const void *context)
{
    const char *json = context;
    struct tl_tokenizer *t = NULL;
    int r = tl_tokenizer_new_text("FILE.json", json, strlen(json), &t);
    if (r >= 0)
        r = encode_and_decode(t);
    tl_tokenizer_free(t);
    return r;
}

static int use_gguf(const void *context)
{
    struct tl_tokenizer *t = NULL;
    int r = vocab_file_load(context, &t);
    if (r >= 0)
        r = encode_and_decode(t);
    tl_tokenizer_free(t);
    return r;
}

static int use_folder(const void *context)
{
    struct tl_modelfile *file = NULL;
    struct tl_tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    int r = tl_modelfile_open(context, &file);
    if (r >= 0)
        r = tl_tokenizer_new(file, &t);
    if (r >= 0)
        r = tl_tokenizer_encode(t, "It's [BOS] 水", 13, TL_ENCODE_SPECIAL, &ids, &count);
    tl_free(ids);
    tl_tokenizer_free(t);
    tl_modelfile_close(file);
    return r;
}

/* Fails the first, the second ... allocation until all go well. */
static void fail_each(int (*use)(const void *context), const void *context)
{
    int r = -1;
    long n = 0;
    for (; r < 0; n++) {
        tl_memory_fail_after(n);
        r = use(context);
        tl_memory_fail_after(-1);
        if (r < 0 && r != TL_E_NOMEM)
            fail_msg("allocation %ld: %d, %s", n, r, tl_error_text());
        assert_true(n < 5000);
    }
    assert_true(n > 10);
}

static void failing_allocations(void **state)
{
    (void)state;
    fail_each(use_json, "{\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"lstrip\":true},{\"id\":4,\"content\":\"\u00e9\",\"normalized\":true}],"
                        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +\"},\"content\":\" \"}]},"
                        "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},{\"type\":\"ByteLevel\"},"
                        "{\"type\":\"Split\",\"pattern\":{\"String\":\"b\"},\"behavior\":\"Isolated\"}]}," MODEL "}");
    fail_each(use_json, "{\"normalizer\":{\"type\":\"Lowercase\"},\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\u2581\"},"
                        "\"decoder\":{\"type\":\"Metaspace\"}," MODEL "}");
    struct vocab_file file;
    vocab_file_byte_level(&file, "deepseek-v3");
    fail_each(use_gguf, &file);
    vocab_file_done(&file);
    fail_each(use_folder, golden_file("tokenizers/kimi"));
    vocab_file_spm(&file);
    fail_each(use_gguf, &file);
    vocab_file_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_refused), cmocka_unit_test(json_cut_short), cmocka_unit_test(no_merge_makes_control),
        cmocka_unit_test(gguf_is_refused), cmocka_unit_test(long_names),
        cmocka_unit_test(chains), cmocka_unit_test(tables_hold_what_is_put_in), cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
