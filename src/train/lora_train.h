/* SPDX-License-Identifier: MIT */
/* The steps of training adapters around the loop: the base in the memory that was planned for it, the file that comes out. */
#ifndef TL_TRAIN_LORA_TRAIN_H
#define TL_TRAIN_LORA_TRAIN_H

#include "train/lora.h"
#include "train/student.h"
#include "train/train.h"

/* What is trained, with all that it stands on. */
struct tl_lora_work {
    struct tl_student *base;             /* tl_student_open_base; borrowed */
    struct tl_weights *weights;          /* tl_lora_new */
    struct tl_train_plan plan;
    struct tl_arena arena;               /* of the weights */
    struct tl_pool *pool;                /* of the store */
};

/* Plans, loads the base, and begins the adapters: ready for tl_train with this plan. how: its plan is left out. */
int tl_lora_work_init(struct tl_lora_work *work, struct tl_student *base, const struct tl_lora_how *lora, const struct tl_train_how *how);
void tl_lora_work_done(struct tl_lora_work *work);                    /* before the base is closed; zeroed is fine */
/* A GGUF where the path ends in .gguf, else a folder of PEFT. */
int tl_lora_work_write(const struct tl_lora_work *work, const char *base_name, const char *path);
bool tl_lora_is_gguf(const char *path);

#endif
