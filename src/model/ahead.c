/* SPDX-License-Identifier: MIT */
/* The layer behind the last one that some models bring to predict a further token (DeepSeek-V3, 2024, section 2.2; GLM-4.5,
 * Qwen3-Next): a model of one layer with a state of its own, on the store of the model that it belongs to, whose embedding
 * and head it uses. What is true of that model's last norm goes in beside the embedding of the token that follows. */
#include "base/error.h"
#include "base/memory.h"
#include "model/bind.h"
#include "model/model_impl.h"
#include "model/names.h"

enum { MOST_TOKENS = 64 };               /* of its steps */

int tl_ahead_new(struct tl_model *model, bool exact)
{
    struct tl_model *ahead = tl_alloc(1, sizeof(*ahead));
    char name[TL_NAME_BYTES];
    const struct tl_name *row;
    if (!ahead)
        return TL_E_NOMEM;
    model->ahead = ahead;
    ahead->file = model->file;
    ahead->meters = model->meters;
    ahead->store = model->store;
    tl_geometry_ahead(&model->geometry, &ahead->geometry);
    struct tl_file_binding binding = { .file = model->file, .geometry = &ahead->geometry, .store = model->store };
    struct tl_binder binder = tl_bind_file(&binding);
    if (!tl_name_find(model->file, &ahead->geometry, TL_R_AHEAD_JOIN, ahead->geometry.ahead, 0, &row, name)) {
        tl_ahead_free(model);
        return 0;
    }
    int status = tl_program_build(&ahead->geometry, &binder, exact, &ahead->program);
    return status < 0 ? status : tl_cache_init(&ahead->cache, &ahead->geometry, model->cache.format);
}

void tl_ahead_free(struct tl_model *model)
{
    struct tl_model *ahead = model->ahead;
    if (ahead) {
        tl_program_done(&ahead->program);
        tl_cache_done(&ahead->cache);
    }
    tl_free(ahead);
    model->ahead = NULL;
}

int tl_ahead_layout(struct tl_model *model, const struct tl_model_limits *limits, struct tl_arena *states, struct tl_arena *batch)
{
    struct tl_model *ahead = model->ahead;
    ahead->limits = *limits;
    ahead->limits.chunk = limits->chunk < MOST_TOKENS ? limits->chunk : MOST_TOKENS;
    ahead->step.model = ahead;
    ahead->step.store = ahead->store;
    int status = tl_cache_share(&ahead->cache, false);
    if (status >= 0)
        status = tl_cache_layout(&ahead->cache, limits->context, limits->sessions, ahead->limits.chunk, states);
    return status < 0 ? status : tl_step_layout(&ahead->step, &ahead->geometry, &ahead->program, &ahead->limits, batch);
}

struct tl_model *tl_model_ahead(struct tl_model *model) { return model->ahead; }
