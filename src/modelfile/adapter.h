/* SPDX-License-Identifier: MIT */
/* Files of low-rank adapters (LoRA, Hu et al. 2021): pairs of matrices A [rank, cols] and B [rows, rank] that add
 * scale * B(Ax) to what a matrix of a model makes of x. Two kinds are read and written: a folder of PEFT
 * (adapter_config.json, adapter_model.safetensors) and llama.cpp's GGUF (general.type "adapter"). What they may hold beyond
 * that (DoRA, biases, whole modules, embeddings) is refused in one sentence. */
#ifndef TL_MODELFILE_ADAPTER_H
#define TL_MODELFILE_ADAPTER_H

#include "modelfile/modelfile.h"

enum { TL_ADAPTER_MAX_PAIRS = 1 << 16, TL_ADAPTER_MAX_RANK = 1 << 14 };

struct tl_adapter_pair {
    const char *target;                  /* the weight it adds to, as models of its format call it: "blk.0.attn_q.weight" */
    const struct tl_tensor *a, *b;       /* two dimensions each, of one rank, in formats that can be decoded */
    uint32_t rank;
    float scale;                         /* alpha / rank, or as the file says */
};

struct tl_adapter {
    struct tl_modelfile *file;
    const char *architecture;            /* general.architecture; NULL: the file does not say */
    struct tl_adapter_pair *pairs;
    uint32_t n_pairs;
};

/* path: a GGUF, a folder of PEFT, or its adapter_model.safetensors. */
int tl_adapter_open(const char *path, struct tl_adapter **ret_adapter);
void tl_adapter_close(struct tl_adapter *adapter);                    /* NULL is fine */
/* Is this open file an adapter, and no model? */
bool tl_adapter_is(const struct tl_modelfile *file);

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* a [rank][cols], b [rows][rank]; target as above, in the names of the format that is written. */
struct tl_adapter_matrix { const char *target; uint32_t rank, rows, cols; const float *a, *b; };

struct tl_adapter_facts {
    const char *architecture;            /* of the base, as GGUF calls it */
    const char *base;                    /* its name for people; NULL: none */
    uint32_t rank;
    double alpha;                        /* scale = alpha / rank */
};

/* A file in f32, or (safetensors) a folder that is made where it is not there. */
int tl_adapter_write(const char *path, enum tl_modelfile_format format, const struct tl_adapter_facts *facts,
                     const struct tl_adapter_matrix *matrices, uint32_t n_matrices);

#endif
