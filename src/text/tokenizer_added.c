/* SPDX-License-Identifier: MIT */
/* Added tokens on their way from a file into a tokenizer. A token that says it is special becomes a control token; one that
 * only looks like one keeps its kind and is not made from typed text either. */
#include "text/tokenizer_added.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/memory.h"

void tl_tokenizer_added_init(struct tl_tokenizer_added_list *list)
{
    *list = (struct tl_tokenizer_added_list){0};
    tl_buffer_init(&list->text, UINT32_MAX / 2);
}

void tl_tokenizer_added_done(struct tl_tokenizer_added_list *list)
{
    tl_free(list->token);
    tl_buffer_done(&list->text);
}

int tl_tokenizer_added_put(struct tl_tokenizer_added_list *list, const struct tl_tokenizer_added *token)
{
    if (tl_grow((void **)&list->token, list->count, &list->capacity, sizeof *list->token) < 0)
        return TL_E_NOMEM;
    list->token[list->count++] = *token;
    return 0;
}

/* An id for a name that the vocabulary may have too; both must say the same. */
static int name_one(const struct tl_tokenizer_added_list *list, const struct tl_tokenizer_added *token, struct tl_vocab *vocab,
                    const char *where, uint64_t limit)
{
    const char *text = list->text.data + token->at;
    int32_t known = tl_vocab_find(vocab, text, token->n_bytes);
    if (known >= 0 && (uint32_t)known != token->id)
        return tl_fail(TL_E_FILE, "%s: added token '%.*s' has id %" PRIu32 ", in the vocabulary it has %" PRId32, where,
                       (int)(token->n_bytes < 40 ? token->n_bytes : 40), text, token->id, known);
    if (known >= 0 && token->special)
        vocab->kind[known] = TL_TOKEN_CONTROL;
    if (known >= 0)
        return 0;                        /* unless special, the model goes on making it from text, too */
    if (token->id > limit)
        return tl_fail(TL_E_FILE, "%s: added token id %" PRIu32 " is too far from the others", where, token->id);
    return tl_vocab_add(vocab, where, token->id, text, token->n_bytes, token->special ? TL_TOKEN_CONTROL : TL_TOKEN_USER);
}

int tl_tokenizer_added_name(const struct tl_tokenizer_added_list *list, struct tl_tokenizer *tokenizer, const char *where, uint64_t limit)
{
    int r = 0;
    for (uint32_t i = 0; i < list->count && r >= 0; i++)
        r = name_one(list, &list->token[i], &tokenizer->vocab, where, limit);
    return r;
}

static int match_one(const struct tl_tokenizer_added_list *list, const struct tl_tokenizer_added *token, struct tl_tokenizer *t,
                     struct tl_regex_scratch *scratch, struct tl_buffer buffer[2])
{
    const char *text = list->text.data + token->at;
    size_t n = token->n_bytes;
    bool special = t->vocab.kind[token->id] == TL_TOKEN_CONTROL || tl_tokenizer_guarded(text, n);
    unsigned flags = (special ? TL_ADDED_SPECIAL : 0u) | (token->lstrip ? TL_ADDED_LSTRIP : 0u) |
                     (token->rstrip ? TL_ADDED_RSTRIP : 0u) | (token->single_word ? TL_ADDED_WORD : 0u);
    if (!token->normalized || special)   /* control tokens are found where the text is still as it was marked */
        return tl_added_add(&t->raw, text, n, (int32_t)token->id, flags);
    int r = tl_normalizer_run(&t->normalizer, scratch, false, text, n, buffer, &text, &n);
    return r < 0 ? r : tl_added_add(&t->normal, text, n, (int32_t)token->id, flags);
}

int tl_tokenizer_added_match(const struct tl_tokenizer_added_list *list, struct tl_tokenizer *tokenizer)
{
    struct tl_regex_scratch scratch;
    struct tl_buffer buffer[2] = {0};
    int r = 0;
    tl_regex_scratch_init(&scratch, list->text.len);
    for (uint32_t i = 0; i < list->count && r >= 0; i++)
        r = match_one(list, &list->token[i], tokenizer, &scratch, buffer);
    tl_regex_scratch_done(&scratch);
    tl_buffer_done(&buffer[0]);
    tl_buffer_done(&buffer[1]);
    return r;
}
