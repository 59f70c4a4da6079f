/* SPDX-License-Identifier: MIT */
/* A distillation in work: what all its stages share. Private to distill*.c. */
#ifndef TL_COMPRESS_DISTILL_IMPL_H
#define TL_COMPRESS_DISTILL_IMPL_H

#include "compress/distill.h"
#include "compress/distill_ask.h"
#include "compress/distill_draws.h"
#include "compress/distill_work.h"
#include "engine/score.h"
#include "train/train_work.h"

struct tl_distilling {
    struct tl_distill_order settled;     /* with all defaults filled in */
    enum tl_schedule_kind schedule;
    struct tl_progress *progress;
    struct tl_distilled *ret;
    struct tl_distill_work *work;

    struct tl_engine *teacher;           /* headers and vocabulary */
    struct tl_student *student;
    struct tl_corpus *documents, *corpus;        /* the text that was given; what is learnt: the same, or what was written */
    uint8_t teacher_digest[TL_SHA256_BYTES], student_digest[TL_SHA256_BYTES];
    uint8_t write_digest[TL_SHA256_BYTES], sweep_digest[TL_SHA256_BYTES];
    char *kept;                          /* path of what was written and kept; NULL: nothing is */
    struct tl_distill_texts texts;       /* of the windows that are learnt */
    struct tl_distill_draws *draws;
    char *start_file, *student_file, *control_file;      /* in the work folder; start: or where the student came from */
};

/* distill_identity.c */
bool tl_distill_same_words(const struct tl_tokenizer *a, const struct tl_tokenizer *b);      /* do the ids mean the same? */
int tl_distill_read_corpus(struct tl_distilling *d, const char *path, double held_share, struct tl_corpus **ret_corpus);
/* Windows [0, n) of a corpus as texts for a teacher; n 0: all. */
int tl_distill_cut(const struct tl_distilling *d, const struct tl_corpus *corpus, bool held, uint64_t n, struct tl_distill_texts *texts);

/* The stages, in their files. Each finds what is done. */
int tl_distill_write(struct tl_distilling *d);
uint32_t tl_distill_answers(const struct tl_distilling *d);          /* to each of the survey's requests */
int tl_distill_sweep(struct tl_distilling *d);
/* All texts by a model in one sweep; of `how` their places, the windows and the progress are filled in. */
int tl_distill_score(struct tl_distilling *d, const char *path, const struct tl_distill_texts *texts, struct tl_score *how, struct tl_scored *ret_scored);
int tl_distill_learn(struct tl_distilling *d, bool control);
int tl_distill_compare(struct tl_distilling *d);
/* The output: the student's file with its provenance is copied to its place. */
int tl_distill_finish(struct tl_distilling *d);

/* distill_note.c: adds the bytes of a file. */
int tl_distill_hash(const struct tl_file *file, struct tl_sha256 *sha);
/* What the student's file says of itself, in notes of `texts`. */
enum { TL_DISTILL_NOTES = 24 };
struct tl_distill_notes { struct tl_weights_note note[TL_DISTILL_NOTES]; uint32_t n; struct tl_buffer texts[TL_DISTILL_NOTES]; };
void tl_distill_recipe(const struct tl_distilling *d, bool control, struct tl_buffer *json);     /* an object */
int tl_distill_note(const struct tl_distilling *d, const char *role, bool control, struct tl_distill_notes *notes);
void tl_distill_notes_done(struct tl_distill_notes *notes);

#endif
