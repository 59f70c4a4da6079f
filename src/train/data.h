/* SPDX-License-Identifier: MIT */
/* What is learnt: texts as ids, cut into documents, packed into windows of equal length in an order that a seed decides.
 * A document longer than a window goes on in the next; documents of one window do not see each other. What is known of a
 * text is kept once: exact duplicates are dropped and counted. */
#ifndef TL_TRAIN_DATA_H
#define TL_TRAIN_DATA_H

#include "base/hash.h"
#include "base/progress.h"
#include "text/template.h"
#include "text/tokenizer.h"

struct tl_corpus;

/* path: a text file, a folder of them, or lines of JSON with "text" (or "messages", through `template`; the answers alone have
 * losses then) in *.jsonl. A text ends with EOS; one longer than TL_CORPUS_PIECE windows is cut into documents of so many.
 * held_share of the documents, chosen by their own hash, are held out; of several at least one. */
enum { TL_CORPUS_PIECE = 16 };
struct tl_corpus_how {
    const struct tl_tokenizer *tokenizer;
    const struct tl_template *template;  /* may be NULL */
    uint32_t window;
    double held_share;
    uint64_t ram_bytes;                  /* that it may take, while it is read too; 0: any */
    struct tl_progress *progress;
};

/* left_out: files of a folder that are no text. documents, tokens: of what is learnt and held out together. */
struct tl_corpus_counts { uint64_t texts, documents, tokens, duplicates, left_out, held_documents, bytes; };

int tl_corpus_read(const char *path, const struct tl_corpus_how *how, struct tl_corpus **ret_corpus);
void tl_corpus_free(struct tl_corpus *corpus);
void tl_corpus_count(const struct tl_corpus *corpus, struct tl_corpus_counts *ret_counts);
uint64_t tl_corpus_tokens(const struct tl_corpus *corpus, bool held);
uint64_t tl_corpus_windows(const struct tl_corpus *corpus, bool held);      /* of one pass over all */
void tl_corpus_digest(const struct tl_corpus *corpus, uint8_t ret[TL_SHA256_BYTES]);
/* All of it, one document behind the other: document i is ids[starts[i]] .. ids[starts[i + 1] - 1]. Borrowed. */
void tl_corpus_documents(const struct tl_corpus *corpus, const int32_t **ret_ids, const uint64_t **ret_starts, uint64_t *ret_n);
bool tl_corpus_is_held(const struct tl_corpus *corpus, uint64_t document);

/* The windows number `at` .. at + n - 1 of an endless row: pass after pass over all, each shuffled anew by the seed. Of those
 * held out: in their order. ids, first, next: [n][window]; what is left of the last window of a pass has id 0 and no loss.
 * where (may be NULL): the place of each token in the ids of tl_corpus_documents, by which a teacher's records are found;
 * UINT64_MAX behind the last. */
void tl_corpus_windows_at(const struct tl_corpus *corpus, bool held, uint64_t seed, uint64_t at, uint32_t n, int32_t *ret_ids,
                          uint32_t *ret_first, int32_t *ret_next, uint64_t *ret_where);

#endif
