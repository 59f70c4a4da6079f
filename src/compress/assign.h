/* SPDX-License-Identifier: MIT */
/* Formats within a size: which matrix gets which, so that what rounding does to the outputs of all of them is least.
 *
 * A matrix's loss in a format is modelled as the weighted squared error of its values over that of zeros (what its outputs are off
 * by, relative to what they are), measured on a part of its rows, times a weight of its role (assign.def); in the format that it has it loses nothing. The choice
 * minimises the sum of losses + lambda * bytes, by bisection over lambda (Everett 1963; for bit allocation Shoham and Gersho 1988). Of a
 * matrix that is a large part of the model each format is tried. */
#ifndef TL_COMPRESS_ASSIGN_H
#define TL_COMPRESS_ASSIGN_H

#include "base/pool.h"
#include "base/progress.h"
#include "compress/importance.h"
#include "compress/place.h"

struct tl_assign {
    const struct tl_modelfile *file;
    const struct tl_place *places;
    const uint64_t *n_elems;             /* [tensors]: what is written of each */
    uint32_t n_layers;
    const struct tl_importance *importance;          /* may be NULL */
    struct tl_pool *pool;
    double bits;                         /* a weight, over all that is written; or 0 and */
    uint64_t size_bytes;                 /* of the file, in which */
    uint64_t around_bytes;               /* are so many besides tensors and scheme */
    bool force;
    struct tl_progress *progress;
};

/* numbers [tensors]: what a scheme fixed comes in, NULL elsewhere; of matrices it left open their formats come out. TL_E_USAGE:
 * the size is below the least that the formats give. */
int tl_assign(const struct tl_assign *how, const struct tl_number **numbers);

/* Memory that it takes at most. */
uint64_t tl_assign_bytes(const struct tl_modelfile *file, uint32_t threads);

#endif
