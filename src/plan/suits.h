/* SPDX-License-Identifier: MIT */
/* What suits a machine: every known geometry that runs, in the format to choose for it there, with what it gives. */
#ifndef TL_PLAN_SUITS_H
#define TL_PLAN_SUITS_H

#include "plan/cost.h"
#include "plan/fit.h"
#include "plan/geometries.h"

/* How it is to talk to. */
enum tl_pace {
    TL_PACE_TALK,                        /* as fast as one reads, or nearly */
    TL_PACE_PATIENCE,                    /* an answer within minutes */
    TL_PACE_NIGHT,                       /* slower: for jobs that run by themselves */
    TL_PACES
};
extern const char *const tl_pace_names[TL_PACES];

struct tl_suit {
    const struct tl_known *known;
    const char *why_not;                 /* NULL: it runs; else borrowed, or `text` */
    char text[160];
    const char *format;                  /* of its matrices, or of its experts where others are wider */
    enum tl_pace pace;
    enum tl_fit_way way;
    uint64_t parameters, active_parameters, weight_bytes, peak_bytes;
    double gives;                        /* sqrt(parameters * active parameters): about the dense model that it matches */
    struct tl_cost decode, score;        /* a token; a million tokens, seconds 0: does not fit */
    double faster_drive, more_memory;    /* tokens a second of decoding with twice the drive's speed, with twice the memory */
    bool on_disk;                        /* its weights fit on the disk */
};

struct tl_suits_wish {
    const struct tl_machine *machine;    /* finished */
    uint32_t context;                    /* tokens of a conversation; 0: 4096 */
    /* Fits a model into the machine's memory, for sessions or for sweeps; NULL: tl_fit_make alone. */
    int (*fit)(void *context, struct tl_model *model, const struct tl_machine *machine, uint32_t n_context, bool sweep, struct tl_fit *ret_fit);
    void *fit_context;
    int (*progress)(void *context, uint64_t done);       /* < 0 ends it; may be NULL */
    void *progress_context;
};

struct tl_suits { struct tl_suit *suits; size_t n; };     /* those that run first, the best first */

int tl_suits_make(const struct tl_suits_wish *wish, struct tl_suits *ret_suits);
void tl_suits_done(struct tl_suits *suits);
/* "suits":[...],"left_out":[...], for an object. */
void tl_suits_write(const struct tl_suits *suits, struct tl_buffer *json);

#endif
