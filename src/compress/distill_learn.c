/* SPDX-License-Identifier: MIT */
/* The student learns: from what the teacher said and the text, or, as control, from the text alone. Both begin with the same
 * weights and see the same windows in the same order. */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "compress/distill_impl.h"

static const double checkpoint_seconds = 60, least_rate = 0.1, decay_share = 0.2;

struct learning {
    struct tl_distilling *d;
    bool control;
    const char *stage;                   /* "control" or "student" */
    const struct tl_corpus *corpus;
    struct tl_distill_side *side;
    struct tl_train_work work;
    struct tl_teaching teaching;
    struct tl_train_how how;
    uint8_t digest[TL_SHA256_BYTES];
};

static int digest(struct learning *l)
{
    struct tl_distilling *d = l->d;
    const char *number = d->settled.number;
    uint8_t corpus[TL_SHA256_BYTES];
    struct tl_buffer recipe;
    struct tl_sha256 sha;
    tl_buffer_init(&recipe, 0);
    tl_distill_recipe(d, l->control, &recipe);
    tl_corpus_digest(l->corpus, corpus);
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, d->student_digest, sizeof(d->student_digest));
    tl_sha256_add(&sha, corpus, sizeof(corpus));
    tl_sha256_add(&sha, recipe.data ? recipe.data : "", recipe.len);
    tl_sha256_add(&sha, number, strlen(number) + 1);
    if (d->draws && !l->control)
        tl_sha256_add(&sha, tl_distill_draws_facts(d->draws)->digest, TL_SHA256_BYTES);
    tl_sha256_end(&sha, l->digest);
    int status = recipe.status;
    tl_buffer_done(&recipe);
    return status;
}

static void order_training(struct learning *l, const char *checkpoint)
{
    const struct tl_distilling *d = l->d;
    const struct tl_distill_order *o = &d->settled;
    if (d->draws && !l->control) {
        l->teaching = (struct tl_teaching){.context = d->draws, .draws = tl_distill_draws_at, .weight = (float)o->mix};
        memcpy(l->teaching.digest, tl_distill_draws_facts(d->draws)->digest, TL_SHA256_BYTES);
    }
    l->how = (struct tl_train_how){
        .batch = o->batch, .window = o->window, .tokens = o->tokens, .seed = o->seed, .ram_bytes = o->engine.ram_bytes, .threads = o->engine.threads,
        .bf16 = o->bf16, .teaching = l->teaching.draws ? &l->teaching : NULL, .checkpoint = checkpoint, .checkpoint_seconds = checkpoint_seconds,
        .anew = true, .plan = &l->work.plan, .progress = d->progress, .warn = o->warn, .context = o->context,
    };
    l->how.schedule = (struct tl_schedule){.kind = d->schedule, .peak = o->rate, .least = least_rate, .decay_share = decay_share};
}

static int write_weights(struct learning *l, const char *role, const char *path)
{
    struct tl_distilling *d = l->d;
    struct tl_distill_notes notes;
    const struct tl_number *number = tl_number_by_name(d->settled.number);
    int status = tl_distill_note(d, role, l->control, &notes);
    if (status >= 0)
        status = tl_weights_write(l->work.weights, number, d->student->vocabulary, notes.note, notes.n, path, d->progress);
    tl_distill_notes_done(&notes);
    return status;
}

/* What it was before, to be compared with. */
static int write_start(struct learning *l)
{
    struct tl_distilling *d = l->d;
    return tl_file_exists(d->start_file) ? 0 : write_weights(l, "start", d->start_file);
}

/* --- figures, kept for later runs --------------------------------------------------------------------------------- */

static const struct { const char *name; size_t at; } figures[] = {
#define FIGURE(name, member) {name, offsetof(struct tl_trained, member)}
    FIGURE("loss", last.loss), FIGURE("nll", last.nll), FIGURE("held_before", first_held), FIGURE("held_before_se", first_held_se),
    FIGURE("held", held), FIGURE("held_se", held_se), FIGURE("seconds", seconds),
#undef FIGURE
};

static double *figure(struct tl_trained *trained, size_t i) { return (double *)(void *)((char *)trained + figures[i].at); }

static int keep_figures(struct learning *l, const char *path)
{
    struct tl_trained *t = &l->side->trained;
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"steps\":%" PRIu64 ",\"tokens\":%" PRIu64, t->last.step, t->last.tokens);
    for (size_t i = 0; i < TL_COUNT(figures); i++)
        tl_buffer_printf(&json, ",\"%s\":%.9g", figures[i].name, *figure(t, i));
    tl_buffer_printf(&json, "}");
    int status = json.status;
    if (status >= 0)
        status = tl_distill_work_done(l->d->work, l->stage, l->digest, path, json.data);
    tl_buffer_done(&json);
    return status;
}

static int find_figures(struct learning *l)
{
    const char *facts = tl_distill_work_facts(l->d->work, l->stage, l->digest);
    struct tl_json json;
    l->d->ret->stages_found++;
    if (!facts)
        return 0;
    tl_json_init(&json, "what training took", facts, strlen(facts));
    int status = tl_json_next(&json);
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_KEY) {
        double *value = NULL;
        for (size_t i = 0; i < TL_COUNT(figures); i++)
            value = tl_json_is(&json, figures[i].name) ? figure(&l->side->trained, i) : value;
        status = value ? tl_json_f64(&json, value)
               : tl_json_is(&json, "steps") ? tl_json_u64(&json, UINT64_MAX / 2, &l->side->trained.last.step)
               : tl_json_is(&json, "tokens") ? tl_json_u64(&json, UINT64_MAX / 2, &l->side->trained.last.tokens) : tl_json_skip(&json);
    }
    tl_json_done(&json);
    return status < 0 ? TL_E_FAIL : 0;
}

/* --- the stage ---------------------------------------------------------------------------------------------------- */

static int learn(struct learning *l, const char *path, const char *checkpoint)
{
    order_training(l, checkpoint);
    int status = tl_train_work_init(&l->work, l->d->student, NULL, &l->how);
    if (status >= 0 && l->d->student->drawn)
        status = write_start(l);
    if (status >= 0)
        status = tl_train(l->work.weights, l->corpus, &l->how, &l->side->trained);
    if (status >= 0)
        status = write_weights(l, l->stage, path);
    if (status >= 0)
        status = keep_figures(l, path);
    if (status >= 0)
        tl_train_forget(&l->how);
    tl_train_work_done(&l->work);
    return status;
}

/* A drawn start is a file of its own, named by what it is drawn from. */
static int name_start(struct tl_distilling *d)
{
    uint8_t digest[TL_SHA256_BYTES];
    struct tl_sha256 sha;
    if (d->start_file)
        return 0;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, d->student_digest, sizeof(d->student_digest));
    tl_sha256_add(&sha, &d->settled.seed, sizeof(d->settled.seed));
    tl_sha256_add(&sha, d->settled.number, strlen(d->settled.number));
    tl_sha256_end(&sha, digest);
    d->start_file = d->student->drawn ? tl_distill_work_path(d->work, "start", digest, "gguf") : tl_strdup(d->settled.student);
    return d->start_file ? 0 : TL_E_NOMEM;
}

int tl_distill_learn(struct tl_distilling *d, bool control)
{
    char **file = control ? &d->control_file : &d->student_file;
    struct learning l = {.d = d, .control = control, .stage = control ? "control" : "student", .corpus = control && d->documents ? d->documents : d->corpus,
                         .side = control ? &d->ret->control : &d->ret->student};
    int status = digest(&l);
    if (status >= 0)
        status = name_start(d);
    TL_AUTO char *checkpoint = status >= 0 ? tl_distill_work_path(d->work, l.stage, l.digest, "checkpoint") : NULL;
    *file = checkpoint ? tl_distill_work_path(d->work, l.stage, l.digest, "gguf") : NULL;
    if (!*file)
        return status < 0 ? status : TL_E_NOMEM;
    d->ret->stages++;
    return tl_file_exists(*file) && tl_file_exists(d->start_file) ? find_figures(&l) : learn(&l, *file, checkpoint);
}
