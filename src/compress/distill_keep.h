/* SPDX-License-Identifier: MIT */
/* From a batch's answers to what is learnt of them: JSON lines that train/data.h reads. Asked in this order: was it answered, did
 * it end, was it likely to the teacher, is it long enough, does it loop, is it new (distill_filter.h), does the verifier find it
 * right. What is kept depends on the lines alone, the verifier's verdicts aside. */
#ifndef TL_COMPRESS_DISTILL_KEEP_H
#define TL_COMPRESS_DISTILL_KEEP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/progress.h"
#include "compress/distill_filter.h"

struct tl_distill_keep {
    struct tl_distill_filter_how filter;
    double unlikely_share;               /* so many of the answers, the least likely ones, are left out */
    bool keep_cut;                       /* answers that a bound ended are learnt too: documents have no end of their own */
    bool chats;                          /* learnt as messages, where they were asked for as such; else as text */
    const char *verify;                  /* command; NULL: none */
    double verify_seconds;
    const char *prompts;                 /* the file that they came from, whose line a verifier is told; NULL: documents */
};

struct tl_distill_kept {
    uint64_t count[TL_DISTILL_WHYS];     /* of choices; FAILED: of requests */
    uint64_t tokens;                     /* of what is kept, as the teacher counts; the prompts' apart */
    double nll, bound;                   /* mean of what is kept; above which a mean is unlikely */
};

/* requests, answers: files of as many lines. The output appears when it is whole. TL_E_USAGE: nothing is left. */
int tl_distill_keep(const struct tl_distill_keep *how, const char *requests, const char *answers, const char *output,
                    struct tl_progress *progress, struct tl_distill_kept *ret_kept);
void tl_distill_kept_write(const struct tl_distill_kept *kept, struct tl_buffer *json);      /* an object */
int tl_distill_kept_read(const char *json, struct tl_distill_kept *ret_kept);        /* the same again */

#endif
