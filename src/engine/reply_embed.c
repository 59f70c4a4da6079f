/* SPDX-License-Identifier: MIT */
/* Embeddings: a part takes every n-th input, one after the other. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/reply_impl.h"

/* Of the first so many values, made one long again (Kusupati et al. 2022: what is trained so keeps its sense). */
static uint32_t shorten(float *values, uint32_t width, uint32_t wished)
{
    double square = 0;
    if (!wished || wished >= width)
        return width;
    for (uint32_t i = 0; i < wished; i++)
        square += (double)values[i] * values[i];
    for (uint32_t i = 0; i < wished && square > 0; i++)
        values[i] = (float)(values[i] / sqrt(square));
    return wished;
}

static int embed(struct tl_reply *reply, uint32_t index, struct tl_session *session, float *values, struct tl_usage *usage)
{
    const struct tl_ask_prompt *prompt = &reply->how.ask->prompt[index];
    struct tl_event event = {.kind = TL_EVENT_EMBEDDING, .part = index, .values = values};
    *usage = (struct tl_usage){.prompt_tokens = (uint32_t)prompt->n_ids};
    uint64_t begin_ns = tl_clock_ns();
    int status = tl_session_embed(session, prompt->ids, prompt->n_ids, values);
    if (status < 0)
        return status;
    usage->prefill_seconds = tl_clock_seconds(begin_ns);
    event.n_values = shorten(values, tl_model_geometry(reply->how.engine->model)->width, reply->request->dimensions);
    status = tl_reply_event(reply, &event);
    struct tl_event end = {.kind = TL_EVENT_END, .part = index, .finish = "stop", .usage = usage};
    return status < 0 ? status : tl_reply_event(reply, &end);
}

int tl_reply_embed(struct tl_reply *reply, uint32_t part, struct tl_session *session, struct tl_replied *replied)
{
    TL_AUTO float *values = tl_alloc(tl_model_geometry(reply->how.engine->model)->width, sizeof(*values));
    int status = values ? 0 : TL_E_NOMEM;
    replied->finish = "stop";
    for (uint32_t i = part; i < reply->how.ask->n_prompts && status >= 0; i += reply->n_parts) {
        struct tl_usage usage;
        status = embed(reply, i, session, values, &usage);
        replied->usage.prompt_tokens += usage.prompt_tokens;
        replied->usage.prefill_seconds += usage.prefill_seconds;
    }
    return status;
}
