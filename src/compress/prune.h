/* SPDX-License-Identifier: MIT */
/* Fewer experts: which of them a model keeps, by what a sweep saw of them.
 *
 * An expert's saliency is the mean of gate weight times norm of its output over the tokens that were routed to it (REAP, Lasby et
 * al. 2025): weighted_norm / count of the file that `trill score --experts` writes. Outputs of some layers are many times larger than
 * those of others, so saliencies of two layers are compared as LAMP compares weights (Lee et al. 2021): the square of one over the sum
 * of the squares of those of its layer that are as large or larger. That is what is lost of the layer, relative to what is left
 * of it, whatever its scale, and within a layer the order stays. */
#ifndef TL_COMPRESS_PRUNE_H
#define TL_COMPRESS_PRUNE_H

#include "model/geometry.h"

struct tl_prune_report {
    uint32_t layers;                     /* that have experts */
    uint32_t experts, kept;              /* of all of them */
    uint32_t least, most;                /* that a layer keeps */
    double saliency;                     /* share of the model's that stays, a layer counting as a layer */
    uint64_t tokens;                     /* that were counted */
    uint32_t unseen;                     /* experts that no token was routed to */
};

/* ret_keep [layers][n_experts]: 1: kept; none of layers that have no experts. The share `keep` of all stays, rounded to the nearest
 * that may be: every layer keeps the same count, or with `uneven` as many as rank among the first of all layers, always the same of every
 * group of a router with groups, and never fewer than a token uses. Ties go to the lower layer and number. TL_E_FILE: statistics
 * of another model. TL_E_USAGE: a model without experts, or whose experts share what is stored. */
int tl_prune_choose(const struct tl_geometry *geometry, const char *statistics, double keep, bool uneven, uint8_t *ret_keep,
                    struct tl_prune_report *ret_report);

#endif
