/* SPDX-License-Identifier: MIT */
/* Adapters from a model and a corpus: opens the base, lays it out in the budget beside the pass, trains, writes the file. */
#ifndef TL_TRAIN_LORA_TRAIN_H
#define TL_TRAIN_LORA_TRAIN_H

#include "train/lora.h"
#include "train/train.h"

struct tl_lora_training {
    const char *base, *corpus, *output;  /* output: NAME.gguf, or a folder for PEFT */
    const char *base_name;               /* for people; NULL: the path */
    struct tl_lora_how lora;
    struct tl_train_how how;             /* window 0: 512, or what the model was trained for where that is less; its plan is made here */
    double held_share;
    void (*log)(void *context, int level, const char *text);          /* may be NULL */
};

struct tl_lora_trained { struct tl_trained trained; struct tl_train_plan plan; uint64_t n_values, n_matrices, read_bytes, model_bytes; };

/* Where it ends early there is no file, and the checkpoint holds what was learnt. */
int tl_lora_train(const struct tl_lora_training *training, struct tl_lora_trained *ret_trained);

#endif
