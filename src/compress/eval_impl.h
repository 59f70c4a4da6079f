/* SPDX-License-Identifier: MIT */
/* An evaluation under way: its models and the reference as subjects, with what is known of each item until all is counted.
 * Private to eval*.c. */
#ifndef TL_COMPRESS_EVAL_IMPL_H
#define TL_COMPRESS_EVAL_IMPL_H

#include "base/hash.h"
#include "compress/eval.h"
#include "compress/eval_lines.h"
#include "compress/reference.h"

enum { TL_EVAL_NAME = 48, TL_EVAL_TAGS = 256 };

/* What was answered to one item, or which choice was taken. */
struct tl_eval_answer { char *text; size_t n_bytes; int32_t chosen; bool right, raw_right; };

enum tl_eval_stage { TL_STAGE_TEXT, TL_STAGE_CHOICES, TL_STAGE_TASKS, TL_STAGE_PROMPTS, TL_EVAL_STAGES };

struct tl_eval_subject {
    const char *path;
    char name[TL_EVAL_NAME];
    bool is_reference;
    /* looked at before anything is computed */
    uint8_t digest[TL_SHA256_BYTES];     /* of what logits depend on */
    uint8_t words[TL_SHA256_BYTES];      /* of the vocabulary */
    uint8_t text[TL_SHA256_BYTES];       /* of the ids of the texts */
    uint32_t vocab, context;             /* context: that it was trained with */
    uint64_t weight_bytes, parameters, active_parameters;
    uint64_t n_ids, n_texts, choice_ids, longest_choice, longest_answer;
    double work[TL_EVAL_STAGES];         /* tokens times active parameters */
    /* found */
    float *nll, *kl;                     /* [n_ids] NaN: not scored */
    uint8_t *agrees;                     /* [n_ids] */
    struct tl_eval_mean nll_mean;
    uint64_t text_bytes;                 /* of the tokens that are scored */
    struct tl_eval_answer *task, *prompt;        /* [tasks.n], [prompts.n] */
    uint64_t scored_tokens, computed_tokens, answer_tokens;
    double score_seconds, answer_seconds;
    struct tl_eval_cost cost[TL_EVAL_STAGES], all;
};

/* A file of requests for the items that are answered with text; evaluations of the same items share it. */
struct tl_eval_requests { char *path; int fd /* > 0: held */; uint8_t digest[TL_SHA256_BYTES]; uint64_t *item, n; };

struct tl_eval_run {
    const struct tl_eval_order *order;
    struct tl_eval_items tasks, prompts;
    struct tl_eval_requests task_requests, prompt_requests;
    struct tl_eval_subject *subject;     /* [n_subjects]: the models, then the reference */
    uint32_t n_subjects;
    struct tl_eval_subject *reference;   /* NULL: none */
    struct tl_reference *stored;
    char *stored_path, *checkpoint_path;         /* the latter while it is swept */
    bool was_stored;
    float *reference_nll;                /* [n_ids] */
    uint32_t window, stride;
    struct tl_eval *eval;
    struct tl_outfile *answers;          /* opened before anything is computed; NULL: nowhere */
    /* progress (eval_progress.c) */
    struct tl_progress *told, progress;  /* the caller's; that of the work below */
    uint64_t seen_ns;
    char stage[TL_EVAL_NAME + 40];
    struct tl_eval_subject *now;
    enum tl_eval_stage now_stage;
    struct tl_eval_cost before;          /* of the engine, when the stage began */
    double work_all, work_done, work_now, seconds_done;
    uint64_t began_ns;
};

/* eval_progress.c */
void tl_eval_progress_init(struct tl_eval_run *run, struct tl_progress *told);
/* What the engine does in between is work of that stage, and so is what it costs. */
void tl_eval_stage_begin(struct tl_eval_run *run, struct tl_eval_subject *subject, enum tl_eval_stage stage, struct tl_engine *engine);
void tl_eval_stage_end(struct tl_eval_run *run, struct tl_engine *engine);

/* eval_look.c: reads headers, vocabularies and texts; computes nothing. */
int tl_eval_look(struct tl_eval_run *run, struct tl_eval_subject *subject);
int tl_eval_look_together(struct tl_eval_run *run);           /* vocabularies, windows */
/* An engine of the order's means; through the host where there is one. */
int tl_eval_open(struct tl_eval_run *run, const struct tl_eval_subject *subject, const struct tl_engine_options *options, struct tl_engine **ret_engine);
void tl_eval_close(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine, int status);
struct tl_eval_cost tl_eval_cost_so_far(const struct tl_eval_run *run, struct tl_engine *engine);
void tl_eval_cost_add(struct tl_eval_cost *to, const struct tl_eval_cost *from, const struct tl_eval_cost *until);

/* eval_text.c: log-likelihoods of texts and choices. */
int tl_eval_text_count(const struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject);
int tl_eval_text_score(struct tl_eval_run *run, struct tl_eval_subject *subject);
/* eval_choice.c */
int tl_eval_choice_count(const struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject);
int tl_eval_choice_score(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine);

/* eval_answer.c: answers in lockstep. */
int tl_eval_requests_write(struct tl_eval_run *run, const struct tl_eval_items *items, const char *what, struct tl_eval_requests *ret_requests);
void tl_eval_requests_done(struct tl_eval_requests *requests);       /* the file goes with the last that has it */
int tl_eval_answer_count(struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject);
int tl_eval_answer_all(struct tl_eval_run *run, struct tl_eval_subject *subject);

/* eval_tally.c: from items to means; eval_pairs.c: pairs and the frontier. */
int tl_eval_tally(struct tl_eval_run *run);
int tl_eval_pairs(struct tl_eval_run *run);
int tl_eval_answers_write(const struct tl_eval_run *run);

/* "KIND-0123456789abcdef.EXT" in the order's folder; tl_free, NULL: no memory. */
char *tl_eval_store_path(const struct tl_eval_run *run, const char *kind, const uint8_t digest[TL_SHA256_BYTES], const char *extension);

#endif
