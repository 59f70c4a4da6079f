/* SPDX-License-Identifier: MIT */
/* Token after token through a session, while the store records. */
#include "engine/trace.h"

#include "base/error.h"
#include "engine/session.h"
#include "store/trace.h"

static int run_all(struct tl_session *session, const struct tl_trace_run *run, struct tl_progress *progress)
{
    size_t first = run->one_by_one ? 1 : run->n_ids, total = run->n_ids - first + run->n_new;
    int status = tl_progress_begin(progress, "recording", 0, total, "tokens");
    const float *logits = NULL;
    if (status >= 0)
        status = tl_session_set(session, run->ids, first);
    for (size_t i = 0; i <= total && status >= 0; i++) {
        status = tl_session_logits(session, &logits);
        if (status < 0 || i == total)
            break;
        size_t at = first + i;
        int32_t id = at < run->n_ids ? run->ids[at]
                                     : tl_sampler_draw(session->sampler, &run->sampling, logits, NULL, session->ids, session->n_ids, 0, session->n_ids);
        status = tl_session_append(session, &id, 1);
        if (status >= 0)
            status = tl_progress_move(progress, i + 1);
    }
    return status;
}

int tl_engine_trace(struct tl_engine *engine, const struct tl_trace_run *run, const char *path, struct tl_progress *progress)
{
    struct tl_store *store = tl_model_store(engine->model);
    struct tl_session *session = NULL;
    struct tl_trace *trace = NULL;
    if (!tl_store_banks(store))
        return tl_fail(TL_E_USAGE, "%s has no routed experts to record", tl_modelfile_path(engine->file));
    if (!run->n_ids)
        return tl_fail(TL_E_USAGE, "a trace needs at least one token");
    int status = tl_session_open(engine, &session);
    if (status >= 0)
        status = tl_trace_new(store, path, &trace);
    if (status >= 0) {
        tl_engine_enter(engine);
        tl_store_record(store, trace);
        tl_engine_leave(engine);
        status = run_all(session, run, progress);
        tl_engine_enter(engine);
        tl_store_record(store, NULL);
        tl_engine_leave(engine);
    }
    if (status >= 0)
        status = tl_trace_close(trace);
    else
        tl_trace_drop(trace);
    tl_session_close(session);
    return status;
}
