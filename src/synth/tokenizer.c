/* SPDX-License-Identifier: MIT */
/* Bytes are written as the characters that byte-level BPE has for them (GPT-2's table). There are no merges. */
#include "synth/tokenizer.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { NAME_BYTES = 16, NORMAL = 1, CONTROL = 3 };

static const char end_name[] = "<|endoftext|>";

/* Printable bytes stand for themselves; all others follow from 256 on. */
static uint32_t character_of(uint32_t byte)
{
    uint32_t others = 0;
    for (uint32_t b = 0; b < TL_TOKENIZER_BYTES; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (b == byte)
            return printable ? b : 256 + others;
        others += !printable;
    }
    return 0;
}

static void name_of(uint32_t id, char name[NAME_BYTES])
{
    if (id < TL_TOKENIZER_BYTES)
        name[tl_utf8_encode(character_of(id), name)] = 0;
    else
        snprintf(name, NAME_BYTES, "%s", id == TL_TOKENIZER_END ? end_name : "");
    if (id > TL_TOKENIZER_END)
        snprintf(name, NAME_BYTES, "<%u>", id);
}

int tl_synth_tokenizer_gguf(struct tl_writer *writer, uint32_t vocab)
{
    TL_AUTO char *names = tl_alloc(vocab, NAME_BYTES);
    TL_AUTO const char **texts = tl_alloc(vocab, sizeof(*texts));
    TL_AUTO int32_t *types = tl_alloc(vocab, sizeof(*types));
    if (!names || !texts || !types)
        return TL_E_NOMEM;
    for (uint32_t id = 0; id < vocab; id++) {
        name_of(id, names + (size_t)id * NAME_BYTES);
        texts[id] = names + (size_t)id * NAME_BYTES;
        types[id] = id == TL_TOKENIZER_END ? CONTROL : NORMAL;
    }
    int r = tl_writer_string(writer, "tokenizer.ggml.model", "gpt2", 4);
    if (r >= 0)
        r = tl_writer_string(writer, "tokenizer.ggml.pre", "gpt-2", 5);
    if (r >= 0)
        r = tl_writer_strings(writer, "tokenizer.ggml.tokens", texts, vocab);
    if (r >= 0)
        r = tl_writer_i32s(writer, "tokenizer.ggml.token_type", types, vocab);
    if (r >= 0)
        r = tl_writer_strings(writer, "tokenizer.ggml.merges", NULL, 0);
    if (r >= 0)
        r = tl_writer_u64(writer, "tokenizer.ggml.bos_token_id", TL_TOKENIZER_END);
    if (r >= 0)
        r = tl_writer_u64(writer, "tokenizer.ggml.eos_token_id", TL_TOKENIZER_END);
    return r < 0 ? r : tl_writer_bool(writer, "tokenizer.ggml.add_bos_token", false);
}

int tl_synth_tokenizer_json(struct tl_buffer *json, uint32_t vocab)
{
    tl_buffer_printf(json, "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
                           "\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":null,", TL_TOKENIZER_END, end_name);
    tl_buffer_printf(json, "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
                           "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                           "\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
                           "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,"
                           "\"vocab\":{");
    for (uint32_t id = 0; id < vocab; id++) {
        char name[NAME_BYTES];
        name_of(id, name);
        tl_buffer_append(json, ",", id > 0);
        tl_buffer_json_string(json, name, strlen(name));
        tl_buffer_printf(json, ":%u", id);
    }
    return tl_buffer_printf(json, "},\"merges\":[]}}\n");
}

int tl_synth_tokenizer_config(struct tl_buffer *json)
{
    return tl_buffer_printf(json, "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"add_bos_token\":false,\"bos_token\":\"%s\","
                                  "\"eos_token\":\"%s\"}\n", end_name, end_name);
}
