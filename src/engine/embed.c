/* SPDX-License-Identifier: MIT */
/* A text as a vector: the mean of what the last norm puts out for each of its tokens, of length 1. Its tokens are computed
 * in pieces of their own between the steps of others, short ones where there are others. Sums are doubles in the order of
 * the tokens, so no bit depends on the pieces. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/prefix.h"
#include "engine/session.h"

enum { SHORT_PIECE = 32 };

struct embedding { struct tl_session *session; double *sums; uint32_t width; };

static int add_rows(void *context, const uint32_t *tokens, uint32_t n_rows, const float *rows)
{
    struct embedding *e = context;
    (void)tokens;
    for (uint32_t row = 0; row < n_rows; row++)
        for (uint32_t i = 0; i < e->width; i++)
            e->sums[i] += (double)rows[(uint64_t)row * e->width + i];
    return 0;
}

static bool stopped(void *context)
{
    const struct embedding *e = context;
    return tl_session_stops(e->session);
}

/* Inside. */
static int compute_piece(struct embedding *e)
{
    struct tl_session *session = e->session;
    struct tl_engine *engine = session->engine;
    struct tl_state *state = session->state;
    uint32_t most = tl_model_limits(engine->model)->chunk, left = session->n_ids - state->length;
    pthread_mutex_lock(&engine->lock);
    bool others = engine->waiting != NULL;
    pthread_mutex_unlock(&engine->lock);
    most = others && most > SHORT_PIECE ? SHORT_PIECE : most;
    struct tl_span span = {state, left < most ? left : most};
    struct tl_batch batch = {.ids = session->ids + state->length, .spans = &span, .n_spans = 1, .wanted = engine->step_wanted, .normed = add_rows,
                             .stop = stopped, .context = e};
    memset(engine->step_wanted, 1, span.n_tokens);
    int status = tl_prefix_reserve(engine->prefix, state, span.n_tokens);
    return status < 0 ? status : tl_model_forward(engine->model, engine->pool, engine->kernel, &batch);
}

static int normalise(const struct embedding *e, float *ret)
{
    double square = 0;
    for (uint32_t i = 0; i < e->width; i++)
        square += e->sums[i] * e->sums[i];
    if (!(square > 0) || !isfinite(square))
        return tl_fail(TL_E_FILE, "%s: computes no vector for this text; there must be NaN or infinities among its weights",
                       tl_model_path(e->session->engine->model));
    for (uint32_t i = 0; i < e->width; i++)
        ret[i] = (float)(e->sums[i] / sqrt(square));
    return 0;
}

int tl_session_embed(struct tl_session *session, const int32_t *ids, size_t count, float *ret)
{
    struct tl_engine *engine = session->engine;
    struct embedding e = {.session = session, .width = tl_model_geometry(engine->model)->width};
    if (count == 0)
        return tl_fail(TL_E_USAGE, "nothing to embed: the text is empty");
    TL_AUTO double *sums = e.sums = tl_alloc(e.width, sizeof(*e.sums));
    int status = sums ? tl_session_set(session, ids, count) : TL_E_NOMEM;
    if (status < 0)
        return status;
    tl_session_truncate(session, 0);
    session->n_reused = 0;
    while (status >= 0 && session->state->length < session->n_ids) {
        tl_engine_enter(engine);
        status = compute_piece(&e);
        tl_engine_give_way(engine);
    }
    atomic_store(&session->cancel, 0);
    if (status >= 0)
        tl_meter_add(&engine->meters, TL_METER_PROMPT_TOKENS, count);
    return status < 0 ? status : normalise(&e, ret);
}
