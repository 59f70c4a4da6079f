/* SPDX-License-Identifier: MIT */
/* Many requests answered together: a file of lines in OpenAI's batch form in, a file of answers in the same order out.
 *
 * As many sequences as the engine has sessions advance in lockstep, one forward step for all: each decodes one token, and
 * prompts that wait fill the rest of the chunk, so that every weight is read once a step. No answer depends on the others.
 * Finished answers go to OUT.partial at once; a run that was killed goes on from there, and the same OUT comes out. */
#ifndef TL_ENGINE_BATCH_H
#define TL_ENGINE_BATCH_H

#include "base/hash.h"
#include "base/progress.h"
#include "engine/engine.h"

/* What is asked for, as far as it is known without answering. */
struct tl_batch_survey {
    uint8_t input[TL_SHA256_BYTES];      /* of the whole file */
    uint64_t requests, refused;          /* lines that are not blank; of these the ones that get an error for an answer */
    uint64_t choices;                    /* answers to the others */
    uint64_t prompt_tokens, answer_tokens;       /* the latter at most, where requests say how many */
    uint64_t unbounded;                  /* choices that may go on until the context is full */
    uint64_t longest;                    /* tokens of the longest sequence, without answers that have no bound */
    char first_refused[200];             /* a sentence with the line, or "" */
};

/* What a run will probably take. 0: not known, as the model has no weights. */
struct tl_batch_forecast { double seconds, bytes; uint32_t sequences, context; };

struct tl_batch_order {
    const char *input, *output;
    const char *defaults;                /* JSON: fields that requests leave unsaid; NULL: none */
    uint32_t sequences;                  /* at most; 0: as many as the engine has sessions left */
    const struct tl_batch_survey *surveyed;      /* of the same input, made before; NULL: it is made */
};

struct tl_batch_report {
    struct tl_batch_survey survey;
    struct tl_batch_forecast forecast;
    uint64_t failed, resumed;            /* requests: answered with an error; found answered */
    uint64_t prompt_tokens, reused_tokens, tokens, steps;    /* of this run */
    double seconds;                      /* of answering */
    double drive_bytes_per_s;            /* measured before; 0: nothing is streamed */
    uint64_t drive_bytes, missed_bytes;  /* read; of these what a step had to have */
    double drive_busy_seconds;
    uint32_t sequences;
};

/* Reads the input only; the forecast is for the requests that are not yet answered. */
int tl_batch_forecast(struct tl_engine *engine, const struct tl_batch_order *order, struct tl_progress *progress,
                      struct tl_batch_report *ret_report);
/* TL_E_CANCEL, TL_E_IO: what is answered stays beside the output, and the same call goes on from there. */
int tl_batch_run(struct tl_engine *engine, const struct tl_batch_order *order, struct tl_progress *progress, struct tl_batch_report *ret_report);

#endif
