/* SPDX-License-Identifier: MIT */
/* Merges in order: those of a table by their rank; where scores decide, every pair of tokens that is a token, by its score; where
 * ids decide, for each token the pair that it is made of last. */
#include "text/tokenizer_merges.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/characters.h"

void tl_merge_list_done(struct tl_merge_list *list)
{
    tl_free(list->merge);
    *list = (struct tl_merge_list){0};
}

static int append(struct tl_merge_list *list, struct tl_merge merge)
{
    if (tl_grow((void **)&list->merge, list->count, &list->capacity, sizeof *list->merge) < 0)
        return TL_E_NOMEM;
    list->merge[list->count++] = merge;
    return 0;
}

/* Equal ranks, which pairs of one token have: by their ids, as converters of SentencePiece's files order them. */
static int by_rank(const void *a, const void *b)
{
    const struct tl_merge *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->left != y->left ? (x->left < y->left ? -1 : 1) : (x->right > y->right) - (x->right < y->right);
}

static int list_table(const struct tl_merges *merges, struct tl_merge_list *list)
{
    int r = 0;
    for (uint32_t i = 0; i < merges->n_slots && r >= 0; i++)
        if (merges->slot[i].left >= 0)
            r = append(list, merges->slot[i]);
    return r;
}

static int add_pairs(const struct tl_tokenizer *t, uint32_t id, struct tl_merge_list *list)
{
    const char *name = tl_vocab_name(&t->vocab, id);
    size_t n = t->vocab.name[id].n_bytes;
    int r = 0;
    for (size_t at = tl_character_bytes(name, n); at < n && r >= 0; at += tl_character_bytes(name + at, n - at)) {
        int32_t left = tl_vocab_find(&t->vocab, name, at), right = tl_vocab_find(&t->vocab, name + at, n - at);
        if (tl_vocab_plain(&t->vocab, left) && tl_vocab_plain(&t->vocab, right))
            r = append(list, (struct tl_merge){left, right, t->order ? t->order[id] : 0, (int32_t)id});
    }
    return r;
}

int tl_tokenizer_list_pairs(const struct tl_tokenizer *t, struct tl_merge_list *list)
{
    int r = 0;
    *list = (struct tl_merge_list){0};
    for (uint32_t id = 0; id < t->vocab.count && r >= 0; id++)
        if (tl_vocab_plain(&t->vocab, (int32_t)id) && t->vocab.name[id].n_bytes)
            r = add_pairs(t, id, list);
    return r;
}

/* Cuts the name into what lower ids make of it; where these are two, they are the token's merge. */
static int add_last(const struct tl_tokenizer *t, uint32_t id, struct tl_merge_list *list)
{
    enum { MOST = 1024 };
    const char *name = tl_vocab_name(&t->vocab, id);
    size_t n = t->vocab.name[id].n_bytes, n_parts = 0;
    uint32_t begin[MOST + 1];
    for (size_t at = 0; at < n && n_parts < MOST; at += tl_character_bytes(name + at, n - at))
        begin[n_parts++] = (uint32_t)at;
    begin[n_parts] = (uint32_t)n;
    for (;;) {
        int32_t best = (int32_t)id;
        size_t where = 0;
        for (size_t i = 0; i + 1 < n_parts; i++) {
            int32_t made = tl_vocab_find(&t->vocab, name + begin[i], begin[i + 2] - begin[i]);
            if (tl_vocab_plain(&t->vocab, made) && made < best) {
                best = made;
                where = i;
            }
        }
        if (best == (int32_t)id)
            break;
        memmove(&begin[where + 1], &begin[where + 2], (n_parts - where - 1) * sizeof(*begin));
        n_parts--;
    }
    if (n_parts != 2)
        return 0;
    int32_t left = tl_vocab_find(&t->vocab, name, begin[1]), right = tl_vocab_find(&t->vocab, name + begin[1], n - begin[1]);
    return left < 0 || right < 0 ? 0 : append(list, (struct tl_merge){left, right, id, (int32_t)id});
}

static int list_ranks(const struct tl_tokenizer *t, struct tl_merge_list *list)
{
    int r = 0;
    for (uint32_t id = 0; id < t->vocab.count && r >= 0; id++)
        if (tl_vocab_plain(&t->vocab, (int32_t)id))
            r = add_last(t, id, list);
    return r;
}

int tl_tokenizer_list_merges(const struct tl_tokenizer *t, struct tl_merge_list *list)
{
    *list = (struct tl_merge_list){0};
    int r = t->model == TL_MODEL_SPM ? tl_tokenizer_list_pairs(t, list) : t->ranks ? list_ranks(t, list) : list_table(&t->merges, list);
    if (r < 0)
        tl_merge_list_done(list);
    else if (list->count)
        qsort(list->merge, list->count, sizeof *list->merge, by_rank);
    return r;
}
