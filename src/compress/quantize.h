/* SPDX-License-Identifier: MIT */
/* A model file written again in other number formats, tensor by tensor in bounded memory.
 *
 * What is written goes to OUT.partial, a tensor after the other; a run that was killed goes on behind the last whole one, and
 * the same bytes come out. */
#ifndef TL_COMPRESS_QUANTIZE_H
#define TL_COMPRESS_QUANTIZE_H

#include "base/progress.h"
#include "compress/importance.h"
#include "compress/scheme.h"

struct tl_quantize_how {
    const char *input, *output;          /* of the same kind: a GGUF, or a folder of safetensors */
    const char *scheme, *scheme_name;    /* lines (scheme.h), and where they are from; NULL: formats are left alone */
    double bits;                         /* mean bits of a weight that the output may have; 0: as the scheme says */
    uint64_t size_bytes;                 /* the same, as the size of the file */
    const char *importance;              /* NULL: every column matters as much */
    bool force;                          /* experts that come in 4 bits too */
    uint32_t threads;
    const uint8_t *keep;                 /* [layers][n_experts], 1: the expert is kept (prune.h); NULL: all are */
    void (*log)(void *context, int level, const char *text);          /* may be NULL */
    void *context;
};

struct tl_quantize_report {
    uint64_t tensors, changed, resumed;
    uint64_t in_bytes, out_bytes, parameters;
    double seconds, encode_seconds;      /* of all; while threads encoded */
    double bits;                         /* a weight, as written */
    double error;                        /* of matrices that changed: weighted squared error over that of zeros, from every 16th row */
};

/* TL_E_IO where the disk has too little room, before anything is written. */
int tl_quantize(const struct tl_quantize_how *how, struct tl_progress *progress, struct tl_quantize_report *ret_report);

#endif
