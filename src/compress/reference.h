/* SPDX-License-Identifier: MIT */
/* What a reference says of a text, stored once and compared with any number of models: of each scored token its likeliest ids
 * with their probabilities, the probability of the rest, and ids drawn from the rest. The part of the likeliest ids in
 * KL(reference || model) is exact; that of the rest is an unbiased estimate that is never negative:
 *
 *     KL = sum over the likeliest of p ln(p / q)  +  r ln(r / s)  +  r x mean over the draws of (x - 1 - ln x),  x = (q / s) / (p / r)
 *
 * with r and s the probabilities that reference and model give to the rest (Schulman, "Approximating KL divergence", 2020, of
 * the conditional distributions). Its noise is part of the standard error over tokens. A vocabulary of up to TL_REFERENCE_WHOLE ids is
 * stored whole. The same logits give exactly 0. Layout: docs/reference-files.md. */
#ifndef TL_COMPRESS_REFERENCE_H
#define TL_COMPRESS_REFERENCE_H

#include "base/hash.h"
#include "engine/score.h"

enum { TL_REFERENCE_WHOLE = 1024, TL_REFERENCE_TOP = 256, TL_REFERENCE_DRAWS = 32 };

struct tl_reference_facts {
    uint8_t model[TL_SHA256_BYTES];      /* of what the logits depend on */
    uint8_t text[TL_SHA256_BYTES];       /* of the ids of all texts and where they begin */
    uint32_t vocab, window, stride;
};

/* Of the member `text`; starts [n_texts + 1]. */
void tl_reference_digest(const int32_t *ids, uint64_t n_ids, const uint64_t *starts, uint64_t n_texts, uint8_t ret_digest[TL_SHA256_BYTES]);

/* Of one token; what compares and what is stored. */
struct tl_reference_row {
    int32_t target;                      /* the id that follows */
    float nll;                           /* -ln p of it */
    double rest;                         /* probability of all ids but the likeliest */
    uint32_t n_top, n_draws;
    int32_t *id;                         /* [n_top + n_draws]: the likeliest first, of equal ones the lower id; then the draws */
    float *log_p;                        /* beside them */
};

struct tl_reference;

/* A new one, in FILE.part until it is committed. TL_E_USAGE: another process writes that part. */
int tl_reference_create(const char *path, const struct tl_reference_facts *facts, struct tl_reference **ret_reference);
/* Row `index` of those to be put next, any thread. */
void tl_reference_take(struct tl_reference *reference, uint32_t index, int32_t target, const struct tl_score_row *row);
int tl_reference_put(struct tl_reference *reference, uint32_t n_rows);
/* Goes on behind the first n_rows that are in the part already; before anything is put. */
int tl_reference_resume(struct tl_reference *reference, uint64_t n_rows);
int tl_reference_sync(struct tl_reference *reference);
int tl_reference_commit(struct tl_reference *reference);

/* One that is there and has these facts, checked from end to end. 0: there is none, or another, or it is damaged; 1: opened. */
int tl_reference_open(const char *path, const struct tl_reference_facts *facts, struct tl_progress *progress, struct tl_reference **ret_reference);
uint64_t tl_reference_rows(const struct tl_reference *reference);
uint64_t tl_reference_bytes(const struct tl_reference *reference);
void tl_reference_close(struct tl_reference *reference);              /* NULL is fine; what was not committed is removed, but for: */
void tl_reference_keep(struct tl_reference *reference);               /* the part stays when it is closed */

/* Record number `index` against the same token's logits; any thread. TL_E_IO. The row's weights are changed. */
struct tl_compared { double kl; bool agrees; float nll; };           /* nll: the reference's */
int tl_reference_compare(const struct tl_reference *reference, uint64_t index, int32_t target, const struct tl_score_row *row, struct tl_compared *ret);

#endif
