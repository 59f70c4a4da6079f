/* SPDX-License-Identifier: MIT */
/* The streaming detokenizer: whole characters only, the same bytes in the end, for every way of cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "vocab_file.h"

#define B(c) (BYTE_ID + (c))

/* Pushes ids; `steps` says how many bytes there are in all after each of them. */
static void expect_steps(const struct tl_tokenizer *tokenizer, bool special, const int32_t *ids, const size_t *steps, size_t count,
                         const char *text)
{
    struct tl_detokenizer stream;
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    tl_detokenizer_init(&stream, tokenizer, special);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tl_detokenizer_push(&stream, ids[i], &out), 0);
        assert_int_equal(out.len, steps[i]);
    }
    assert_int_equal(tl_detokenizer_flush(&stream, &out), 0);
    assert_int_equal(tl_detokenizer_flush(&stream, &out), 0);
    assert_int_equal(out.len, strlen(text));
    assert_memory_equal(out.data ? out.data : "", text, out.len);
    tl_buffer_done(&out);
}
#define STEPS(tokenizer, special, text, ids, ...)                                                                        \
    expect_steps(tokenizer, special, (const int32_t[])ids, (const size_t[])__VA_ARGS__,                                 \
                 sizeof((const size_t[])__VA_ARGS__) / sizeof(size_t), text)
#define IDS(...) {__VA_ARGS__}

static void characters_stay_whole(void **state)
{
    (void)state;
    struct vocab_file file;
    vocab_file_byte_level(&file, "gpt-2");
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    STEPS(t, false, "hello wo", IDS(HELLO, WO), {5, 8});
    STEPS(t, false, "\u00e9", IDS(B(0xC3), B(0xA9)), {0, 2});
    STEPS(t, false, "\U0001F642!", IDS(B(0xF0), B(0x9F), B(0x99), B(0x82), B('!')), {0, 0, 0, 4, 5});
    STEPS(t, false, "\xF0\x9F" "he", IDS(B(0xF0), B(0x9F), HE), {0, 0, 4});
    STEPS(t, false, "\xFF\xC3", IDS(B(0xFF), B(0xC3)), {1, 1});
    STEPS(t, false, "\xE2\x82", IDS(B(0xE2), B(0x82)), {0, 0});
    STEPS(t, false, "\xED\xA0", IDS(B(0xED), B(0xA0)), {0, 2});
    STEPS(t, false, "\xE2\xE2\x82\xAC", IDS(B(0xE2), B(0xE2), B(0x82), B(0xAC)), {0, 1, 1, 4});
    STEPS(t, false, "he<tool>he", IDS(1, HE, 2, 0, HE), {0, 2, 8, 8, 10});
    STEPS(t, true, "<|im_start|>he", IDS(1, HE), {12, 14});
    STEPS(t, false, "\u00e9", IDS(B(0xC3), 1, B(0xA9)), {0, 0, 2});
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

static void leading_blank(void **state)
{
    (void)state;
    struct vocab_file file;
    vocab_file_spm(&file);
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    STEPS(t, false, "a a", IDS(1, SPM_BLANK_A, SPM_BLANK_A), {0, 1, 3});
    STEPS(t, false, "b", IDS(SPM_BLANK, SPM_B), {0, 1});
    STEPS(t, false, " b", IDS(SPM_BLANK, SPM_BLANK, SPM_B), {0, 1, 2});
    STEPS(t, true, "<s> a", IDS(1, SPM_BLANK_A), {3, 5});
    STEPS(t, false, "\u00e8", IDS(B(0xC3), B(0xA8)), {0, 2});
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

/* Random ids: the stream gives what decode gives, and never ends inside a character that goes on. */
static void same_as_decode(void **state)
{
    (void)state;
    struct vocab_file file;
    uint32_t seed = 3;
    vocab_file_byte_level(&file, "gpt-2");
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    for (int round = 0; round < 300; round++) {
        struct tl_detokenizer stream;
        struct tl_buffer out;
        int32_t ids[60];
        tl_buffer_init(&out, 0);
        tl_detokenizer_init(&stream, t, round % 2);
        for (int i = 0; i < 60; i++) {
            seed = seed * 1664525u + 1013904223u;
            ids[i] = (int32_t)((seed >> 9) % (round % 3 ? BYTE_VOCAB : 259));
            assert_int_equal(tl_detokenizer_push(&stream, ids[i], &out), 0);
            assert_true(stream.n_pending > 0 || tl_utf8_unfinished(out.data ? out.data : "", out.len) == 0);
        }
        assert_int_equal(tl_detokenizer_flush(&stream, &out), 0);
        expect_text(t, round % 2, ids, 60, out.data, out.len);
        tl_buffer_done(&out);
    }
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

static void wrong_ids(void **state)
{
    (void)state;
    struct vocab_file file;
    struct tl_detokenizer stream;
    struct tl_buffer out;
    char *text = NULL;
    size_t n;
    vocab_file_byte_level(&file, "gpt-2");
    struct tl_tokenizer *t = vocab_file_tokenizer(&file);
    tl_buffer_init(&out, 0);
    tl_detokenizer_init(&stream, t, false);
    assert_int_equal(tl_detokenizer_push(&stream, BYTE_VOCAB, &out), TL_E_USAGE);
    assert_int_equal(tl_detokenizer_push(&stream, -1, &out), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "-1"));
    assert_int_equal(tl_tokenizer_decode(t, (const int32_t[]){0, INT32_MAX}, 2, true, &text, &n), TL_E_USAGE);
    assert_null(text);
    tl_buffer_done(&out);
    tl_tokenizer_free(t);
    vocab_file_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_stay_whole), cmocka_unit_test(leading_blank), cmocka_unit_test(same_as_decode),
        cmocka_unit_test(wrong_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
