/* SPDX-License-Identifier: MIT */
/* A model file written again in other number formats, in bounded memory whatever its tensors are: what comes next is read and
 * what came before is written while threads encode.
 *
 * What is written goes to OUT.partial, a tensor after the other; a run that was killed goes on behind the last whole one, and
 * the same bytes come out. */
#ifndef TL_COMPRESS_QUANTIZE_H
#define TL_COMPRESS_QUANTIZE_H

#include "base/progress.h"
#include "compress/importance.h"
#include "compress/scheme.h"
#include "plan/cost.h"

struct tl_quantize_how {
    const char *input, *output;          /* an output that ends in ".gguf" is a GGUF, any other of the input's kind */
    bool folder;                         /* any other is a folder of safetensors */
    const char *scheme, *scheme_name;    /* lines (scheme.h), NULL: formats are left alone; the file they are from, NULL: --to itself */
    double bits;                         /* mean bits of a weight that the output may have; 0: as the scheme says */
    uint64_t size_bytes;                 /* the same, as the size of the file */
    const char *importance;              /* NULL: every column matters as much */
    bool force;                          /* experts that come in 4 bits too */
    uint32_t threads;
    uint64_t ram_bytes;                  /* the budget for all that the process takes; 0: what is available less a margin */
    const uint8_t *keep;                 /* [layers][n_experts], 1: the expert is kept (prune.h); NULL: all are */
    void (*log)(void *context, int level, const char *text);          /* may be NULL */
    void *context;
};

/* Of the matrices that are rounded, an expert's by itself: how many, and of how many the file of importance says nothing. */
struct tl_importance_report { uint64_t matrices, missing[TL_PARTS]; };

struct tl_quantize_report {
    uint64_t tensors, changed, resumed;
    uint64_t in_bytes, out_bytes, parameters;        /* bytes: of the files of weights */
    double seconds, flow_seconds;        /* of all; from the first read to the last write */
    double encode_seconds, write_seconds;            /* of these, while threads encoded; in the thread that writes */
    uint64_t read_bytes, written_bytes;  /* of tensors, by this run, as source and output have them */
    double drive_bytes_per_s;            /* what direct reads of the input give, measured behind a run of some seconds; 0: it was not */
    double encoder_limit_seconds, drive_limit_seconds;         /* then: that tensors need whose encoding, reading and writing takes longest */
    double bits;                         /* a weight, of tensors as written */
    struct tl_importance_report importance;          /* matrices 0: none was given, or nothing is rounded */
    double error;                        /* of what this run rounded: weighted squared error over that of zeros, from every 16th row; NaN: of nothing */
};

/* TL_E_IO where the disk has too little room, TL_E_BUDGET where memory has, before anything is written. */
int tl_quantize(const struct tl_quantize_how *how, struct tl_progress *progress, struct tl_quantize_report *ret_report);

#endif
