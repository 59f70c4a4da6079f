/* SPDX-License-Identifier: MIT */
/* Fewer experts: which of them a model keeps, by what a sweep saw of them.
 *
 * An expert's saliency is the mean of gate weight times norm of its output over the tokens that were routed to it (REAP, Lasby et
 * al. 2025): weighted_norm / count of the file that `trill score --experts` writes. */
#ifndef TL_COMPRESS_PRUNE_H
#define TL_COMPRESS_PRUNE_H

#include "model/model.h"

struct tl_prune_how {
    const char *experts;                 /* the file of statistics */
    double keep;                         /* the share of experts to be kept, 0 .. 1 */
    bool uneven;                         /* ranked over all layers: files that only this program reads */
};

/* ret_keep [layers][experts]: 1: kept. Every layer, and every group of a grouped router, keeps the same count, never fewer than a token
 * uses. TL_E_FILE: statistics of another model. */
int tl_prune_choose(const struct tl_model *model, const struct tl_prune_how *how, uint8_t *ret_keep, uint32_t *ret_count);

#endif
