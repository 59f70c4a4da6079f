/* SPDX-License-Identifier: MIT */
/* What the fuzzers of vocabularies share. Input: the file; what follows a line of "====" is a text. Whatever is built
 * encodes and decodes it without harm: its ids are of the vocabulary, none is a control token that was not asked for, and
 * the stream gives what decode gives. */
#ifndef FUZZ_TOKENIZER_H
#define FUZZ_TOKENIZER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "text/tokenizer_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static inline void require(bool good)
{
    if (!good)
        abort();
}

static inline void decode(const struct tl_tokenizer *tokenizer, const int32_t *ids, size_t count, bool special)
{
    struct tl_detokenizer stream;
    struct tl_buffer out;
    char *text = NULL;
    size_t n = 0;
    require(tl_tokenizer_decode(tokenizer, ids, count, special, &text, &n) >= 0);
    tl_buffer_init(&out, 0);
    tl_detokenizer_init(&stream, tokenizer, special);
    for (size_t i = 0; i < count; i++)
        require(tl_detokenizer_push(&stream, ids[i], &out) >= 0);
    require(tl_detokenizer_flush(&stream, &out) >= 0);
    require(out.len == n && (n == 0 || memcmp(out.data, text, n) == 0));
    tl_buffer_done(&out);
    tl_free(text);
}

static inline void encode(const struct tl_tokenizer *tokenizer, const char *text, size_t n, unsigned flags)
{
    int32_t *ids = NULL;
    size_t count = 0;
    if (tl_tokenizer_encode(tokenizer, text, n, flags, &ids, &count) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        require(ids[i] >= 0 && (uint32_t)ids[i] < tl_tokenizer_size(tokenizer));
        require((flags & TL_ENCODE_SPECIAL) || !tl_tokenizer_is_control(tokenizer, ids[i]) || ids[i] == tokenizer->unknown);
    }
    decode(tokenizer, ids, count, flags & TL_ENCODE_SPECIAL);
    tl_free(ids);
}

typedef int make_tokenizer(const char *where, const char *file, size_t n_bytes, struct tl_tokenizer **ret_tokenizer);

static inline int fuzz_tokenizer(make_tokenizer *make, const uint8_t *bytes, size_t n_bytes)
{
    static const char separator[] = "\n====\n";
    const char *file = (const char *)bytes, *text = n_bytes ? memmem(file, n_bytes, separator, sizeof separator - 1) : NULL;
    size_t n_file = text ? (size_t)(text - file) : n_bytes, n_text = 0;
    struct tl_tokenizer *tokenizer = NULL;
    if (text) {
        text += sizeof separator - 1;
        n_text = n_bytes - (size_t)(text - file);
    }
    if (make("fuzz", file, n_file, &tokenizer) < 0) {
        require(!tokenizer);
        return 0;
    }
    encode(tokenizer, text, n_text, 0);
    encode(tokenizer, text, n_text, TL_ENCODE_SPECIAL | TL_ENCODE_BOS | TL_ENCODE_CONTINUE);
    for (uint32_t id = 0; id < tl_tokenizer_size(tokenizer) && id < 1000; id++)
        decode(tokenizer, &(int32_t){(int32_t)id}, 1, id % 2);
    tl_tokenizer_free(tokenizer);
    return 0;
}

#endif
