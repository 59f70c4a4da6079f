/* SPDX-License-Identifier: MIT */
/* What a teacher says, sampled: of every scored token some ids drawn from the model's distribution, with how often each was
 * drawn. counts / draws is an unbiased estimate of each probability (importance sampling with the distribution itself as
 * the proposal: Anshumann et al. 2025, "Sparse Logit Sampling"). One file of records, in the order of the texts, written
 * as rows come beside its place (FILE.part) and put there when it is whole; a part can be taken up again.
 * Layout: docs/score-files.md. */
#ifndef TL_ENGINE_TEACHER_H
#define TL_ENGINE_TEACHER_H

#include "base/hash.h"
#include "kernel/kernel.h"

enum { TL_TEACHER_ROWS = 128, TL_TEACHER_DRAWS = 255 };

struct tl_teacher;

struct tl_teacher_facts {
    uint64_t fingerprint, seed;
    uint32_t draws, vocab, window, stride;
    const int32_t *ids;
    const uint64_t *starts;              /* [n_texts + 1] */
    uint64_t n_texts;
    uint8_t work[TL_SHA256_BYTES];       /* digest of all that the records depend on */
};

/* n_records: that are there already and stay; 0: begins anew. */
int tl_teacher_open(const char *path, const struct tl_teacher_facts *facts, uint64_t n_records, struct tl_teacher **ret_teacher);
void tl_teacher_close(struct tl_teacher *teacher, bool keep_part);
/* Row `row` of those to be put next, which predicts ids[target]; any thread. weights: exp(logit - maximum), their sum. */
void tl_teacher_draw(struct tl_teacher *teacher, const struct tl_kernel *kernel, uint32_t row, uint64_t target, const float *weights,
                     float sum, float nll);
int tl_teacher_put(struct tl_teacher *teacher, uint32_t n_rows);
uint64_t tl_teacher_records(const struct tl_teacher *teacher);
int tl_teacher_sync(struct tl_teacher *teacher);
int tl_teacher_commit(struct tl_teacher *teacher);

#endif
