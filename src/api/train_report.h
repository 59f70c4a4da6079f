/* SPDX-License-Identifier: MIT */
/* What the job "train" is asked for (train_options.c), and its report (docs/train.md) with what it is written from. Private to
 * this room. */
#ifndef TL_API_TRAIN_REPORT_H
#define TL_API_TRAIN_REPORT_H

#include "ledger/ledger.h"
#include "train/student.h"
#include "train/train.h"

struct tl_train_options {
    const char *model, *size, *vocab, *text, *output, *schedule, *format, *checkpoint, *state, *config, *lora_targets;
    uint64_t tokens, window, batch, warmup, seed, threads, ram, lora_rank;       /* lora_rank 0: all weights learn */
    double hours, rate, decay, clip, held, interval, lora_alpha;
    bool bf16, force, forecast, unrecorded;
};

struct tl_train_facts {
    const char *source;                  /* what is trained */
    const struct tl_student *student;
    const struct tl_number *format;
    uint64_t parameters;
    double tokens;                       /* asked for; 0: hours are */
    double expected_tokens, predicted_loss;      /* 0: nobody knows */
    uint64_t resumed_tokens;
    struct tl_train_how how;
    struct tl_train_plan plan;
    struct tl_trained trained;
    struct tl_corpus_counts counts;
    struct tl_ledger_row row;            /* what it cost */
    uint64_t adapter_parameters, read_bytes;             /* of adapters: how many values; read from the drive while training */
    uint32_t adapter_matrices;
    double f32_peak;                     /* operations a second */
};

/* facts: tokens, format and the kind of schedule are filled. */
struct tl_job_run;
int tl_train_options_read(struct tl_job_run *run, struct tl_train_options *ret_options, struct tl_train_facts *facts);

void tl_train_report(const struct tl_train_options *options, const struct tl_train_facts *facts, struct tl_job_run *run);

#endif
