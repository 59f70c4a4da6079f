/* SPDX-License-Identifier: MIT */
/* GGUF files that hold a vocabulary and nothing else, put together by hand for the tokenizers' tests. */
#ifndef TESTS_VOCAB_FILE_H
#define TESTS_VOCAB_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

struct vocab_file { uint8_t *data; size_t n, room; uint64_t n_values; };

void vocab_file_begin(struct vocab_file *file);
void vocab_file_done(struct vocab_file *file);
void vocab_file_text(struct vocab_file *file, const char *key, const char *text);
void vocab_file_u32(struct vocab_file *file, const char *key, uint32_t value);
void vocab_file_bool(struct vocab_file *file, const char *key, int value);
void vocab_file_texts(struct vocab_file *file, const char *key, const char *const *texts, size_t count);
void vocab_file_i32s(struct vocab_file *file, const char *key, const int32_t *values, size_t count);
void vocab_file_f32s(struct vocab_file *file, const char *key, const float *values, size_t count);
/* Opens what was put together as a file; 0 or the failure of building a tokenizer from it. */
int vocab_file_load(const struct vocab_file *file, struct tl_tokenizer **ret_tokenizer);

/* A small byte-level vocabulary: 0 <|endoftext|>, 1 <|im_start|> (control), 2 <tool> (added), 3..258 the bytes in order,
 * then he ll hell hello Ġw Ġwo rl aa aaaa ba, made by as many merges. */
enum { BYTE_ID = 3, HE = 259, LL, HELL, HELLO, W, WO, RL, AA, AAAA, BA, BYTE_VOCAB };
void vocab_file_byte_level(struct vocab_file *file, const char *pre);
/* A SentencePiece vocabulary: 0 <unk>, 1 <s>, 2 </s>, 3..258 bytes, then ▁ a b c ab bc abc ▁a <b> (user-defined) c▁ é. */
enum { SPM_BLANK = 259, SPM_A, SPM_B, SPM_C, SPM_AB, SPM_BC, SPM_ABC, SPM_BLANK_A, SPM_USER, SPM_C_BLANK, SPM_E, SPM_VOCAB };
void vocab_file_spm(struct vocab_file *file);
extern const char *vocab_file_spm_tokens[SPM_VOCAB];
extern int32_t vocab_file_spm_types[SPM_VOCAB];
extern float vocab_file_spm_scores[SPM_VOCAB];

struct tl_tokenizer *vocab_file_tokenizer(const struct vocab_file *file);        /* fails the test where there is none */
/* Text of n bytes must give these ids. */
void expect_ids(const struct tl_tokenizer *tokenizer, unsigned flags, const char *text, size_t n, const int32_t *ids, size_t count);
#define EXPECT_IDS(tokenizer, flags, text, ...)                                                                          \
    expect_ids(tokenizer, flags, text, sizeof(text) - 1, (const int32_t[]){__VA_ARGS__, -1},                             \
               sizeof((const int32_t[]){__VA_ARGS__, -1}) / sizeof(int32_t) - 1)
void expect_text(const struct tl_tokenizer *tokenizer, int special, const int32_t *ids, size_t count, const char *text, size_t n);
/* Encodes and decodes; the bytes must be the same again. */
void expect_same(const struct tl_tokenizer *tokenizer, const char *text, size_t n);
#define EXPECT_SAME(tokenizer, text) expect_same(tokenizer, text, sizeof(text) - 1)

#endif
