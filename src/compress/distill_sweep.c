/* SPDX-License-Identifier: MIT */
/* The teacher is swept over the windows that are learnt. A file of draws that is there is checked and taken. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_impl.h"

static const double checkpoint_seconds = 60;

/* Windows that are learnt, each counted once. */
static uint64_t windows_of(const struct tl_distilling *d)
{
    uint64_t all = tl_corpus_windows(d->corpus, false), wanted = (d->settled.tokens + d->settled.window - 1) / d->settled.window;
    wanted = (wanted + d->settled.batch - 1) / d->settled.batch * d->settled.batch;
    return wanted < all ? wanted : all;
}

static void digest(struct tl_distilling *d)
{
    const struct tl_distill_order *o = &d->settled;
    uint64_t facts[] = {o->window, o->draws, o->seed, windows_of(d)};
    uint8_t corpus[TL_SHA256_BYTES];
    struct tl_sha256 sha;
    tl_corpus_digest(d->corpus, corpus);
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, d->teacher_digest, sizeof(d->teacher_digest));
    tl_sha256_add(&sha, corpus, sizeof(corpus));
    tl_sha256_add(&sha, facts, sizeof(facts));
    if (o->engine.kv)
        tl_sha256_add(&sha, o->engine.kv, strlen(o->engine.kv));
    tl_sha256_add(&sha, &o->engine.exact, sizeof(o->engine.exact));
    tl_sha256_end(&sha, d->sweep_digest);
}

int tl_distill_score(struct tl_distilling *d, const char *path, const struct tl_distill_texts *texts, struct tl_score *how, struct tl_scored *ret_scored)
{
    struct tl_engine_options options = d->settled.engine;
    struct tl_engine *engine;
    options.context = how->window = how->stride = texts->longest;
    options.score_tokens = texts->n_ids;
    how->starts = texts->starts;
    how->n_texts = texts->n_texts;
    how->progress = d->progress;
    int status = tl_engine_open(path, &options, &engine);
    if (status < 0)
        return status;
    status = tl_score(engine, texts->ids, texts->n_ids, how, NULL, ret_scored);
    tl_engine_close(engine);
    return status;
}

static int sweep(struct tl_distilling *d, const char *path, const char *checkpoint)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_score how = {.teacher = path, .checkpoint = checkpoint, .checkpoint_seconds = checkpoint_seconds, .draws = o->draws, .seed = o->seed,
                           .warn = o->warn, .context = o->context};
    struct tl_scored scored;
    uint64_t begin_ns = tl_clock_ns();
    int status = tl_progress_begin(d->progress, "opening the teacher", 0, 0, "bytes");
    if (status >= 0)
        status = tl_distill_score(d, o->teacher, &d->texts, &how, &scored);
    d->ret->sweep_seconds = tl_clock_seconds(begin_ns);
    if (status < 0)
        return status;
    struct tl_buffer facts;
    tl_buffer_init(&facts, 0);
    tl_buffer_printf(&facts, "{\"tokens\":%" PRIu64 ",\"computed_tokens\":%" PRIu64 ",\"resumed_tokens\":%" PRIu64 ",\"seconds\":%.6g,\"nll\":%.6g}",
                     scored.tokens, scored.computed, scored.resumed, d->ret->sweep_seconds,
                     scored.tokens ? scored.nll_sum / (double)scored.tokens : 0);
    status = facts.status < 0 ? facts.status : tl_distill_work_done(d->work, "sweep", d->sweep_digest, path, facts.data);
    tl_buffer_done(&facts);
    return status;
}

int tl_distill_sweep(struct tl_distilling *d)
{
    const int32_t *ids;
    const uint64_t *starts;
    uint64_t n;
    digest(d);
    TL_AUTO char *path = tl_distill_work_path(d->work, "sweep", d->sweep_digest, "teacher");
    TL_AUTO char *checkpoint = tl_distill_work_path(d->work, "sweep", d->sweep_digest, "checkpoint");
    int status = path && checkpoint ? tl_distill_cut(d, d->corpus, false, windows_of(d), &d->texts) : TL_E_NOMEM;
    d->ret->stages++;
    d->ret->stages_found += status >= 0 && tl_file_exists(path);
    if (status >= 0 && !tl_file_exists(path))
        status = sweep(d, path, checkpoint);
    tl_corpus_documents(d->corpus, &ids, &starts, &n);
    if (status >= 0)
        status = tl_distill_draws_open(path, &d->texts, starts[n], tl_model_geometry(d->student->model)->vocab, d->progress, &d->draws);
    return status == TL_E_FILE ? TL_E_FAIL : status;
}
