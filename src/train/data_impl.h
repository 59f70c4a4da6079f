/* SPDX-License-Identifier: MIT */
/* What reading leaves and windows are cut from. Private to data.c and data_read.c. */
#ifndef TL_TRAIN_DATA_IMPL_H
#define TL_TRAIN_DATA_IMPL_H

#include "train/data.h"

/* The documents that are learnt, or those held out, one behind the other: document[i] begins at token from[i] of them. */
struct tl_corpus_side { uint64_t *document, *from, n; };

struct tl_corpus {
    uint32_t window;
    int32_t *ids;
    uint8_t *silent;                     /* bits: the id is not to be predicted; NULL: all are */
    uint64_t *starts, *keys;             /* [n_documents + 1], [n_documents]: a document's own hash */
    uint64_t n_documents, n_ids, cap_ids, cap_silent, cap_starts, cap_keys;
    struct tl_corpus_side side[2];       /* learnt, held out */
    struct tl_corpus_counts counts;
};

/* Adds one text, its end included, as documents of at most `most` ids. silent may be NULL. */
int tl_corpus_add(struct tl_corpus *corpus, const int32_t *ids, const uint8_t *silent, uint64_t n, uint64_t most);
/* Shares the documents out; nothing is added behind it. */
int tl_corpus_part(struct tl_corpus *corpus, double held_share);
uint64_t tl_corpus_bytes(const struct tl_corpus *corpus);

/* data_chat.c: messages, a JSON list as tl_openai_messages writes it, as ids [*ret_n] and which of them are not to be predicted: all
 * that the assistant does not say. tl_free both. */
int tl_corpus_chat(const struct tl_corpus_how *how, const char *messages, int32_t **ret_ids, uint8_t **ret_silent, uint64_t *ret_n);

#endif
