/* SPDX-License-Identifier: MIT */
/* Which of a teacher's texts are worth learning. Words are what blanks separate; runs of five words are a text's shingles
 * (Broder 1997). Nearness of two texts is the share of shingles that they have in common, estimated by 64 smallest hashes and
 * found through bands of four of them, so that no pair needs to be compared that is not alike. What is kept depends on the
 * texts and their order alone. */
#ifndef TL_COMPRESS_DISTILL_FILTER_H
#define TL_COMPRESS_DISTILL_FILTER_H

#include <stddef.h>
#include <stdint.h>

enum tl_distill_why {
#define FILTER(id, name, meaning) TL_DISTILL_##id,
#include "compress/distill_filters.def"
#undef FILTER
    TL_DISTILL_WHYS
};

struct tl_distill_why_row { const char *name, *meaning; };
extern const struct tl_distill_why_row tl_distill_whys[TL_DISTILL_WHYS];

struct tl_distill_filter_how {
    uint32_t least_words;
    double most_repeats;                 /* share of shingles that repeat earlier ones of the same text; 0.5 usual */
    double nearness;                     /* from which a text is nearly another; 0.8 usual; above 1: none is */
};

struct tl_distill_filter;

int tl_distill_filter_new(const struct tl_distill_filter_how *how, struct tl_distill_filter **ret_filter);
void tl_distill_filter_free(struct tl_distill_filter *filter);        /* NULL is fine */
/* KEPT, SHORT, LOOPS, DUPLICATE or NEAR; what is kept is remembered. */
int tl_distill_filter_judge(struct tl_distill_filter *filter, const char *text, size_t n_bytes, enum tl_distill_why *ret_why);

/* The value that `share` of all lie above: means of -ln p, which are put in order. 0 of them, or share 0: infinity. */
double tl_distill_filter_bound(double *values, uint64_t n, double share);

#endif
