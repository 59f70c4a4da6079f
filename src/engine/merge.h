/* SPDX-License-Identifier: MIT */
/* A model with adapters written into its weights: W + sum of scale * B A, rounded once to the format that it is stored in.
 * All other tensors and the metadata are copied. A GGUF becomes a GGUF, a repository of safetensors a folder of one file. */
#ifndef TL_ENGINE_MERGE_H
#define TL_ENGINE_MERGE_H

#include "base/progress.h"
#include "engine/engine.h"

struct tl_merge {
    const char *base, *output;
    const struct tl_engine_adapter *adapters;
    uint32_t n_adapters, threads;        /* threads 0: one per CPU */
    const struct tl_number *number;      /* of the matrices that change; NULL: as they are stored */
    bool force;                          /* replaces an output that is there */
};

struct tl_merged { uint64_t tensors, changed, n_bytes; double largest; };      /* largest: change of a value by rounding to the format */

int tl_merge(const struct tl_merge *merge, struct tl_progress *progress, struct tl_merged *ret_merged);

#endif
