/* SPDX-License-Identifier: MIT */
/* Which experts a run asks for, recorded to a file (store/trace.h). */
#ifndef TL_ENGINE_TRACE_H
#define TL_ENGINE_TRACE_H

#include "base/progress.h"
#include "engine/engine.h"

struct tl_trace_run {
    const int32_t *ids;
    size_t n_ids;
    bool one_by_one;                     /* the given ids too are decoded; else they are one prompt */
    uint32_t n_new;                      /* then so many tokens are generated */
    struct tl_sampling sampling;
};

/* Runs in a session of its own while nobody else uses the engine. The file appears when all has gone well. */
int tl_engine_trace(struct tl_engine *engine, const struct tl_trace_run *run, const char *path, struct tl_progress *progress);

#endif
