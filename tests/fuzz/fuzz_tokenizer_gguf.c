/* SPDX-License-Identifier: MIT */
/* A tokenizer from the metadata of any GGUF file: it is built or refused, and what is built encodes and decodes a text that
 * has every kind of character; ids are of the vocabulary, none is a control token that was not asked for. */
#include <stdint.h>

#include "base/memory.h"
#include "fuzz_modelfile.h"
#include "text/tokenizer_private.h"

static void use(const struct tl_tokenizer *tokenizer, unsigned flags)
{
    static const char text[] = "It's <tool> abc  hello wo 12\n\n e\xCC\x81 \xE6\xB0\xB4 \xF0\x9F\x99\x82 \xFF\xC3 <s><|im_start|> a<b>c aaaaa";
    int32_t *ids = NULL;
    size_t count = 0, n = 0;
    char *back = NULL;
    if (tl_tokenizer_encode(tokenizer, text, sizeof text - 1, flags, &ids, &count) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        require(ids[i] >= 0 && (uint32_t)ids[i] < tl_tokenizer_size(tokenizer));
        require(flags || !tl_tokenizer_is_control(tokenizer, ids[i]) || ids[i] == tokenizer->unknown);
    }
    require(tl_tokenizer_decode(tokenizer, ids, count, flags, &back, &n) >= 0);
    tl_free(back);
    tl_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char path[64];
    int fd = memory_file(bytes, n_bytes, path);
    struct tl_modelfile *file = NULL;
    struct tl_tokenizer *tokenizer = NULL;
    if (tl_modelfile_open(path, &file) >= 0 && tl_tokenizer_new(file, &tokenizer) >= 0) {
        use(tokenizer, 0);
        use(tokenizer, TL_ENCODE_SPECIAL | TL_ENCODE_BOS | TL_ENCODE_CONTINUE);
        for (uint32_t id = 0; id < tl_tokenizer_size(tokenizer) && id < 1000; id++)
            require(tl_tokenizer_name(tokenizer, (int32_t)id) && !(tl_tokenizer_ends(tokenizer, (int32_t)id) && id >= tokenizer->vocab.count));
    } else {
        require(!tokenizer && tl_error_text()[0]);
    }
    tl_tokenizer_free(tokenizer);
    tl_modelfile_close(file);
    close(fd);
    return 0;
}
