/* SPDX-License-Identifier: MIT */
/* A run of tuning: the model is opened with the values, warmed, given a prompt of plain words, and answers itself with
 * words that it would choose, so that routed experts are asked for as in real use. */
#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/session.h"
#include "engine/tune.h"

#include <stdio.h>
#include <string.h>

enum { STREAMED_TIMES = 3 };                          /* as long where weights are streamed: caches fill, drives swing */
enum { FIRST_TOKENS = 16, FIRST_ANSWER = 4, MOST_PROMPT = 2048, MOST_ANSWER = 256, LEAST_ANSWER = 4, WARM_TOKENS = 8 };
enum { USUAL_PROMPT = 512, USUAL_ANSWER = 128 };     /* of a request, where both count */

static const char text[] =
    "The harbour was quiet before dawn. Two boats had come in with the tide, and their crews were unloading crates of fish onto the stones, "
    "counting aloud as they worked. Further up the hill a baker opened his shutters; the smell of bread ran down the street ahead of the light. "
    "Nobody spoke of the storm that had kept the third boat away. In the office above the market an old clerk wrote the numbers of the day into "
    "his book: weights, prices, names. He had done this for forty years, and he still checked every sum twice, because a mistake in the morning "
    "grows until evening. When the bell rang he closed the book, put on his coat and went to see whether the sea had anything more to say. ";

struct runner {
    const char *path;
    const struct tl_engine_options *options;
    struct tl_tune_facts facts;
    double run_seconds;
    struct tl_progress *progress;
    struct tl_engine *engine;            /* of the run under way */
    struct tl_session *session;
    int32_t *ids;                        /* [MOST_PROMPT] */
};

int tl_tune_apply(const struct tl_tune_values *values, struct tl_engine_options *options)
{
    const char *threads = values->text[TL_TUNE_threads], *chunk = values->text[TL_TUNE_chunk];
    const struct { enum tl_tune_setting setting; const char **field; } names[] = {
        {TL_TUNE_io, &options->io}, {TL_TUNE_lookahead, &options->lookahead}, {TL_TUNE_policy, &options->policy},
    };
    uint64_t number;
    if (*threads && !options->threads) {
        if (!tl_parse_u64(threads, strlen(threads), &number) || number < 1 || number > 4096)
            return tl_fail(TL_E_USAGE, "threads: found \"%s\", expected 1 to 4096", threads);
        options->threads = (uint32_t)number;
    }
    if (*chunk && !options->chunk) {
        if (!tl_parse_u64(chunk, strlen(chunk), &number) || number < 1 || number > 1 << 20)
            return tl_fail(TL_E_USAGE, "chunk: found \"%s\", expected 1 to %d", chunk, 1 << 20);
        options->better_chunk = (uint32_t)number;
    }
    for (size_t i = 0; i < TL_COUNT(names); i++)
        if (*values->text[names[i].setting] && !*names[i].field)
            *names[i].field = values->text[names[i].setting];
    return 0;
}

/* --- one opening -------------------------------------------------------------------------------------------------- */

static void shut(struct runner *r)
{
    tl_session_close(r->session);
    tl_engine_close(r->engine);
    r->session = NULL;
    r->engine = NULL;
}

static int open_run(struct runner *r, const struct tl_tune_values *values)
{
    struct tl_engine_options options = *r->options;
    int status = tl_tune_apply(values, &options);
    options.cancel = r->progress ? r->progress->cancel : NULL;
    if (status >= 0)
        status = tl_engine_open(r->path, &options, &r->engine);
    if (status >= 0)
        status = tl_session_open(r->engine, &r->session);
    if (status >= 0)
        r->session->stop = options.cancel;
    return status;
}

/* Nothing of what was before is used again. */
static int time_prompt(struct runner *r, uint32_t n_tokens, double *ret_seconds)
{
    const float *logits;
    uint64_t begin_ns = tl_clock_ns();
    int status = tl_session_set(r->session, NULL, 0);
    if (status >= 0)
        status = tl_session_set(r->session, r->ids, n_tokens);
    if (status >= 0)
        status = tl_session_logits(r->session, &logits);
    *ret_seconds = tl_clock_seconds(begin_ns);
    return status;
}

static int time_answer(struct runner *r, uint32_t n_tokens, double *ret_seconds)
{
    struct tl_session *s = r->session;
    struct tl_sampling sampling;
    const float *logits;
    int status = tl_session_logits(s, &logits);
    uint64_t begin_ns = tl_clock_ns();
    tl_sampling_default(&sampling);
    sampling.temperature = 1;
    for (uint32_t i = 0; i < n_tokens && status >= 0; i++) {
        int32_t id = tl_sampler_draw(s->sampler, &sampling, logits, NULL, s->ids, s->n_ids, 0, s->n_ids);
        status = tl_session_append(s, &id, 1);
        if (status >= 0)
            status = tl_session_logits(s, &logits);
    }
    *ret_seconds = tl_clock_seconds(begin_ns);
    return status;
}

static int warm(struct runner *r)
{
    double seconds;
    int status = time_prompt(r, WARM_TOKENS, &seconds);
    if (status >= 0)
        status = time_answer(r, r->facts.streamed ? r->facts.answer_tokens : LEAST_ANSWER, &seconds);
    return status;
}

static int measure(void *context, const struct tl_tune_values *values, enum tl_tune_work work, double *ret_seconds)
{
    struct runner *r = context;
    double prompt = 0, answer = 0;
    int status = open_run(r, values);
    if (status >= 0)
        status = warm(r);
    if (status >= 0)
        status = time_prompt(r, work == TL_TUNE_ANSWER ? FIRST_TOKENS : r->facts.prompt_tokens, &prompt);
    if (status >= 0 && work != TL_TUNE_PROMPT)
        status = time_answer(r, r->facts.answer_tokens, &answer);
    shut(r);
    prompt *= (double)USUAL_PROMPT / r->facts.prompt_tokens;
    answer *= (double)USUAL_ANSWER / r->facts.answer_tokens;
    *ret_seconds = work == TL_TUNE_PROMPT ? prompt : work == TL_TUNE_ANSWER ? answer : prompt + answer;
    return status;
}

/* --- how much a run computes -------------------------------------------------------------------------------------- */

/* Words where the vocabulary has some, else whatever ids. */
static int make_ids(struct runner *r)
{
    int32_t *words = NULL;
    size_t n_words = 0;
    uint32_t vocab = tl_model_geometry(r->engine->model)->vocab;
    int status = tl_tokenizer_encode(r->engine->tokenizer, text, sizeof text - 1, TL_ENCODE_BOS, &words, &n_words);
    for (uint32_t i = 0; i < MOST_PROMPT && status >= 0; i++)
        r->ids[i] = n_words ? words[i % n_words] : (int32_t)(i * 7919u % vocab);
    tl_free(words);
    return status;
}

static uint32_t within(double value, uint32_t least, uint32_t most) { return value < least ? least : value > most ? most : (uint32_t)value; }

/* Tokens that take about as long as a run shall. */
static int look(struct runner *r)
{
    static const struct tl_tune_values usual;
    double prompt, answer;
    int status = open_run(r, &usual);
    if (status >= 0)
        status = make_ids(r);
    double seconds = r->run_seconds;
    uint32_t context = status < 0 ? 0 : tl_model_limits(r->engine->model)->context;
    if (status >= 0 && context < FIRST_TOKENS + 2 * FIRST_ANSWER)
        status = tl_fail(TL_E_USAGE, "a context of %u tokens is too short to measure with, at least %d are needed", context, FIRST_TOKENS + 2 * FIRST_ANSWER);
    if (status >= 0)
        status = time_prompt(r, WARM_TOKENS, &prompt);
    if (status >= 0)
        status = time_prompt(r, FIRST_TOKENS, &prompt);
    if (status >= 0)
        status = time_answer(r, FIRST_ANSWER, &answer);
    if (status >= 0) {
        const struct tl_model_limits *limits = tl_model_limits(r->engine->model);
        struct tl_tune_facts *facts = &r->facts;
        facts->threads = limits->threads;
        facts->experts = limits->frames > 0;
        facts->streamed = facts->experts || tl_store_passing_bytes(tl_model_store(r->engine->model)) > 0;
        seconds *= facts->streamed ? STREAMED_TIMES : 1;
        facts->answer_tokens = within(FIRST_ANSWER / answer * seconds, LEAST_ANSWER, MOST_ANSWER < context / 4 ? MOST_ANSWER : context / 4);
        uint32_t room = context - facts->answer_tokens - 1;
        facts->prompt_tokens = within(FIRST_TOKENS / prompt * seconds, FIRST_TOKENS, MOST_PROMPT < room ? MOST_PROMPT : room);
    }
    shut(r);
    return status;
}

static void note_said(const struct tl_engine_options *options, struct tl_tune_values *values)
{
    const char *const texts[TL_TUNE_SETTINGS] = {
        [TL_TUNE_threads] = options->threads ? "said" : "", [TL_TUNE_chunk] = options->chunk ? "said" : "", [TL_TUNE_io] = options->io ? "said" : "",
        [TL_TUNE_lookahead] = options->lookahead ? "said" : "", [TL_TUNE_policy] = options->policy ? "said" : "",
    };
    for (int i = 0; i < TL_TUNE_SETTINGS; i++)
        snprintf(values->text[i], TL_TUNE_TEXT, "%s", texts[i]);
}

int tl_tune_model(const char *path, const struct tl_engine_options *options, double run_seconds, double most_seconds, struct tl_progress *progress,
                  struct tl_tune *ret_tune)
{
    struct runner r = {.path = path, .options = options, .run_seconds = run_seconds, .progress = progress};
    int status = tl_progress_begin(progress, "looking at the model", 0, 0, "runs");
    r.ids = tl_alloc(MOST_PROMPT, sizeof *r.ids);
    if (!r.ids)
        return TL_E_NOMEM;
    note_said(options, &ret_tune->values);
    if (status >= 0)
        status = look(&r);
    if (status >= 0)
        status = tl_tune_decide(&r.facts, measure, &r, most_seconds, progress, ret_tune);
    tl_free(r.ids);
    return status;
}
