/* SPDX-License-Identifier: MIT */
/* Fewer experts: which of them a model keeps, by what a sweep saw of them.
 *
 * An expert's saliency is the mean of gate weight times norm of its output over the tokens that were routed to it (REAP, Lasby et
 * al. 2025): weighted_norm / count of the file that `trill score --experts` writes. */
#ifndef TL_COMPRESS_PRUNE_H
#define TL_COMPRESS_PRUNE_H

#include "model/geometry.h"

struct tl_prune_report {
    uint32_t layers, kept;               /* that have experts; experts of each that stay */
    double saliency;                     /* share of the model's that stays, a layer counting as a layer */
    uint64_t tokens;                     /* that were counted */
    uint32_t unseen;                     /* experts that no token was routed to */
};

/* ret_keep [layers][experts]: 1: kept. Every layer, and every group of a router with groups, keeps the same count: the share
 * `keep` of all, rounded to the nearest that the groups allow, never fewer than a token uses. Ties go to the lower number.
 * TL_E_FILE: statistics of another model. */
int tl_prune_choose(const struct tl_geometry *geometry, const char *statistics, double keep, uint8_t *ret_keep, struct tl_prune_report *ret_report);

#endif
