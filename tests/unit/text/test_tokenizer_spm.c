/* SPDX-License-Identifier: MIT */
/* SentencePiece vocabularies: order of scores, blanks, bytes, user-defined symbols, what is unknown; and BPE on such text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "vocab_file.h"

#define B(c) (BYTE_ID + (c))

static struct tl_tokenizer *small(int prefix)
{
    struct vocab_file file;
    vocab_file_spm(&file);
    if (prefix >= 0)
        vocab_file_bool(&file, "tokenizer.ggml.add_space_prefix", prefix);
    struct tl_tokenizer *tokenizer = vocab_file_tokenizer(&file);
    vocab_file_done(&file);
    return tokenizer;
}

static void merges_by_score(void **state)
{
    (void)state;
    struct tl_tokenizer *t = small(0);
    EXPECT_IDS(t, 0, "abc", SPM_ABC);
    EXPECT_IDS(t, 0, "ababc", SPM_AB, SPM_ABC);
    EXPECT_IDS(t, 0, " abc", SPM_BLANK_A, SPM_BC);
    EXPECT_IDS(t, 0, "aab", SPM_A, SPM_AB);
    EXPECT_IDS(t, 0, "\u00e9", SPM_E);
    EXPECT_IDS(t, 0, "\u00e8", B(0xC3), B(0xA8));
    EXPECT_IDS(t, 0, "a\xFF" "b", SPM_A, B(0xFF), SPM_B);
    EXPECT_IDS(t, 0, "\n", B('\n'));
    EXPECT_IDS(t, 0, "c c  c", SPM_C_BLANK, SPM_C_BLANK, SPM_BLANK, SPM_C);
    EXPECT_IDS(t, 0, "b b a", SPM_B, SPM_BLANK, SPM_B, SPM_BLANK_A);
    expect_ids(t, 0, "", 0, NULL, 0);
    tl_tokenizer_free(t);
}

static void blank_in_front(void **state)
{
    (void)state;
    for (int prefix = -1; prefix < 2; prefix++) {
        struct tl_tokenizer *t = small(prefix);
        if (prefix == 0) {
            EXPECT_IDS(t, 0, "abc", SPM_ABC);
        } else {
            EXPECT_IDS(t, 0, "abc", SPM_BLANK_A, SPM_BC);
            EXPECT_IDS(t, TL_ENCODE_CONTINUE, "abc", SPM_ABC);
            EXPECT_IDS(t, TL_ENCODE_SPECIAL, "a<s>a", SPM_BLANK_A, 1, SPM_BLANK_A);
            EXPECT_IDS(t, TL_ENCODE_SPECIAL | TL_ENCODE_CONTINUE, "a<s>a", SPM_A, 1, SPM_BLANK_A);
            EXPECT_IDS(t, TL_ENCODE_BOS, "", 1);
            EXPECT_IDS(t, TL_ENCODE_BOS, "a", 1, SPM_BLANK_A);
            expect_text(t, 0, (const int32_t[]){1, SPM_BLANK_A, SPM_BLANK_A}, 3, "a a", 3);
            expect_text(t, 1, (const int32_t[]){1, SPM_BLANK_A}, 2, "<s> a", 5);
        }
        EXPECT_SAME(t, " a b  c");
        EXPECT_SAME(t, "a\xC3\n\xF0\x9F\x99\x82 <s> </s><unk>");
        assert_true(tl_tokenizer_ends(t, 2));
        assert_int_equal(tl_tokenizer_eos(t), 2);
        tl_tokenizer_free(t);
    }
}

static void names_in_text(void **state)
{
    (void)state;
    struct tl_tokenizer *t = small(0);
    EXPECT_IDS(t, 0, "a<b>c", SPM_A, SPM_USER, SPM_C);
    EXPECT_IDS(t, 0, "<s>", B('<'), B('s'), B('>'));
    EXPECT_IDS(t, 0, "<0x41>", B('<'), B('0'), B('x'), B('4'), B('1'), B('>'));
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "<s></s><unk>", 1, 2, 0);
    expect_text(t, 0, (const int32_t[]){B('<'), SPM_USER, SPM_C_BLANK, 0, 2}, 5, "<<b>c ", 6);
    tl_tokenizer_free(t);
}

/* Equal scores go from left to right; zero has one sign. */
static void equal_scores(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "a", "b", "c", "ab", "bc", "bb"};
    static const float scores[] = {0, 0, 0, 0, -0.0f, 0, -1};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "llama");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 7);
    vocab_file_f32s(&file, "tokenizer.ggml.scores", scores, 7);
    vocab_file_bool(&file, "tokenizer.ggml.add_space_prefix", 0);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    EXPECT_IDS(t, 0, "abc", 4, 3);
    EXPECT_IDS(t, 0, "bbbc", 6, 5);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

/* Without bytes, neighbouring unknown characters are one <unk>. */
static void unknown(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "\u2581", "a", "\u2581\u2581"};
    static const int32_t types[] = {2, 1, 1, 4};
    static const float scores[] = {0, -1, -2, 0};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "llama");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 4);
    vocab_file_i32s(&file, "tokenizer.ggml.token_type", types, 4);
    vocab_file_f32s(&file, "tokenizer.ggml.scores", scores, 4);
    vocab_file_bool(&file, "tokenizer.ggml.add_space_prefix", 0);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    EXPECT_IDS(t, 0, "abca", 2, 0, 2);
    EXPECT_IDS(t, 0, "bc b", 0, 1, 0);
    EXPECT_IDS(t, 0, "a  a", 2, 3, 2);
    EXPECT_IDS(t, 0, "\xFF", 0);
    expect_text(t, 0, (const int32_t[]){2, 3, 2}, 3, "a  a", 4);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

static void without_types(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "\u2581", "a"};
    static const float scores[] = {0, 0, 0, -1, -0.0f};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "llama");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 5);
    vocab_file_f32s(&file, "tokenizer.ggml.scores", scores, 5);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    EXPECT_IDS(t, TL_ENCODE_BOS, "a", 1, 3, 4);
    EXPECT_IDS(t, 0, "<s>", 3, 0);
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "<s>", 1);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

/* Gemma 4: merges by rank on text with U+2581, bytes for what is unknown. */
static void blanks_and_ranks(void **state)
{
    (void)state;
    static const char *const merges[] = {"\n \n", "\u2581 a", "a b", "\u2581a b", "\n\n \n"};
    static const char *const tokens[] = {"<unk>", "<bos>", "\u2581", "a", "b", "\n", "\n\n", "\u2581a", "ab", "\u2581ab", "\n\n\n", "<0xC3>", "<0xA8>"};
    static const int32_t types[] = {2, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 6};
    struct vocab_file file;
    vocab_file_begin(&file);
    vocab_file_text(&file, "tokenizer.ggml.model", "gemma4");
    vocab_file_texts(&file, "tokenizer.ggml.tokens", tokens, 13);
    vocab_file_i32s(&file, "tokenizer.ggml.token_type", types, 13);
    vocab_file_texts(&file, "tokenizer.ggml.merges", merges, 5);
    vocab_file_u32(&file, "tokenizer.ggml.bos_token_id", 1);
    vocab_file_u32(&file, "tokenizer.ggml.unknown_token_id", 0);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    EXPECT_IDS(t, TL_ENCODE_BOS, "ab ab", 1, 8, 9);
    EXPECT_IDS(t, 0, "\n\n\n\n a", 6, 6, 7);
    EXPECT_IDS(t, 0, "\n\n\n", 10);
    EXPECT_IDS(t, 0, "a\u00e8zzb", 3, 11, 12, 0, 4);
    EXPECT_SAME(t, "ab ab\n\n a\u00e8");
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

/* 1 MiB without a place to cut, and one with many: both in n log n steps. */
static void long_texts(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static const char kinds[] = "abc x\n";
    struct tl_tokenizer *t = small(1);
    char *text = malloc(N);
    for (const char *kind = kinds; *kind; kind++) {
        memset(text, *kind, N);
        expect_same(t, text, N);
    }
    for (size_t i = 0; i < N; i++)
        text[i] = "abc ab\xC3\xA8"[(i * i / 7 + i) % 8];
    expect_same(t, text, N);
    free(text);
    tl_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_by_score), cmocka_unit_test(blank_in_front), cmocka_unit_test(names_in_text), cmocka_unit_test(equal_scores),
        cmocka_unit_test(unknown),
        cmocka_unit_test(without_types), cmocka_unit_test(blanks_and_ranks), cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
