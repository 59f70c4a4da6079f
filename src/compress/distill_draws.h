/* SPDX-License-Identifier: MIT */
/* What a teacher said (engine/teacher.h, docs/score-files.md), found again by a token's place in the corpus. The file is read
 * through once, so that its digest holds; then only records that are asked for are read. A token without a record has no
 * draws. One thread at a time. */
#ifndef TL_COMPRESS_DISTILL_DRAWS_H
#define TL_COMPRESS_DISTILL_DRAWS_H

#include "base/hash.h"
#include "base/progress.h"
#include "compress/distill_texts.h"
#include "train/graph.h"

struct tl_distill_draws;

struct tl_distill_draws_facts {
    uint64_t fingerprint, seed, n_texts, n_ids, n_records;
    uint32_t draws, vocab, window, stride;
    uint8_t digest[TL_SHA256_BYTES];     /* of the whole file */
};

/* The file must be that of these texts; n_places: of the corpus; vocab: the student's rows: ids behind them, which only padding
 * of a teacher's has, are left out. TL_E_FILE says what is wrong with the file. */
int tl_distill_draws_open(const char *path, const struct tl_distill_texts *texts, uint64_t n_places, uint32_t vocab,
                          struct tl_progress *progress, struct tl_distill_draws **ret_draws);
void tl_distill_draws_close(struct tl_distill_draws *draws);          /* NULL is fine */
const struct tl_distill_draws_facts *tl_distill_draws_facts(const struct tl_distill_draws *draws);

/* As struct tl_teaching wants it: context is a tl_distill_draws. What ret_draws points to lasts until the next call. */
int tl_distill_draws_at(void *context, const uint64_t *where, uint64_t n, struct tl_draws *ret_draws);
/* Of the tokens of the last call that `counted` marks: the sum of -share * ln p, an unbiased estimate of the sum of the
 * distributions' entropies. counted NULL: all. ret_tokens: those that have draws. */
double tl_distill_draws_entropy(const struct tl_distill_draws *draws, const int32_t *counted, uint64_t n, uint64_t *ret_tokens);

#endif
