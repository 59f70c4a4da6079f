/* SPDX-License-Identifier: MIT */
/* Byte-level BPE: order of merges, added and control tokens, wishes, broken bytes, every byte back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/pretokenizer.h"
#include "vocab_file.h"

#define B(c) (BYTE_ID + (c))

static struct tl_tokenizer *small(const char *pre)
{
    struct vocab_file file;
    vocab_file_byte_level(&file, pre);
    struct tl_tokenizer *tokenizer = vocab_file_tokenizer(&file);
    vocab_file_done(&file);
    return tokenizer;
}

static void merges_by_rank(void **state)
{
    (void)state;
    struct tl_tokenizer *t = small("gpt-2");
    EXPECT_IDS(t, 0, "hello world", HELLO, WO, RL, B('d'));
    EXPECT_IDS(t, 0, "aaa", AA, B('a'));
    EXPECT_IDS(t, 0, "aaaaa", AAAA, B('a'));
    EXPECT_IDS(t, 0, "baa", B('b'), AA);
    EXPECT_IDS(t, 0, "ba", BA);
    EXPECT_IDS(t, 0, "he llo", HE, B(' '), LL, B('o'));
    EXPECT_IDS(t, 0, "\xC3\xA9", B(0xC3), B(0xA9));
    expect_ids(t, 0, "", 0, NULL, 0);
    expect_ids(t, 0, NULL, 0, NULL, 0);
    tl_tokenizer_free(t);
}

static void whole_words_come_first(void **state)
{
    (void)state;
    static const char *const merges[] = {"a b", "b c", "ab c"};
    static const char *const tokens[] = {"a", "b", "c", "ab", "bc", "abc", "cab", "<|x|>"};
    static const int32_t types[] = {1, 1, 1, 1, 1, 1, 1, 3};
    for (int whole = 0; whole < 2; whole++) {
        struct vocab_file file;
        vocab_file_begin(&file);
        vocab_file_text(&file, "tokenizer.ggml.model", "gpt2");
        vocab_file_text(&file, "tokenizer.ggml.pre", whole ? "llama-bpe" : "gpt-2");
        vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 8);
        vocab_file_i32s(&file, "tokenizer.ggml.token_type", types, 8);
        vocab_file_texts(&file, "tokenizer.ggml.merges", merges, 3);
        struct tl_tokenizer *t = vocab_file_tokenizer(&file);
        if (whole)
            EXPECT_IDS(t, 0, "cab", 6);
        else
            EXPECT_IDS(t, 0, "cab", 2, 3);
        EXPECT_IDS(t, 0, "abc", 5);
        tl_tokenizer_free(t);
        vocab_file_done(&file);
    }
}

static void control_tokens_only_when_asked_for(void **state)
{
    (void)state;
    struct tl_tokenizer *t = small("gpt-2");
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "<|im_start|>he<|endoftext|>", 1, HE, 0);
    EXPECT_IDS(t, 0, "<tool>he<tool>", 2, HE, 2);
    EXPECT_IDS(t, 0, "<|im_start|>", B('<'), B('|'), B('i'), B('m'), B('_'), B('s'), B('t'), B('a'), B('r'), B('t'), B('|'), B('>'));
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "<|im_start|", B('<'), B('|'), B('i'), B('m'), B('_'), B('s'), B('t'), B('a'), B('r'), B('t'), B('|'));
    EXPECT_IDS(t, TL_ENCODE_BOS, "he", HE);
    assert_false(tl_tokenizer_adds_bos(t));
    assert_int_equal(tl_tokenizer_bos(t), 1);
    assert_int_equal(tl_tokenizer_eos(t), 0);
    assert_true(tl_tokenizer_ends(t, 0));
    assert_false(tl_tokenizer_ends(t, 1));
    assert_false(tl_tokenizer_ends(t, -1));
    assert_true(tl_tokenizer_is_control(t, 1));
    assert_false(tl_tokenizer_is_control(t, 2));
    assert_false(tl_tokenizer_is_control(t, 1000000));
    expect_text(t, 0, (const int32_t[]){1, HELLO, 2, 0}, 4, "hello<tool>", 11);
    expect_text(t, 1, (const int32_t[]){1, HELLO, 0}, 3, "<|im_start|>hello<|endoftext|>", 30);
    assert_string_equal(tl_tokenizer_name(t, WO), "\u0120wo");
    assert_string_equal(tl_tokenizer_name(t, -1), "");
    assert_int_equal(tl_tokenizer_id(t, "\u0120wo", 4), WO);
    assert_int_equal(tl_tokenizer_id(t, " wo", 3), -1);
    assert_int_equal(tl_tokenizer_size(t), BYTE_VOCAB);
    const char *bytes;
    size_t n;
    assert_int_equal(tl_tokenizer_piece(t, WO, false, &bytes, &n), 0);
    assert_true(n == 3 && memcmp(bytes, " wo", 3) == 0);
    assert_int_equal(tl_tokenizer_piece(t, BYTE_VOCAB, false, &bytes, &n), TL_E_USAGE);
    assert_int_equal(tl_tokenizer_piece(t, -1, false, &bytes, &n), TL_E_USAGE);
    tl_tokenizer_free(t);
}

/* With marks, control tokens are found only where none of their bytes is marked. */
static void marked_bytes(void **state)
{
    (void)state;
    static const char text[] = "<|im_start|>he<|im_start|><tool>he<|endoftext|>";
    struct tl_tokenizer *t = small("gpt-2");
    for (size_t mark = 0; mark < sizeof text; mark++) {
        uint8_t plain[sizeof text] = {0};
        int32_t *ids = NULL;
        size_t count = 0;
        plain[mark] = 1;
        assert_int_equal(tl_tokenizer_encode_marked(t, text, sizeof text - 1, plain, TL_ENCODE_SPECIAL, &ids, &count), 0);
        bool first = mark < 12, second = mark >= 14 && mark < 26, last = mark >= 34 && mark < 47;
        assert_int_equal(count, 6 + (first || second ? 11 : 0) + (last ? 12 : 0));
        assert_int_equal(ids[0], first ? B('<') : 1);
        assert_int_equal(ids[count - 1], last ? B('>') : 0);
        expect_text(t, 1, ids, count, text, sizeof text - 1);
        tl_free(ids);
    }
    tl_tokenizer_free(t);
}

static void wishes(void **state)
{
    (void)state;
    struct vocab_file file;
    vocab_file_byte_level(&file, "llama-bpe");
    vocab_file_bool(&file, "tokenizer.ggml.add_eos_token", 1);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    assert_true(tl_tokenizer_adds_bos(t));
    EXPECT_IDS(t, TL_ENCODE_BOS, "he", 1, HE, 0);
    EXPECT_IDS(t, TL_ENCODE_BOS, "", 1, 0);
    EXPECT_IDS(t, 0, "he", HE);
    tl_tokenizer_free(t);
    vocab_file_bool(&file, "tokenizer.ggml.add_bos_token", 0);
    t = vocab_file_tokenizer(&file);
    assert_false(tl_tokenizer_adds_bos(t));
    EXPECT_IDS(t, TL_ENCODE_BOS, "he", HE, 0);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

/* Added tokens that look like control tokens are not made from typed text, but are shown. */
static void guarded_names(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "<|call|x", "<|y|>", "<z>", "[PAD4]", "[PAD4 ]"};
    static const int32_t types[] = {1, 4, 4, 4, 4, 4};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "gpt2");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 6);
    vocab_file_i32s(&file, "tokenizer.ggml.token_type", types, 6);
    vocab_file_texts(&file, "tokenizer.ggml.merges", NULL, 0);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    EXPECT_IDS(t, 0, "<|y|>a<z>a<|call|x", 0, 3, 0, 0);
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "<|y|>a<z>a<|call|x", 2, 0, 3, 0, 1);
    expect_text(t, 0, (const int32_t[]){2, 0, 1}, 3, "<|y|>a<|call|x", 14);
    EXPECT_IDS(t, 0, "[PAD4][PAD4 ]", 5);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

static void ends_by_name(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "<|end|>", "<|return|>", "<|call|>", "</s>", "<|im_end|>", "<eos>"};
    static const int32_t types[] = {1, 3, 3, 3, 1, 1, 3};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "gpt2");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 7);
    vocab_file_i32s(&file, "tokenizer.ggml.token_type", types, 7);
    vocab_file_texts(&file, "tokenizer.ggml.merges", NULL, 0);
    vocab_file_u32(&file, "tokenizer.ggml.eot_token_id", 0);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    static const bool ends[] = {true, false, true, true, false, true, true};
    for (int32_t id = 0; id < 7; id++)
        assert_int_equal(tl_tokenizer_ends(t, id), ends[id]);
    assert_true(tl_tokenizer_is_control(t, 5));
    assert_false(tl_tokenizer_is_control(t, 4));
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

static void broken_bytes(void **state)
{
    (void)state;
    struct tl_tokenizer *t = small("gpt-2");
    EXPECT_IDS(t, 0, "he\xFFhe", HE, B(0xFF), HE);
    EXPECT_IDS(t, 0, "\xE2\x82", B(0xE2), B(0x82));
    EXPECT_IDS(t, 0, "a\xED\xA0\x80", B('a'), B(0xED), B(0xA0), B(0x80));
    tl_tokenizer_free(t);
    /* Without tokens for its bytes, an ill-formed run is U+FFFD; what has no token at all is left out. */
    static const char *const tokens[] = {"a", "\u00EF", "\u00BF", "\u00BD", "\u00EF\u00BF", "\u00EF\u00BF\u00BD", "\u00ff"};
    static const char *const merges[] = {"\u00EF \u00BF", "\u00EF\u00BF \u00BD"};
    static const int32_t types[] = {1, 1, 1, 1, 1, 1, 4};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "gpt2");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 7);
    vocab_file_i32s(&file, "tokenizer.ggml.token_type", types, 7);
    vocab_file_texts(&file, "tokenizer.ggml.merges", merges, 2);
    t = vocab_file_tokenizer(&file);
    EXPECT_IDS(t, 0, "a\xFF\xE2\x82" "ba", 0, 5, 5, 0);
    EXPECT_IDS(t, 0, "\u00ff", 6);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* Every row: random bytes and random characters come back as they were. */
static void everything_comes_back(void **state)
{
    (void)state;
    static const char *const parts[] = {"hello", " w", "  ", "\n", "\r\n", "\t", "1", "234", "'s", "'LL", "\u00e9", "e\u0301", "\u4f60", "\u3042",
                                        "\U0001F642", "!", "...", "<|im_start|>", "\u00a0", "\u2003", "\xC3", "\xF0\x9F", "\xFF", "A", "aB"};
    uint32_t seed = 7;
    for (const struct tl_pretokenizer_row *row = tl_pretokenizer_rows; row->name; row++) {
        if (row->flags & TL_PRE_BLANKS)
            continue;
        struct tl_tokenizer *t = small(row->name);
        for (int round = 0; round < 60; round++) {
            char text[400];
            size_t n = 0;
            for (int i = 0; i < 24; i++) {
                const char *part = parts[(next(&seed) >> 8) % (sizeof parts / sizeof *parts)];
                memcpy(text + n, part, strlen(part));
                n += strlen(part);
            }
            for (int i = 0; i < 40 && round % 2; i++)
                text[n++] = (char)(next(&seed) >> 13);
            expect_same(t, text, n);
        }
        tl_tokenizer_free(t);
    }
}

/* Words that come again are copied: a long text gives what its parts give. */
static void long_texts(void **state)
{
    (void)state;
    struct tl_tokenizer *t = small("gpt-2");
    enum { TIMES = 20000 };
    char *text = malloc(12 * TIMES);
    int32_t *ids = NULL;
    size_t count = 0;
    for (int i = 0; i < TIMES; i++)
        memcpy(text + 12 * i, i % 3 ? " wo hello ba" : " wo hellob a", 12);
    assert_int_equal(tl_tokenizer_encode(t, text, 12 * TIMES, 0, &ids, &count), 0);
    static const int32_t usual[] = {WO, B(' '), HELLO, B(' '), BA}, third[] = {WO, B(' '), HELLO, B('b'), B(' '), B('a')};
    size_t at = 0;
    for (int i = 0; i < TIMES; i++) {
        const int32_t *expected = i % 3 ? usual : third;
        size_t n = i % 3 ? 5 : 6;
        assert_true(at + n <= count);
        assert_memory_equal(ids + at, expected, n * sizeof *ids);
        at += n;
    }
    assert_int_equal(at, count);
    tl_free(ids);
    size_t n = 0;
    for (int i = 0; i < TIMES; i++)      /* and many words that share places in the cache */
        n += (size_t)sprintf(text + n, " x%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
    expect_same(t, text, n);
    free(text);
    tl_tokenizer_free(t);
}

/* One word of half a megabyte takes n log n steps; quadratic ones would take hours. */
static void long_words(void **state)
{
    (void)state;
    enum { N = 1 << 19 };
    static const char kinds[] = "ahl \n!7\xFF";
    char *text = malloc(N + 1);
    for (const struct tl_pretokenizer_row *row = tl_pretokenizer_rows; row->name; row++) {
        bool all = strcmp(row->name, "gpt-2") == 0 || strcmp(row->name, "kimi-k2") == 0 || strcmp(row->name, "deepseek-llm") == 0;
        if (row->flags & TL_PRE_BLANKS || !all)
            continue;
        struct tl_tokenizer *t = small(row->name);
        for (const char *kind = kinds; *kind; kind++) {
            memset(text, *kind, N);
            text[N] = '1';
            expect_same(t, text, N + 1);
        }
        tl_tokenizer_free(t);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_by_rank), cmocka_unit_test(whole_words_come_first), cmocka_unit_test(control_tokens_only_when_asked_for),
        cmocka_unit_test(marked_bytes),
        cmocka_unit_test(wishes), cmocka_unit_test(guarded_names), cmocka_unit_test(ends_by_name), cmocka_unit_test(broken_bytes),
        cmocka_unit_test(everything_comes_back), cmocka_unit_test(long_texts), cmocka_unit_test(long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
