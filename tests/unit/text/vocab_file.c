/* SPDX-License-Identifier: MIT */
#include "vocab_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/bytelevel.h"

enum { TYPE_U32 = 4, TYPE_I32 = 5, TYPE_F32 = 6, TYPE_BOOL = 7, TYPE_TEXT = 8, TYPE_ARRAY = 9 };

static void put(struct vocab_file *file, const void *bytes, size_t n)
{
    if (file->room - file->n < n) {
        file->room = 2 * file->room + n;
        file->data = realloc(file->data, file->room);
        assert_non_null(file->data);
    }
    if (n)
        memcpy(file->data + file->n, bytes, n);
    file->n += n;
}

static void put_u32(struct vocab_file *file, uint32_t value)
{
    put(file, &value, 4);
}

static void put_text(struct vocab_file *file, const char *text)
{
    uint64_t n = strlen(text);
    put(file, &n, 8);
    put(file, text, n);
}

static void put_key(struct vocab_file *file, const char *key, uint32_t type)
{
    put_text(file, key);
    put_u32(file, type);
    file->n_values++;
}

static void put_array(struct vocab_file *file, const char *key, uint32_t type, uint64_t count)
{
    put_key(file, key, TYPE_ARRAY);
    put_u32(file, type);
    put(file, &count, 8);
}

void vocab_file_begin(struct vocab_file *file)
{
    *file = (struct vocab_file){0};
    put(file, "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    vocab_file_text(file, "general.architecture", "llama");
}

void vocab_file_done(struct vocab_file *file)
{
    free(file->data);
}

void vocab_file_text(struct vocab_file *file, const char *key, const char *text)
{
    put_key(file, key, TYPE_TEXT);
    put_text(file, text);
}

void vocab_file_u32(struct vocab_file *file, const char *key, uint32_t value)
{
    put_key(file, key, TYPE_U32);
    put_u32(file, value);
}

void vocab_file_bool(struct vocab_file *file, const char *key, int value)
{
    put_key(file, key, TYPE_BOOL);
    put(file, value ? "\1" : "\0", 1);
}

void vocab_file_texts(struct vocab_file *file, const char *key, const char *const *texts, size_t count)
{
    put_array(file, key, TYPE_TEXT, count);
    for (size_t i = 0; i < count; i++)
        put_text(file, texts[i]);
}

void vocab_file_i32s(struct vocab_file *file, const char *key, const int32_t *values, size_t count)
{
    put_array(file, key, TYPE_I32, count);
    put(file, values, 4 * count);
}

void vocab_file_f32s(struct vocab_file *file, const char *key, const float *values, size_t count)
{
    put_array(file, key, TYPE_F32, count);
    put(file, values, 4 * count);
}

int vocab_file_load(const struct vocab_file *file, struct tl_tokenizer **ret_tokenizer)
{
    char path[] = "/tmp/trill-vocab-XXXXXX";
    struct tl_modelfile *model = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    memcpy(file->data + 16, &file->n_values, 8);
    assert_int_equal(write(fd, file->data, file->n), file->n);
    close(fd);
    int r = tl_modelfile_open(path, &model);
    unlink(path);
    if (r >= 0)
        r = tl_tokenizer_new(model, ret_tokenizer);
    tl_modelfile_close(model);
    return r;
}

/* --- two vocabularies --------------------------------------------------------------------------------------------------- */

void vocab_file_byte_level(struct vocab_file *file, const char *pre)
{
    static const char *const merges[] = {"h e", "l l", "he ll", "hell o", "\u0120 w", "\u0120w o", "r l", "a a", "aa aa", "b a"};
    static const char *const made[] = {"he", "ll", "hell", "hello", "\u0120w", "\u0120wo", "rl", "aa", "aaaa", "ba"};
    const char *tokens[BYTE_VOCAB] = {"<|endoftext|>", "<|im_start|>", "<tool>"};
    int32_t types[BYTE_VOCAB] = {3, 3, 4};
    char bytes[256][5];
    for (int byte = 0; byte < 256; byte++) {
        bytes[byte][tl_bytelevel_spell(&(char){(char)byte}, 1, bytes[byte])] = 0;
        tokens[BYTE_ID + byte] = bytes[byte];
    }
    memcpy(tokens + HE, made, sizeof made);
    for (int i = BYTE_ID; i < BYTE_VOCAB; i++)
        types[i] = 1;
    vocab_file_begin(file);
    vocab_file_text(file, "tokenizer.ggml.model", "gpt2");
    vocab_file_text(file, "tokenizer.ggml.pre", pre);
    vocab_file_texts(file, "tokenizer.ggml.tokens", tokens, BYTE_VOCAB);
    vocab_file_i32s(file, "tokenizer.ggml.token_type", types, BYTE_VOCAB);
    vocab_file_texts(file, "tokenizer.ggml.merges", merges, sizeof merges / sizeof *merges);
    vocab_file_u32(file, "tokenizer.ggml.bos_token_id", 1);
    vocab_file_u32(file, "tokenizer.ggml.eos_token_id", 0);
}

const char *vocab_file_spm_tokens[SPM_VOCAB];
int32_t vocab_file_spm_types[SPM_VOCAB];
float vocab_file_spm_scores[SPM_VOCAB];

void vocab_file_spm(struct vocab_file *file)
{
    static char bytes[256][8];
    static const char *const first[] = {"<unk>", "<s>", "</s>"};
    static const char *const last[] = {"\u2581", "a", "b", "c", "ab", "bc", "abc", "\u2581a", "<b>", "c\u2581", "\u00e9"};
    static const float scores[] = {-9, -9, -9, -9, -1, -0.5f, -3, -2, 0, -4, -9};
    memcpy(vocab_file_spm_tokens, first, sizeof first);
    memcpy(vocab_file_spm_tokens + SPM_BLANK, last, sizeof last);
    memcpy(vocab_file_spm_scores + SPM_BLANK, scores, sizeof scores);
    for (int i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", (unsigned)i);
        vocab_file_spm_tokens[BYTE_ID + i] = bytes[i];
    }
    for (int i = 0; i < SPM_VOCAB; i++)
        vocab_file_spm_types[i] = i == 0 ? 2 : i < BYTE_ID ? 3 : i < SPM_BLANK ? 6 : i == SPM_USER ? 4 : 1;
    vocab_file_begin(file);
    vocab_file_text(file, "tokenizer.ggml.model", "llama");
    vocab_file_texts(file, "tokenizer.ggml.tokens", vocab_file_spm_tokens, SPM_VOCAB);
    vocab_file_i32s(file, "tokenizer.ggml.token_type", vocab_file_spm_types, SPM_VOCAB);
    vocab_file_f32s(file, "tokenizer.ggml.scores", vocab_file_spm_scores, SPM_VOCAB);
}

/* --- expectations --------------------------------------------------------------------------------------------------------- */

struct tl_tokenizer *vocab_file_tokenizer(const struct vocab_file *file)
{
    struct tl_tokenizer *tokenizer = NULL;
    if (vocab_file_load(file, &tokenizer) < 0)
        fail_msg("%s", tl_error_text());
    return tokenizer;
}

void expect_ids(const struct tl_tokenizer *tokenizer, unsigned flags, const char *text, size_t n, const int32_t *ids, size_t count)
{
    int32_t *got = NULL;
    size_t n_got = 0, same = 0;
    assert_int_equal(tl_tokenizer_encode(tokenizer, text, n, flags, &got, &n_got), 0);
    while (same < n_got && same < count && got[same] == ids[same])
        same++;
    if (same < n_got || same < count)
        fail_msg("'%s': id %zu of %zu is %d, expected %d of %zu", text, same, n_got, same < n_got ? got[same] : -1,
                 same < count ? ids[same] : -1, count);
    tl_free(got);
}

void expect_text(const struct tl_tokenizer *tokenizer, int special, const int32_t *ids, size_t count, const char *text, size_t n)
{
    char *got = NULL;
    size_t n_got = 0;
    assert_int_equal(tl_tokenizer_decode(tokenizer, ids, count, special, &got, &n_got), 0);
    if (n_got != n || memcmp(got, text, n) != 0)
        fail_msg("'%s', expected '%s'", got, text);
    tl_free(got);
}

void expect_same(const struct tl_tokenizer *tokenizer, const char *text, size_t n)
{
    int32_t *ids = NULL;
    size_t count = 0;
    assert_int_equal(tl_tokenizer_encode(tokenizer, text, n, 0, &ids, &count), 0);
    for (size_t i = 0; i < count; i++)
        assert_false(tl_tokenizer_is_control(tokenizer, ids[i]));
    expect_text(tokenizer, 0, ids, count, text, n);
    tl_free(ids);
}
