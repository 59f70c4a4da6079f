/* SPDX-License-Identifier: MIT */
/* What is asked for is settled, looked at and checked before anything is computed; then one stage follows the other. */
#include "compress/distill.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_impl.h"
#include "compress/identity.h"
#include "compress/verify.h"

enum { WINDOW = 512, LEAST_STEPS = 512, MOST_BATCH = 32, DRAWS = 16, PASSES = 4, PROMPT_TOKENS = 32, ANSWER_TOKENS = 256, STUDENT_BYTES = 4, CHECKPOINT_BYTES = 12 };
static const double usual_held_share = 0.05;

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int check(const struct tl_distill_order *o)
{
    if (!o->text && !o->prompts)
        return tl_fail(TL_E_USAGE, "nothing to learn from: --text DIR, or --prompts FILE for the teacher to answer");
    if (o->mix < 0 || o->mix > 1 || isnan(o->mix))
        return tl_fail(TL_E_USAGE, "a weight of %g for what the teacher said, expected 0 to 1", o->mix);
    if (o->verify && !o->prompts)
        return tl_fail(TL_E_USAGE, "a verifier judges answers to prompts: --prompts FILE is missing");
    if (o->control && !o->text)
        return tl_fail(TL_E_USAGE, "the control learns from documents: --control needs --text");
    if (o->number && !tl_number_by_name(o->number))
        return tl_fail(TL_E_USAGE, "unknown number format \"%.40s\"", o->number);
    return 0;
}

/* The number of weights that a size of vocabulary, or a model file, comes to is known once the student is open. */
static void settle(struct tl_distilling *d)
{
    struct tl_distill_order *o = &d->settled;
    uint32_t context = tl_model_geometry(d->student->model)->context, teacher = tl_model_geometry(d->teacher->model)->context;
    uint32_t most = context < teacher - 2 || teacher < 4 ? context : teacher - 2;        /* BOS and the token that follows */
    o->window = o->window ? o->window : most < WINDOW ? most : WINDOW;
    o->draws = o->draws ? o->draws : DRAWS;
    o->number = o->number ? o->number : "f16";
    o->held_share = o->held_share > 0 ? o->held_share : usual_held_share;
    o->schedule = o->schedule ? o->schedule : "cosine";
    o->prompt_tokens = o->prompt_tokens ? o->prompt_tokens : PROMPT_TOKENS;
    o->answer_tokens = o->answer_tokens ? o->answer_tokens : ANSWER_TOKENS;
    o->verify_seconds = o->verify_seconds > 0 ? o->verify_seconds : TL_VERIFY_SECONDS;
    o->rate = o->rate > 0 ? o->rate : tl_student_rate(tl_model_program(d->student->model)->parameters, d->student->drawn);
}

static int open_models(struct tl_distilling *d)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_distill_survey *s = &d->ret->survey;
    struct tl_engine_options options = {.plan_only = true, .shorter_context = true, .fewer_sessions = true, .context = 256, .threads = o->engine.threads,
                                        .log = o->engine.log, .context_pointer = o->engine.context_pointer};
    int status = tl_engine_open(o->teacher, &options, &d->teacher);
    if (status >= 0)
        status = tl_identity_of(d->teacher->file, d->teacher_digest);
    if (status >= 0)
        status = tl_student_open(o->student, d->teacher->file, &d->student);
    if (status >= 0 && !d->student->drawn)
        status = tl_identity_of(tl_model_file(d->student->model), d->student_digest);
    if (status < 0)
        return status;
    if (d->student->drawn) {             /* what is drawn follows from its name, the vocabulary and the seed, which the recipe has */
        struct tl_sha256 sha;
        tl_sha256_init(&sha);
        tl_sha256_add(&sha, o->student, strlen(o->student) + 1);
        tl_sha256_add(&sha, d->teacher_digest, sizeof(d->teacher_digest));
        tl_sha256_end(&sha, d->student_digest);
    }
    settle(d);
    status = tl_schedule_find(d->settled.schedule, &d->schedule);
    tl_modelfile_name(o->teacher, strlen(o->teacher), s->teacher_name, sizeof(s->teacher_name));
    tl_modelfile_name(o->student, strlen(o->student), s->student_name, sizeof(s->student_name));
    return status;
}

static int check_window(const struct tl_distilling *d)
{
    const struct tl_distill_order *o = &d->settled;
    uint32_t context = tl_model_geometry(d->student->model)->context, teacher = tl_model_geometry(d->teacher->model)->context;
    if (o->window < 2 || o->window > context)
        return tl_fail(TL_E_USAGE, "windows of %" PRIu32 " tokens; the student takes 2 to %" PRIu32, o->window, context);
    if (d->ret->survey.sweeps && (uint64_t)o->window + 2 > teacher)
        return tl_fail(TL_E_USAGE, "windows of %" PRIu32 " tokens; the teacher's context of %" PRIu32 " wants two less than that", o->window, teacher);
    return 0;
}

/* --- what is to be done ------------------------------------------------------------------------------------------- */

static void survey_corpus(struct tl_distilling *d, const struct tl_corpus *corpus)
{
    struct tl_distill_survey *s = &d->ret->survey;
    struct tl_corpus_counts counts;
    tl_corpus_count(corpus, &counts);
    s->documents = counts.documents;
    s->corpus_tokens = tl_corpus_tokens(corpus, false);
    s->held_tokens = tl_corpus_tokens(corpus, true);
}

static int survey_writing(struct tl_distilling *d)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_distill_survey *s = &d->ret->survey;
    struct tl_batch_input *prompts;
    struct tl_corpus_counts counts = {0};
    if (d->documents)
        tl_corpus_count(d->documents, &counts);
    s->requests = counts.documents - counts.held_documents;
    if (o->prompts) {
        int status = tl_batch_input_open(o->prompts, d->progress, &prompts);
        if (status < 0)
            return status;
        s->requests = prompts->n_lines;
        tl_batch_input_close(prompts);
    }
    s->write_tokens = s->requests * tl_distill_answers(d) * o->answer_tokens;
    return 0;
}

/* Few tokens are better spent on many steps than on exact ones. */
static uint32_t usual_batch(const struct tl_distill_order *o)
{
    uint64_t batch = o->tokens / o->window / LEAST_STEPS;
    return batch < 1 ? 1 : batch > MOST_BATCH ? MOST_BATCH : (uint32_t)batch;
}

/* Bytes that the work folder and the output take at most. */
static int survey_disk(struct tl_distilling *d)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_distill_survey *s = &d->ret->survey;
    uint64_t student = s->student_parameters * (STUDENT_BYTES * (2 + o->control) + CHECKPOINT_BYTES);
    uint64_t sweep = s->sweeps ? s->sweep_tokens * (20 + 9 * (uint64_t)o->draws + sizeof(int32_t)) : 0;
    uint64_t reference = s->same_vocabulary && s->held_tokens ? (uint64_t)32768 * 2400 : 0;
    s->disk_bytes = student + sweep + s->write_tokens * 200 + reference;
    int status = tl_file_room(o->output, &s->disk_room);
    return status < 0 ? status : s->disk_room >= s->disk_bytes ? 0
         : tl_file_no_room(o->output, s->disk_bytes, s->disk_room, "");
}

static int survey(struct tl_distilling *d)
{
    struct tl_distill_order *o = &d->settled;
    struct tl_distill_survey *s = &d->ret->survey;
    s->same_vocabulary = tl_distill_same_words(d->teacher->tokenizer, d->student->tokenizer);
    s->writes = o->prompts || !s->same_vocabulary;
    s->sweeps = s->same_vocabulary && o->mix > 0;
    s->student_parameters = tl_model_program(d->student->model)->parameters;
    int status = check_window(d);
    if (status >= 0 && o->text)
        status = tl_distill_read_corpus(d, o->text, o->held_share, &d->documents);
    if (status >= 0 && d->documents)
        survey_corpus(d, d->documents);
    if (status >= 0 && !o->tokens)
        o->tokens = PASSES * (s->corpus_tokens ? s->corpus_tokens : 1u << 20);
    if (status >= 0 && !o->batch)
        o->batch = usual_batch(o);
    if (status >= 0 && s->writes)
        status = survey_writing(d);
    if (status < 0)
        return status;
    uint64_t learnt = s->writes ? s->write_tokens : s->corpus_tokens;
    s->train_tokens = o->tokens;
    s->sweep_tokens = !s->sweeps ? 0 : learnt < o->tokens ? learnt : o->tokens;
    return survey_disk(d);
}

static void clean_up(struct tl_distilling *d)
{
    tl_distill_draws_close(d->draws);
    tl_distill_texts_done(&d->texts);
    if (d->corpus != d->documents)
        tl_corpus_free(d->corpus);
    tl_corpus_free(d->documents);
    tl_student_close(d->student);
    tl_engine_close(d->teacher);
    tl_distill_work_close(d->work);
    tl_free(d->kept);
    tl_free(d->start_file);
    tl_free(d->student_file);
    tl_free(d->control_file);
}

static int begin(const struct tl_distill_order *order, struct tl_progress *progress, struct tl_distilled *ret, struct tl_distilling *d)
{
    *ret = (struct tl_distilled){.teacher_nll = -1};
    *d = (struct tl_distilling){.settled = *order, .progress = progress, .ret = ret};
    int status = check(order);
    if (status >= 0)
        status = open_models(d);
    return status < 0 ? status : survey(d);
}

int tl_distill_survey(const struct tl_distill_order *order, struct tl_progress *progress, struct tl_distill_survey *ret_survey)
{
    struct tl_distilled distilled;
    struct tl_distilling d;
    int status = begin(order, progress, &distilled, &d);
    if (status >= 0)
        *ret_survey = distilled.survey;
    clean_up(&d);
    return status;
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

static int open_work(struct tl_distilling *d)
{
    TL_AUTO char *folder = d->settled.work ? tl_strdup(d->settled.work) : tl_file_beside(d->settled.output, ".work");
    return folder ? tl_distill_work_open(folder, &d->work) : TL_E_NOMEM;
}

static int take_corpus(struct tl_distilling *d)
{
    if (!d->ret->survey.writes) {
        d->corpus = d->documents;
        return 0;
    }
    int status = tl_distill_write(d);
    if (status >= 0)
        status = tl_distill_read_corpus(d, d->kept, d->documents ? 0 : d->settled.held_share, &d->corpus);
    if (status >= 0 && !d->documents)
        survey_corpus(d, d->corpus);
    return status;
}

static int run(struct tl_distilling *d)
{
    int status = open_work(d);
    if (status >= 0)
        status = take_corpus(d);
    if (status >= 0 && d->ret->survey.sweeps)
        status = tl_distill_sweep(d);
    if (status >= 0)
        status = tl_distill_learn(d, false);
    if (status >= 0 && d->settled.control)
        status = tl_distill_learn(d, true);
    if (status >= 0)
        status = tl_distill_compare(d);
    return status < 0 ? status : tl_distill_finish(d);
}

int tl_distill(const struct tl_distill_order *order, struct tl_progress *progress, struct tl_distilled *ret_distilled)
{
    struct tl_distilling d;
    if (!order->output)
        return tl_fail(TL_E_USAGE, "no place for the student: -o OUT.gguf");
    int status = begin(order, progress, ret_distilled, &d);
    if (status >= 0)
        status = run(&d);
    clean_up(&d);
    return status;
}
