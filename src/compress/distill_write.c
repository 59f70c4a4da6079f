/* SPDX-License-Identifier: MIT */
/* The teacher writes: requests, a batch, and what is kept of it. Three files, each of which is taken where it is there. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_impl.h"
#include "engine/batch.h"

enum { MOST_ROUNDS = 4, MOST_SEQUENCES = 64, LEAST_WORDS = 3, LEAST_CONTEXT = 16 };
static const double usual_repeats = 0.5, usual_nearness = 0.8;

/* --- what is asked ------------------------------------------------------------------------------------------------ */

static bool is_learnt(const void *context, uint64_t document) { return !tl_corpus_is_held(context, document); }

/* Of documents, so many continuations as the tokens want when each is learnt four times. */
uint32_t tl_distill_answers(const struct tl_distilling *d)
{
    const struct tl_distill_order *o = &d->settled;
    uint64_t prompts = d->ret->survey.requests;
    uint64_t wanted = o->tokens / MOST_ROUNDS / (o->answer_tokens + o->prompt_tokens) / (prompts ? prompts : 1) + 1;
    if (o->answers)
        return o->answers;
    return o->prompts ? 1 : wanted < TL_OPENAI_CHOICES ? (uint32_t)wanted : TL_OPENAI_CHOICES;
}

static int ask(struct tl_distilling *d, const char *path)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_distill_ask how = {.prompt_tokens = o->prompt_tokens, .answer_tokens = o->answer_tokens, .temperature = o->temperature,
                                 .answers = tl_distill_answers(d), .seed = o->seed, .chats = o->prompts && d->teacher->template};
    uint64_t requests;
    if (o->prompts)
        return tl_distill_ask_prompts(o->prompts, &how, path, d->progress, &requests);
    struct tl_distill_documents documents = {.tokenizer = d->student->tokenizer, .taken = is_learnt, .context = d->documents};
    tl_corpus_documents(d->documents, &documents.ids, &documents.starts, &documents.n);
    return tl_distill_ask_documents(&documents, &how, path, &requests);
}

/* --- the batch ---------------------------------------------------------------------------------------------------- */

static int answer(struct tl_distilling *d, const char *requests, const char *answers)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_batch_order order = {.input = requests, .output = answers};
    struct tl_batch_report report;
    struct tl_engine_options options = o->engine, vocabulary = {.vocabulary_only = true};
    struct tl_engine *engine = NULL;
    int status = tl_engine_open(o->teacher, &vocabulary, &engine);
    if (status >= 0)
        status = tl_batch_forecast(engine, &order, d->progress, &report);
    tl_engine_close(engine);
    if (status < 0)
        return status;
    struct tl_batch_survey survey = report.survey;
    uint64_t context = survey.longest < LEAST_CONTEXT ? LEAST_CONTEXT : survey.longest;
    order.surveyed = &survey;
    options.context = (uint32_t)context;
    options.sessions = survey.choices < MOST_SEQUENCES ? (uint32_t)survey.choices + !survey.choices : MOST_SEQUENCES;
    options.fewer_sessions = true;
    if (survey.refused)
        return tl_fail(TL_E_USAGE, "%" PRIu64 " of %" PRIu64 " prompts cannot be answered: %.160s", survey.refused, survey.requests, survey.first_refused);
    status = tl_engine_open(o->teacher, &options, &engine);
    if (status < 0)
        return status;
    status = tl_batch_run(engine, &order, d->progress, &report);
    tl_engine_close(engine);
    return status;
}

/* --- the stage ---------------------------------------------------------------------------------------------------- */

static int add_file(struct tl_sha256 *sha, const char *path)
{
    struct tl_file *file = NULL;
    int status = tl_file_open(path, &file);
    if (status >= 0)
        status = tl_distill_hash(file, sha);
    tl_file_close(file);
    return status == TL_E_FILE ? TL_E_USAGE : status;
}

/* Of the teacher and the requests; what is kept depends on the filter too. */
static int digests(struct tl_distilling *d, const char *requests, uint8_t ret_answers[TL_SHA256_BYTES])
{
    const struct tl_distill_order *o = &d->settled;
    const char *verify = o->verify ? o->verify : "";
    bool chats = d->student->template != NULL;
    struct tl_sha256 sha;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, d->teacher_digest, sizeof(d->teacher_digest));
    int status = add_file(&sha, requests);
    tl_sha256_end(&sha, ret_answers);
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, ret_answers, TL_SHA256_BYTES);
    tl_sha256_add(&sha, &o->unlikely_share, sizeof(o->unlikely_share));
    tl_sha256_add(&sha, &chats, sizeof(chats));
    tl_sha256_add(&sha, verify, strlen(verify));
    if (status >= 0 && o->verify && o->prompts)
        status = add_file(&sha, o->prompts);
    tl_sha256_end(&sha, d->write_digest);
    return status;
}

static int keep(struct tl_distilling *d, const char *requests, const char *answers)
{
    const struct tl_distill_order *o = &d->settled;
    struct tl_buffer facts;
    struct tl_distill_keep how = {
        .filter = {.least_words = LEAST_WORDS, .most_repeats = usual_repeats, .nearness = usual_nearness}, .unlikely_share = o->unlikely_share,
        .keep_cut = !o->prompts, .chats = d->student->template != NULL, .verify = o->verify, .verify_seconds = o->verify_seconds, .prompts = o->prompts,
    };
    int status = tl_distill_keep(&how, requests, answers, d->kept, d->progress, &d->ret->kept);
    tl_buffer_init(&facts, 0);
    tl_distill_kept_write(&d->ret->kept, &facts);
    if (status >= 0)
        status = facts.status < 0 ? facts.status : tl_distill_work_done(d->work, "kept", d->write_digest, d->kept, facts.data);
    tl_buffer_done(&facts);
    return status;
}

static int found(struct tl_distilling *d)
{
    const char *facts = tl_distill_work_facts(d->work, "kept", d->write_digest);
    d->ret->stages_found++;
    return facts ? tl_distill_kept_read(facts, &d->ret->kept) : 0;
}

int tl_distill_write(struct tl_distilling *d)
{
    uint8_t digest[TL_SHA256_BYTES];
    uint64_t begin_ns = tl_clock_ns();
    TL_AUTO char *requests = tl_file_join(tl_distill_work_folder(d->work), "requests.jsonl");
    int status = requests ? ask(d, requests) : TL_E_NOMEM;
    if (status >= 0)
        status = digests(d, requests, digest);
    TL_AUTO char *answers = status >= 0 ? tl_distill_work_path(d->work, "answers", digest, "jsonl") : NULL;
    d->kept = answers ? tl_distill_work_path(d->work, "kept", d->write_digest, "jsonl") : NULL;
    if (status >= 0 && !d->kept)
        status = TL_E_NOMEM;
    d->ret->stages++;
    if (status >= 0 && tl_file_exists(d->kept))
        return found(d);
    if (status >= 0 && !tl_file_exists(answers))
        status = answer(d, requests, answers);
    if (status >= 0)
        status = keep(d, requests, answers);
    d->ret->write_seconds = tl_clock_seconds(begin_ns);
    return status;
}
