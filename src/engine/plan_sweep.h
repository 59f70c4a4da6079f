/* SPDX-License-Identifier: MIT */
/* The plan of an engine that scores: how many tokens a sweep takes. Private to this room. */
#ifndef TL_ENGINE_PLAN_SWEEP_H
#define TL_ENGINE_PLAN_SWEEP_H

#include "engine/engine.h"

int tl_sweep_plan(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_model_limits *ret_limits);
uint64_t tl_sweep_bytes(const struct tl_engine *engine, const struct tl_model_limits *limits);  /* that scoring takes besides the model */

/* plan.c */
int tl_plan_total(struct tl_engine *engine, const struct tl_model_limits *limits, uint64_t *ret_bytes);
int tl_plan_widen(struct tl_engine *engine, struct tl_model_limits *limits);
int tl_plan_widen_trunk(struct tl_engine *engine, struct tl_model_limits *limits);
int tl_plan_refuse(struct tl_engine *engine, const struct tl_model_limits *limits, uint64_t needed_bytes);

#endif
