/* SPDX-License-Identifier: MIT */
/* Who a model is and which words it has, and the windows of a corpus as a teacher is asked about them. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/distill_impl.h"

enum { END_BYTES = 4096 };

static int add_end(struct tl_sha256 *sha, const struct tl_modelfile *file, const struct tl_tensor *tensor, uint64_t offset)
{
    uint8_t bytes[END_BYTES];
    uint64_t n = tensor->n_bytes - offset < END_BYTES ? tensor->n_bytes - offset : END_BYTES;
    int status = n ? tl_modelfile_read(file, tensor, offset, bytes, n) : 0;
    if (status >= 0)
        tl_sha256_add(sha, bytes, n);
    return status;
}

int tl_distill_identity(const struct tl_modelfile *file, uint8_t ret_digest[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    uint64_t size = tl_modelfile_bytes(file), n = tl_modelfile_tensors(file);
    int status = 0;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, &size, sizeof(size));
    for (uint64_t i = 0; i < n && status >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        tl_sha256_add(&sha, tensor->name, strlen(tensor->name) + 1);
        tl_sha256_add(&sha, tensor->type_name, strlen(tensor->type_name) + 1);
        tl_sha256_add(&sha, tensor->shape, tensor->n_dims * sizeof(tensor->shape[0]));
        status = add_end(&sha, file, tensor, 0);
        if (status >= 0 && tensor->n_bytes > END_BYTES)
            status = add_end(&sha, file, tensor, tensor->n_bytes - END_BYTES);
    }
    tl_sha256_end(&sha, ret_digest);
    return status < 0 ? status : 0;
}

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
