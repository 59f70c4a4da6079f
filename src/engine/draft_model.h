/* SPDX-License-Identifier: MIT */
/* A smaller model of the same vocabulary beside the engine's own, within the same budget. */
#ifndef TL_ENGINE_DRAFT_MODEL_H
#define TL_ENGINE_DRAFT_MODEL_H

#include "base/meter.h"
#include "model/model.h"
#include "text/tokenizer.h"

struct tl_engine;

struct tl_draft_side {
    struct tl_modelfile *file;
    struct tl_model *model;
    struct tl_meters meters;
    struct tl_model_limits limits;
    uint64_t bytes;                      /* that it will take */
};

/* Headers only, before the engine's own model is fitted into what is left. TL_E_USAGE: another vocabulary. */
int tl_draft_side_open(struct tl_engine *engine, const char *path, uint32_t threads, uint32_t sessions, struct tl_draft_side **ret_side);
void tl_draft_side_close(struct tl_draft_side *side);

#endif
