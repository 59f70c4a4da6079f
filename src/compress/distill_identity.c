/* SPDX-License-Identifier: MIT */
/* Which words a model has, and the windows of a corpus as a teacher is asked about them. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/distill_impl.h"

bool tl_distill_same_words(const struct tl_tokenizer *a, const struct tl_tokenizer *b)
{
    uint32_t n = tl_tokenizer_size(a);
    if (n != tl_tokenizer_size(b))
        return false;
    for (uint32_t id = 0; id < n; id++) {
        const char *one = tl_tokenizer_name(a, (int32_t)id), *other = tl_tokenizer_name(b, (int32_t)id);
        if (one != other && (!one || !other || strcmp(one, other) != 0))
            return false;
    }
    return true;
}

int tl_distill_cut(const struct tl_distilling *d, const struct tl_corpus *corpus, bool held, uint64_t n, struct tl_distill_texts *texts)
{
    const struct tl_tokenizer *tokenizer = d->student->tokenizer;
    uint32_t window = d->settled.window;
    uint64_t all = tl_corpus_windows(corpus, held);
    int32_t bos = tl_tokenizer_adds_bos(tokenizer) ? tl_tokenizer_bos(tokenizer) : -1;
    TL_AUTO int32_t *ids = tl_alloc(window, sizeof(*ids));
    TL_AUTO int32_t *next = tl_alloc(window, sizeof(*next));
    TL_AUTO uint32_t *first = tl_alloc(window, sizeof(*first));
    TL_AUTO uint64_t *where = tl_alloc(window, sizeof(*where));
    int status = ids && next && first && where ? 0 : TL_E_NOMEM;
    for (uint64_t i = 0; i < (n && n < all ? n : all) && status >= 0; i++) {
        tl_corpus_windows_at(corpus, held, d->settled.seed, i, 1, ids, first, next, where);
        status = tl_distill_texts_add(texts, ids, first, next, where, window, bos);
    }
    return status;
}

int tl_distill_read_corpus(struct tl_distilling *d, const char *path, double held_share, struct tl_corpus **ret_corpus)
{
    struct tl_corpus_how how = {.tokenizer = d->student->tokenizer, .template = d->student->template, .window = d->settled.window,
                                .held_share = held_share, .ram_bytes = d->settled.engine.ram_bytes / 2, .progress = d->progress};
    int status = tl_corpus_read(path, &how, ret_corpus);
    if (status >= 0 && !tl_corpus_windows(*ret_corpus, false))
        status = tl_fail(TL_E_USAGE, "%s: nothing to learn is in it", path);
    return status;
}
