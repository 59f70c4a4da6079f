/* SPDX-License-Identifier: MIT */
/* What is learnt: texts as ids, cut into documents, packed into windows of equal length in an order that a seed decides.
 * A document longer than a window goes on in the next; documents of one window do not see each other. */
#ifndef TL_TRAIN_DATA_H
#define TL_TRAIN_DATA_H

#include "base/hash.h"
#include "base/progress.h"
#include "text/tokenizer.h"

struct tl_corpus;

/* path: a text file, a folder of them, or lines of JSON with "text" (or "messages", through `template`; the answers alone have
 * losses then) in *.jsonl. Each document ends with EOS. held_share of the documents, chosen by their own hash, are held out. */
struct tl_corpus_how {
    const struct tl_tokenizer *tokenizer;
    const struct tl_template *template;  /* may be NULL */
    uint32_t window;
    double held_share;
    struct tl_progress *progress;
};
int tl_corpus_read(const char *path, const struct tl_corpus_how *how, struct tl_corpus **ret_corpus);
void tl_corpus_free(struct tl_corpus *corpus);
uint64_t tl_corpus_tokens(const struct tl_corpus *corpus, bool held);
uint64_t tl_corpus_windows(const struct tl_corpus *corpus, bool held);      /* of one pass over all */
void tl_corpus_digest(const struct tl_corpus *corpus, uint8_t ret[TL_SHA256_BYTES]);

/* The windows number `at` .. at + n - 1 of an endless row: pass after pass over all, each shuffled anew by the seed. Of those
 * held out: in their order. ids, first, next: [n][window]. where (may be NULL): the place of each token in the corpus, by
 * which a teacher's records are found. */
void tl_corpus_windows_at(const struct tl_corpus *corpus, bool held, uint64_t seed, uint64_t at, uint32_t n, int32_t *ret_ids,
                          uint32_t *ret_first, int32_t *ret_next, uint64_t *ret_where);

#endif
