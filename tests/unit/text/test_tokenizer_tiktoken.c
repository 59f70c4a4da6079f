/* SPDX-License-Identifier: MIT */
/* tiktoken.model: what merges, which added tokens there are, and what is refused with which sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "vocab_file.h"
#include "folder.h"

static const struct { const char *lines, *words; } rank_refusals[] = {
    {"YWI=", "line 257: found 'YWI=', expected a token in base64, a blank and its rank"}, {"YWI= ", "found rank ''"},
    {"YWI= x", "found rank 'x', expected one below the number of tokens, 257"}, {"YWI= -1", "found rank '-1'"}, {"YWI= 256 1", "found rank '256 1'"},
    {"YWI= 257", "found rank '257'"}, {"YWI= 18446744073709551616", "found rank '18446744073709551616'"},
    {"YWI= 3", "id 3 belongs to"}, {"YQ== 256", "tokens 97 and 256 are both 'a'"}, {"YWI= 256\nYWI= 257", "tokens 256 and 257 are both 'ab'"},
    {"YWI 256", "found 'YWI', expected a token in base64"}, {"YW== 256", "found 'YW=='"}, {"YWJ= 256", "found 'YWJ='"}, {"Y=== 256", "found 'Y==='"},
    {"YWI=YWI= 256", "found 'YWI=YWI='"}, {"Y!I= 256", "found 'Y!I='"}, {" 256", "found ''"}, {"==== 256", "found '===='"}, {"\t256", "a blank"},
};

/* What tokenizer_config.json says of the ids behind the ranks. */
static const struct { const char *added, *words; } added_refusals[] = {
    {"\"3\":{\"content\":\"x\"}", "'x' has id 3, in the vocabulary it has 120"}, {"\"3\":{\"content\":\"<x>\"}", "id 3 belongs to"},
    {"\"70000\":{\"content\":\"<x>\"}", "added token id 70000 is too far from the others"},
    {"\"18446744073709551615\":{\"content\":\"<x>\"}", "too far"},
    {"\"256\":{\"content\":\"<x>\",\"special\":1}", "tokenizer_config.added_tokens_decoder.256.special"},
    {"\"256\":{\"content\":7}", "tokenizer_config.added_tokens_decoder.256.content"},
    {"\"256\":{\"content\":\"<x>\"},\"257\":{\"content\":\"<x>\"}", "'<x>' has id 257, in the vocabulary it has 256"},
};

static size_t write_bytes(char text[4096], unsigned except)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    for (unsigned byte = 0, rank = 0; byte < 256; byte++)
        if (byte != except)
            n += (size_t)snprintf(text + n, 4096 - n, "%c%c== %u\n", digits[byte >> 2], digits[(byte & 3) << 4], rank++);
    return n;
}

static void ranks_are_refused(void **state)
{
    (void)state;
    char text[4096];
    struct tl_tokenizer *tokenizer = NULL;
    for (size_t i = 0; i < sizeof rank_refusals / sizeof *rank_refusals; i++) {
        size_t n = write_bytes(text, 256);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", rank_refusals[i].lines);
        int r = tl_tokenizer_new_ranks("FILE.model", text, n, &tokenizer);
        if (r != TL_E_FILE || !strstr(tl_error_text(), rank_refusals[i].words) || strncmp(tl_error_text(), "FILE.model: ", 12) != 0)
            fail_msg("%s: %d, '%s', expected '%s'", rank_refusals[i].lines, r, r < 0 ? tl_error_text() : "built", rank_refusals[i].words);
        assert_null(tokenizer);
    }
    size_t n = write_bytes(text, 200);
    assert_int_equal(tl_tokenizer_new_ranks("FILE.model", text, n, &tokenizer), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), "no token is the byte 0xC8"));
    assert_int_equal(tl_tokenizer_new_ranks("FILE.model", "", 0, &tokenizer), TL_E_FILE);
}

static int load_folder(const char *added, struct tl_tokenizer **ret_tokenizer)
{
    static const char empty[] = "\2\0\0\0\0\0\0\0{}", config[] = "{\"vocab_size\":260}";
    char text[4096];
    struct tl_modelfile *file = NULL;
    make_file(in_folder("model.safetensors"), empty, sizeof empty - 1);
    make_file(in_folder("config.json"), config, sizeof config - 1);
    make_file(in_folder("tiktoken.model"), text, write_bytes(text, 256));
    make_file(in_folder("tokenizer_config.json"), text, (size_t)snprintf(text, sizeof text, "{\"added_tokens_decoder\":{%s}}", added));
    assert_int_equal(tl_modelfile_open(folder, &file), 0);
    int r = tl_tokenizer_new(file, ret_tokenizer);
    tl_modelfile_close(file);
    return r;
}

static void added_to_ranks(void **state)
{
    (void)state;
    struct tl_tokenizer *t = NULL;
    assert_int_equal(make_folder(NULL), 0);
    for (size_t i = 0; i < sizeof added_refusals / sizeof *added_refusals; i++) {
        int r = load_folder(added_refusals[i].added, &t);
        if (r != TL_E_FILE || !strstr(tl_error_text(), added_refusals[i].words))
            fail_msg("%s: %d, '%s', expected '%s'", added_refusals[i].added, r, r < 0 ? tl_error_text() : "built", added_refusals[i].words);
        assert_null(t);
    }
    assert_int_equal(load_folder("\"257\":{\"content\":\"<x>\",\"special\":true},\"259\":{\"content\":\"<think>\",\"special\":false}", &t), 0);
    assert_int_equal(tl_tokenizer_size(t), 260);
    EXPECT_IDS(t, TL_ENCODE_SPECIAL, "a<x><think><|reserved_token_256|>", 'a', 257, 259, 256);
    EXPECT_IDS(t, 0, "<think><x>", 259, '<', 'x', '>');
    assert_string_equal(tl_tokenizer_name(t, 258), "<|reserved_token_258|>");
    tl_tokenizer_free(t);
    assert_int_equal(remove_folder(NULL), 0);
}

/* Tokens a, aa, aaa ...: the whole word is looked up first, then what is made by the lowest ranks; in good time. */
static void ranks_merge(void **state)
{
    (void)state;
    enum { MOST = 1 << 20 };
    char *text = malloc(MOST);
    struct tl_tokenizer *t = NULL;
    size_t n = write_bytes(text, 256);
    n += (size_t)snprintf(text + n, MOST - n, "%s", "\nYWI= 257\r\nYmM= 256\n\nYWJj 258\nYWJjZA== 259\n");      /* ab bc abc abcd */
    assert_int_equal(tl_tokenizer_new_ranks("FILE.model", text, n, &t), 0);
    EXPECT_IDS(t, 0, "abc", 258);
    EXPECT_IDS(t, 0, "abcd", 259);
    EXPECT_IDS(t, 0, "abcabd", 258, 257, 'd');
    EXPECT_IDS(t, 0, "xbcd", 'x', 256, 'd');
    tl_tokenizer_free(t);
    n = write_bytes(text, 256);
    for (unsigned length = 2; length <= 768; length++) {
        for (unsigned i = 0; i < length / 3; i++, n += 4)
            memcpy(text + n, "YWFh", 4);
        n += (size_t)snprintf(text + n, MOST - n, "%s %u\n", length % 3 == 0 ? "" : length % 3 == 1 ? "YQ==" : "YWE=", 254 + length);
    }
    assert_int_equal(tl_tokenizer_new_ranks("FILE.model", text, n, &t), 0);
    memset(text, 'a', 200000);
    expect_same(t, text, 200000);
    tl_tokenizer_free(t);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_refused), cmocka_unit_test(ranks_merge), cmocka_unit_test(added_to_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
