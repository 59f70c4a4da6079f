/* SPDX-License-Identifier: MIT */
/* Low-rank adapters of a frozen model as what is trained (LoRA, Hu et al. 2021): for linear operations A [rank, cols] and
 * B [rows, rank], of which out += alpha / rank * B(A in). They are parameters behind those of the model, in pairs, so that
 * the optimiser, checkpoints and the loop know nothing of them. The model's own matrices are used as its store has them:
 * resident, or passing through memory layer by layer, there and back. */
#ifndef TL_TRAIN_LORA_H
#define TL_TRAIN_LORA_H

#include "train/weights.h"

struct tl_lora_how {
    uint32_t rank;
    double alpha;                        /* 0: twice the rank */
    const char *targets;                 /* "q,v,down": kinds of operations by name; NULL: all there are */
    uint64_t seed;
};

struct tl_lora {
    uint32_t rank;
    double alpha;
    uint64_t seed;
    uint32_t *of_op;                     /* [operations] -> the parameter that is its A, B behind it; UINT32_MAX: none */
    uint32_t n_base, n_pairs;            /* parameters of the model come first */
};

/* Weights of a frozen model with adapters, for tl_weights_layout, tl_lora_begin and tl_train. TL_E_USAGE names the targets that
 * there are where one is not known or not there. */
int tl_lora_new(struct tl_model *model, const struct tl_lora_how *how, struct tl_weights **ret_weights);
/* Reads what is small of the base (vectors), and draws A as PEFT does, uniform within 1 / sqrt(cols); B is 0. The model is loaded. */
int tl_lora_begin(struct tl_weights *weights, struct tl_pool *pool, struct tl_progress *progress);
/* The adapter as a GGUF where the path ends in .gguf, else as a folder of PEFT; base: the model's name for people. */
int tl_lora_write(const struct tl_weights *weights, const char *base, const char *path);

#endif
