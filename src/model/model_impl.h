/* SPDX-License-Identifier: MIT */
/* What a model is made of. Private to this room. */
#ifndef TL_MODEL_MODEL_IMPL_H
#define TL_MODEL_MODEL_IMPL_H

#include "model/adapt.h"
#include "model/step.h"

struct tl_model {
    const struct tl_modelfile *file;
    struct tl_meters *meters;
    struct tl_geometry geometry;
    struct tl_program program;
    struct tl_store *store;
    struct tl_adapt *adapt;              /* NULL: none */
    struct tl_model *ahead;              /* NULL: none; ahead.c */
    struct tl_cache cache;
    struct tl_step step;
    struct tl_model_limits limits;
    struct tl_arena weights, states, batch;      /* lifetimes: model, sessions, steps */
};

/* ahead.c: before the order is told, where the file has one; free takes what is there of it. */
int tl_ahead_new(struct tl_model *model, bool exact);
void tl_ahead_free(struct tl_model *model);
int tl_ahead_layout(struct tl_model *model, const struct tl_model_limits *limits, struct tl_arena *states, struct tl_arena *batch);

/* order.c: tells the store in which order a step uses weights. */
int tl_model_order(struct tl_model *model, bool walked_back);

#endif
