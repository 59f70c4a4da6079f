/* SPDX-License-Identifier: MIT */
/* A tokenizer as GGUF metadata. Keys and token types: the GGUF specification in ggml's docs. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/characters.h"
#include "text/tokenizer_merges.h"
#include "text/tokenizer_write.h"

#define KEY "tokenizer.ggml."

enum { PADDING_BYTES = 24 };

/* --- tokens ------------------------------------------------------------------------------------------------------- */

/* What is found in text by its name and is not special, whatever the vocabulary calls it. */
static void mark_added(const struct tl_added *added, uint32_t vocab, int32_t *types)
{
    for (uint32_t i = 0; i < added->count; i++)
        if (!(added->token[i].flags & TL_ADDED_SPECIAL) && (uint32_t)added->token[i].id < vocab)
            types[added->token[i].id] = TL_TOKEN_USER;
}

static int write_tokens(const struct tl_tokenizer *t, uint32_t vocab, struct tl_writer *writer)
{
    TL_AUTO const char **names = tl_alloc(vocab, sizeof(*names));
    TL_AUTO int32_t *types = tl_alloc(vocab, sizeof(*types));
    TL_AUTO char *padding = tl_alloc(vocab, PADDING_BYTES);
    if (!names || !types || !padding)
        return TL_E_NOMEM;
    for (uint32_t id = 0; id < vocab; id++) {
        bool named = id < t->vocab.count && t->vocab.name[id].n_bytes;
        snprintf(padding + (size_t)id * PADDING_BYTES, PADDING_BYTES, "[PAD%u]", id);
        names[id] = named ? tl_vocab_name(&t->vocab, id) : padding + (size_t)id * PADDING_BYTES;
        types[id] = named ? t->vocab.kind[id] : TL_TOKEN_UNUSED;
        if (named && strlen(names[id]) != t->vocab.name[id].n_bytes)
            return tl_fail(TL_E_USAGE, "the name of token %u holds a NUL, which GGUF cannot", id);
    }
    mark_added(&t->raw, vocab, types);
    mark_added(&t->normal, vocab, types);
    if (t->unknown >= 0 && (uint32_t)t->unknown < vocab && t->spelling != TL_SPELLING_BYTES)
        types[t->unknown] = TL_TOKEN_UNKNOWN;
    int r = tl_writer_strings(writer, KEY "tokens", names, vocab);
    return r < 0 ? r : tl_writer_i32s(writer, KEY "token_type", types, vocab);
}

/* --- merges ------------------------------------------------------------------------------------------------------- */

static int write_merges(const struct tl_tokenizer *t, const struct tl_merge_list *list, struct tl_writer *writer)
{
    TL_AUTO const char **texts = tl_alloc(list->count + 1, sizeof(*texts));
    TL_AUTO size_t *at = tl_alloc(list->count + 1, sizeof(*at));
    struct tl_buffer all;
    int r = texts && at ? 0 : TL_E_NOMEM;
    tl_buffer_init(&all, 0);
    for (uint64_t i = 0; i < list->count && r >= 0; i++) {
        at[i] = all.len;
        r = tl_buffer_printf(&all, "%s %s", tl_vocab_name(&t->vocab, (uint32_t)list->merge[i].left),
                             tl_vocab_name(&t->vocab, (uint32_t)list->merge[i].right));
        if (r >= 0)
            r = tl_buffer_append(&all, "", 1);
    }
    for (uint64_t i = 0; i < list->count && r >= 0; i++)
        texts[i] = all.data + at[i];
    if (r >= 0)
        r = tl_writer_strings(writer, KEY "merges", texts, list->count);
    tl_buffer_done(&all);
    return r;
}

/* A token's score is the rank of its first merge, negative. */
static int write_scores(const struct tl_merge_list *list, uint32_t vocab, struct tl_writer *writer)
{
    TL_AUTO float *scores = tl_alloc(vocab, sizeof(*scores));
    if (!scores)
        return TL_E_NOMEM;
    for (uint32_t id = 0; id < vocab; id++)
        scores[id] = -(float)list->count - 1;
    for (uint64_t i = list->count; i-- > 0;)
        if ((uint32_t)list->merge[i].id < vocab)
            scores[list->merge[i].id] = -(float)i;
    return tl_writer_f32s(writer, KEY "scores", scores, vocab);
}

/* Scores say the same as merges where every pair that makes a token merges, and the pairs of a token have ranks side by side. */
static int scores_can(const struct tl_tokenizer *t, const struct tl_merge_list *list)
{
    struct tl_merge_list pairs;
    TL_AUTO uint8_t *seen = tl_alloc(t->vocab.count + 1, 1);
    int r = seen ? tl_tokenizer_list_pairs(t, &pairs) : TL_E_NOMEM;
    if (r < 0)
        return r;
    bool can = pairs.count == list->count;
    tl_merge_list_done(&pairs);
    for (uint64_t i = 0; i < list->count && can; i++) {
        bool goes_on = i > 0 && list->merge[i].id == list->merge[i - 1].id;
        can = goes_on || !seen[list->merge[i].id];
        seen[list->merge[i].id] = 1;
    }
    return can;
}

/* --- kinds -------------------------------------------------------------------------------------------------------- */

static int write_kind(struct tl_writer *writer, const char *model, const char *pre)
{
    int r = tl_writer_string(writer, KEY "model", model, strlen(model));
    return r < 0 || !pre ? r : tl_writer_string(writer, KEY "pre", pre, strlen(pre));
}

/* Does the tokenizer put U+2581 before a text? */
static bool prepends(const struct tl_tokenizer *t)
{
    for (size_t i = 0; i < t->normalizer.count; i++)
        if (t->normalizer.step[i].kind == TL_NORMAL_PREPEND)
            return true;
    return t->pretokenizer.count && t->pretokenizer.step[0].kind == TL_PRETOKEN_METASPACE && t->pretokenizer.step[0].prepend != TL_PREPEND_NEVER;
}

static int write_blanks(const struct tl_tokenizer *t, const struct tl_merge_list *list, uint32_t vocab, struct tl_writer *writer)
{
    int can = t->model == TL_MODEL_SPM ? 1 : scores_can(t, list);
    bool cut = t->pretokenizer.count > (t->pretokenizer.count && t->pretokenizer.step[0].kind == TL_PRETOKEN_METASPACE);
    if (can < 0)
        return can;
    if (cut || (!can && prepends(t)))
        return tl_fail(TL_E_USAGE, "the tokenizer cuts text, or merges it, as no kind of GGUF's does");
    int r = can ? write_kind(writer, "llama", "default") : write_kind(writer, "gemma4", NULL);
    if (r >= 0)
        r = can ? write_scores(list, vocab, writer) : write_merges(t, list, writer);
    return r < 0 ? r : tl_writer_bool(writer, KEY "add_space_prefix", prepends(t));
}

static int write_bytes(const struct tl_tokenizer *t, const struct tl_merge_list *list, struct tl_writer *writer)
{
    const struct tl_pretokenizer_row *row = t->ranks ? tl_pretokenizer_find("kimi-k2") : tl_pretokenizer_row_of(&t->pretokenizer, t->whole_words);
    if (!row)
        return tl_fail(TL_E_USAGE, "the tokenizer cuts text as no pre-tokenizer does that GGUF files name");
    int r = write_kind(writer, "gpt2", row->name);
    return r < 0 ? r : write_merges(t, list, writer);
}

static int write_id(struct tl_writer *writer, const char *key, int32_t id, uint32_t vocab)
{
    return id >= 0 && (uint32_t)id < vocab ? tl_writer_u64(writer, key, (uint64_t)id) : 0;
}

static int write_specials(const struct tl_tokenizer *t, uint32_t vocab, struct tl_writer *writer)
{
    bool bos = t->n_before && t->before[0] == t->bos, eos = t->n_after && t->after[0] == t->eos;
    if (t->n_before > bos || t->n_after > eos)
        return tl_fail(TL_E_USAGE, "the tokenizer puts other tokens around a text than BOS and EOS, which GGUF cannot say");
    int r = write_id(writer, KEY "bos_token_id", t->bos, vocab);
    if (r >= 0)
        r = write_id(writer, KEY "eos_token_id", t->eos, vocab);
    if (r >= 0)
        r = write_id(writer, KEY "unknown_token_id", t->unknown, vocab);
    if (r >= 0)
        r = tl_writer_bool(writer, KEY "add_bos_token", bos);
    return r < 0 ? r : tl_writer_bool(writer, KEY "add_eos_token", eos);
}

int tl_tokenizer_write_gguf(const struct tl_tokenizer *t, uint32_t vocab, struct tl_writer *writer)
{
    struct tl_merge_list list;
    int r = tl_tokenizer_list_merges(t, &list);
    if (r < 0)
        return r;
    r = t->spelling == TL_SPELLING_BYTES ? write_bytes(t, &list, writer) : write_blanks(t, &list, vocab, writer);
    if (r >= 0)
        r = write_tokens(t, vocab, writer);
    if (r >= 0)
        r = write_specials(t, vocab, writer);
    tl_merge_list_done(&list);
    return r;
}
