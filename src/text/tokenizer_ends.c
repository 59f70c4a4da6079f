/* SPDX-License-Identifier: MIT */
/* Where generation ends. Files name one or two ids; the rest is known by the names that model families use. */
#include <string.h>

#include "base/array.h"
#include "text/tokenizer_private.h"

/* `sure`: nothing else is called so; then a vocabulary that calls it a normal token is mistaken. */
static const struct { const char *name; bool sure; } ends[] = {
    {"<|endoftext|>", true}, {"<|im_end|>", true}, {"<|eot_id|>", true}, {"<|eom_id|>", true}, {"<|end|>", true},
    {"<|end_of_text|>", true}, {"<|return|>", true}, {"<|call|>", true}, {"<|calls|>", true}, {"<|flush|>", true},
    {"<|fim_pad|>", true}, {"<|repo_name|>", true}, {"<|file_sep|>", true}, {"<end_of_turn>", true},
    {"<end_of_utterance>", true}, {"<turn|>", true}, {"<|tool_response>", true},
    {"<\xEF\xBD\x9C" "end\xE2\x96\x81" "of\xE2\x96\x81" "sentence\xEF\xBD\x9C>", true},
    {"</s>", false}, {"<eos>", false}, {"<EOT>", false}, {"_<EOT>", false}, {"[EOT]", false}, {"[EOS]", false}, {"[e~[", false},
};

static int32_t find(const struct tl_tokenizer *tokenizer, const char *name)
{
    return tl_vocab_find(&tokenizer->vocab, name, strlen(name));
}

void tl_tokenizer_add_end(struct tl_tokenizer *tokenizer, int64_t id)
{
    if (id < 0 || id >= tokenizer->vocab.count || tokenizer->n_ends == TL_TOKENIZER_ENDS ||
        tl_tokenizer_ends(tokenizer, (int32_t)id))
        return;
    tokenizer->end[tokenizer->n_ends++] = (int32_t)id;
}

void tl_tokenizer_find_ends(struct tl_tokenizer *tokenizer)
{
    /* In these two formats <|end|> closes a message and the answer goes on. */
    bool goes_on = (find(tokenizer, "<|return|>") >= 0 && find(tokenizer, "<|call|>") >= 0) ||
                   (find(tokenizer, "<|calls|>") >= 0 && find(tokenizer, "<|flush|>") >= 0);
    for (size_t i = 0; i < TL_COUNT(ends); i++) {
        int32_t id = find(tokenizer, ends[i].name);
        if (id < 0 || (tokenizer->vocab.kind[id] != TL_TOKEN_CONTROL && !ends[i].sure))
            continue;
        tokenizer->vocab.kind[id] = TL_TOKEN_CONTROL;
        if (!(goes_on && strcmp(ends[i].name, "<|end|>") == 0))
            tl_tokenizer_add_end(tokenizer, id);
    }
}

bool tl_tokenizer_guarded(const char *name, size_t n_bytes)
{
    static const char *const starts[] = {"<|", "<\xEF\xBD\x9C"}, *const stops[] = {"|>", "\xEF\xBD\x9C>"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(starts[i]);
        if (n_bytes > n && (memcmp(name, starts[i], n) == 0 || memcmp(name + n_bytes - n, stops[i], n) == 0))
            return true;
    }
    return false;
}
