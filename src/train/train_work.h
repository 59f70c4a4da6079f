/* SPDX-License-Identifier: MIT */
/* What is trained, with all that it stands on: weights in the memory that was planned for them, read or drawn; of adapters,
 * the base beneath them. */
#ifndef TL_TRAIN_TRAIN_WORK_H
#define TL_TRAIN_TRAIN_WORK_H

#include "train/lora.h"
#include "train/student.h"
#include "train/train.h"

struct tl_train_work {
    struct tl_weights *weights;
    struct tl_train_plan plan;
    struct tl_arena arena;               /* of the weights */
    struct tl_pool *pool;                /* of the base's store; NULL without adapters */
};

/* Plans first, so that what cannot work fails before anything is read or taken; then all is ready for tl_train with this plan. lora:
 * adapters of a tl_student_open_base; NULL: the student itself. how: its plan is left out, its seed draws. */
int tl_train_work_init(struct tl_train_work *work, struct tl_student *student, const struct tl_lora_how *lora, const struct tl_train_how *how);
void tl_train_work_done(struct tl_train_work *work);                  /* before the student is closed; zeroed is fine */

#endif
