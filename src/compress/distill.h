/* SPDX-License-Identifier: MIT */
/* From a large model and documents (or prompts) to a small one that its owner keeps, in stages that each leave a file in a work
 * folder (distill_work.h) and are not done twice:
 *
 *     write     where prompts are given, or the student has another vocabulary: the teacher answers or goes on (engine/batch.h), and
 *               what it wrote is filtered
 *     sweep     where the vocabulary is the same: ids drawn from the teacher's distribution behind every token that is learnt,
 *               over the very windows that the student sees (distill_texts.h)
 *     train     the student, on these draws mixed with the text itself
 *     control   the same start, windows, steps and seed, on text alone
 *     compare   both on what was held out: KL(teacher || student) and perplexity, paired
 *
 * and ends with the student as a GGUF that says what it was made from. docs/distill.md */
#ifndef TL_COMPRESS_DISTILL_H
#define TL_COMPRESS_DISTILL_H

#include "compress/distill_keep.h"
#include "compress/eval.h"
#include "train/train.h"

struct tl_distill_order {
    const char *teacher;                 /* path */
    const char *student;                 /* path of a model that goes on, or what train/student.h knows: a geometry, a size */
    const char *text, *prompts;          /* documents: a file or a folder; JSON lines. Either or both */
    const char *output, *work;           /* a GGUF; a folder, NULL: OUTPUT.work */
    const char *number;                  /* that matrices of the output are stored in; NULL: f16 */
    uint64_t tokens, seed;               /* tokens to learn from; 0: four passes */
    uint32_t window, batch, draws;       /* 0: 512 or the models' context; as leaves 512 steps, 32 at most; 16 */
    double mix;                          /* weight of what the teacher said; the rest is the text's own */
    double rate, held_share;             /* 0: the usual of the student's size; of documents */
    const char *schedule;                /* NULL: cosine */
    bool bf16, control;
    /* the teacher's own writing */
    uint32_t prompt_tokens, answer_tokens, answers;      /* 0: 32, 256; answers: to each prompt, 0: as many as the tokens want */
    double temperature, unlikely_share;
    const char *verify;                  /* NULL: none */
    double verify_seconds;

    struct tl_engine_options engine;     /* means: threads, memory, drive */
    void (*warn)(void *context, const char *text);       /* may be NULL */
    void *context;
};

/* What is to be done, known before it begins. */
struct tl_distill_survey {
    bool same_vocabulary, writes, sweeps;
    uint64_t documents, corpus_tokens, held_tokens;      /* of text; 0 where the corpus is yet to be written */
    uint64_t requests, write_tokens;     /* answers at most */
    uint64_t sweep_tokens, train_tokens, student_parameters;
    uint64_t disk_bytes, disk_room;      /* needed at most, and what there is */
    char teacher_name[64], student_name[64];
};

struct tl_distill_side {
    bool made;
    struct tl_trained trained;
    struct tl_eval_mean kl, nll;         /* held out; standard errors over windows. kl.n 0: not the same vocabulary */
};

struct tl_distilled {
    struct tl_distill_survey survey;
    struct tl_distill_kept kept;         /* of what the teacher wrote */
    struct tl_distill_side student, control, start;      /* start: before it learnt */
    double teacher_nll;                  /* of the same tokens; < 0: another vocabulary */
    struct tl_eval_mean kl_gain, nll_gain;               /* control - student: positive: the distilled one is better */
    uint32_t stages, stages_found;       /* found: done by an earlier run */
    double write_seconds, sweep_seconds; /* of this run */
    char digest[2 * TL_SHA256_BYTES + 1];                /* of the recipe */
};

/* Reads documents and headers, computes nothing. TL_E_USAGE, TL_E_IO (no room): why it cannot be done. */
int tl_distill_survey(const struct tl_distill_order *order, struct tl_progress *progress, struct tl_distill_survey *ret_survey);
/* A run that ends early leaves its stages; the same call goes on. */
int tl_distill(const struct tl_distill_order *order, struct tl_progress *progress, struct tl_distilled *ret_distilled);
void tl_distill_survey_write(const struct tl_distill_survey *survey, struct tl_buffer *json);
void tl_distilled_write(const struct tl_distilled *distilled, struct tl_buffer *json);

#endif
