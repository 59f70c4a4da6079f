/* SPDX-License-Identifier: MIT */
/* One sequence of a batch: prompt, drawn ids, text, end. The rules are those of generate.c, so that an answer is the one
 * that a lone session gives. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/batch_loop.h"

/* A fork that saves fewer tokens is not worth its page; a wait of a step must save more. */
enum { FORK_TOKENS = 16, WAIT_TOKENS = 64 };

int tl_batch_sequence_open(struct tl_batch_sequence *sequence, struct tl_engine *engine)
{
    sequence->ids = tl_alloc(tl_model_limits(engine->model)->context, sizeof(*sequence->ids));
    int status = sequence->ids ? tl_state_new(tl_model_cache(engine->model), &sequence->state) : TL_E_NOMEM;
    tl_buffer_init(&sequence->text, 0);
    return status < 0 ? status : tl_sampler_new(tl_model_geometry(engine->model)->vocab, &sequence->sampler);
}

void tl_batch_sequence_close(struct tl_batch_sequence *sequence)
{
    tl_state_free(sequence->state);
    tl_sampler_free(sequence->sampler);
    tl_free(sequence->ids);
    tl_free(sequence->allowed);
    tl_telling_done(&sequence->telling);
    tl_buffer_done(&sequence->text);
    *sequence = (struct tl_batch_sequence){0};
}

/* --- beginning -------------------------------------------------------------------------------------------------------------- */

static uint32_t common(const int32_t *a, uint32_t n_a, const int32_t *b, uint32_t n_b)
{
    uint32_t n = 0;
    while (n < n_a && n < n_b && a[n] == b[n])
        n++;
    return n;
}

int tl_batch_sequence_begin(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence, struct tl_batch_answer *answer)
{
    const struct tl_openai_request *request = &answer->request.ask.request;
    uint32_t index = answer->n_started++;
    const struct tl_ask_prompt *prompt = &answer->request.ask.prompt[index / request->n];
    uint32_t n = (uint32_t)prompt->n_ids, kept = common(prompt->ids, n - 1, sequence->ids, sequence->state->length);
    tl_state_truncate(sequence->state, kept);
    memcpy(sequence->ids, prompt->ids, n * sizeof(*sequence->ids));
    sequence->n_ids = sequence->n_prompt = n;
    sequence->answer = answer;
    sequence->choice = index;
    sequence->age = loop->n_begun++;
    sequence->fresh = true;
    sequence->waits = false;
    sequence->drawn = -1;
    sequence->n_tokens = 0;
    int status = tl_telling_begin(&sequence->telling, &answer->request.ask, index, tl_batch_answer_event, answer);
    if (status < 0)
        return status;
    tl_telling_how(&sequence->telling, &sequence->how);
    if (sequence->how.guide && !sequence->allowed &&
        !(sequence->allowed = tl_alloc(tl_model_geometry(loop->engine->model)->vocab / 64 + 1, sizeof(*sequence->allowed))))
        return TL_E_NOMEM;
    tl_buffer_clear(&sequence->text);
    tl_buffer_append(&sequence->text, "", 0);
    tl_stop_init(&sequence->stop, loop->engine->tokenizer, &sequence->how, &sequence->text);
    return sequence->text.status;
}

/* --- what others have computed ---------------------------------------------------------------------------------------------- */

static int fork_state(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence, const struct tl_batch_sequence *from, uint32_t length)
{
    tl_state_free(sequence->state);
    sequence->state = NULL;
    int status = tl_state_fork(from->state, &sequence->state);
    if (status < 0)                      /* no room: it is computed */
        return tl_state_new(tl_model_cache(loop->engine->model), &sequence->state);
    uint32_t kept = tl_state_truncate(sequence->state, length);
    loop->good_forks += kept == length;
    loop->lost_forks += kept != length;
    return 0;
}

int tl_batch_sequence_share(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence)
{
    const struct tl_batch_sequence *from = NULL;
    uint32_t limit = sequence->n_prompt - 1, best = sequence->state->length, promised = 0;
    for (uint32_t i = 0; i < loop->n_sequences; i++) {
        const struct tl_batch_sequence *other = &loop->sequence[i];
        if (other == sequence)
            continue;
        uint32_t computed = common(sequence->ids, limit, other->ids, other->state->length), will = 0;
        if (other->answer && other->age < sequence->age && other->state->length < other->n_prompt)
            will = common(sequence->ids, limit, other->ids, other->n_prompt);
        promised = will > promised ? will : promised;
        if (computed >= best + FORK_TOKENS) {
            from = other;
            best = computed;
        }
    }
    sequence->waits = promised >= best + WAIT_TOKENS && loop->lost_forks <= loop->good_forks + 4;
    if (sequence->waits)
        return 0;
    int status = from ? fork_state(loop, sequence, from, best) : 0;
    sequence->fresh = false;
    loop->report->reused_tokens += status < 0 ? 0 : sequence->state->length;
    loop->report->prompt_tokens += sequence->n_prompt;
    tl_meter_add(&loop->engine->meters, TL_METER_PROMPT_TOKENS, sequence->n_prompt);
    tl_meter_add(&loop->engine->meters, TL_METER_REUSED_TOKENS, status < 0 ? 0 : sequence->state->length);
    return status;
}

/* --- a token ---------------------------------------------------------------------------------------------------------------- */

void tl_batch_sequence_draw(const struct tl_engine *engine, struct tl_batch_sequence *sequence, float *logits)
{
    const struct tl_openai_request *request = &sequence->answer->request.ask.request;
    const struct tl_generate *how = &sequence->how;
    uint32_t done = sequence->n_ids - sequence->n_prompt, room = tl_model_limits(engine->model)->context - sequence->n_ids;
    uint32_t left = how->max_tokens && how->max_tokens - done < room ? how->max_tokens - done : room;
    struct tl_draw draw = {
        .kernel = engine->kernel, .tokenizer = engine->tokenizer, .sampler = sequence->sampler, .sampling = &how->sampling, .choice = how->choice,
        .vocab = tl_model_geometry(engine->model)->vocab, .ignore_end = how->ignore_end, .logprobs = request->logprobs,
        .top_logprobs = request->top_logprobs, .guide = how->guide, .allowed = sequence->allowed,
    };
    sequence->outcome = tl_draw_id(&draw, logits, sequence->ids, sequence->n_ids, left, &sequence->drawn, sequence->seen);
    if (sequence->outcome < 0) {
        snprintf(sequence->sentence, sizeof(sequence->sentence), "%s", tl_error_text());
        sequence->drawn = 0;             /* so that it is looked at */
    }
}

/* --- the end ---------------------------------------------------------------------------------------------------------------- */

/* Of a callback that ended the answer, the status that it ended with. */
static int status_of(const struct tl_batch_sequence *sequence, int status)
{
    return status == TL_E_CANCEL && sequence->telling.status < 0 ? sequence->telling.status : status;
}

static int end(struct tl_batch_sequence *sequence, const char *finish)
{
    struct tl_batch_answer *answer = sequence->answer;
    struct tl_usage usage = {.prompt_tokens = sequence->n_prompt, .tokens = sequence->n_tokens};
    int status = tl_stop_flush(&sequence->stop);
    sequence->telling.stop = sequence->stop.found;
    if (status >= 0)
        status = sequence->text.status;
    if (status >= 0)
        status = tl_telling_end(&sequence->telling, &finish, &usage, NULL);
    if (status < 0)
        return status_of(sequence, status);
    tl_telling_done(&sequence->telling);
    sequence->answer = NULL;
    answer->n_left--;
    answer->tokens += sequence->n_tokens;
    return 0;
}

int tl_batch_sequence_accept(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence)
{
    int32_t id = sequence->drawn;
    sequence->drawn = -1;
    if (sequence->answer->request.ask.request.max_tokens == 0)       /* only the prompt was asked for */
        return end(sequence, "length");
    if (sequence->outcome < 0)
        return tl_error_set(sequence->outcome, sequence->sentence);
    if (sequence->outcome == TL_DRAWN_ENDS)
        return end(sequence, "stop");
    const struct tl_generate *how = &sequence->how;
    uint32_t n_seen = how->logprobs ? 1 + how->top_logprobs : 0;
    if (how->token && how->token(how->context, id, sequence->seen, n_seen))
        return sequence->telling.status;
    sequence->ids[sequence->n_ids++] = id;
    sequence->n_tokens++;
    loop->report->tokens++;
    tl_meter_add(&loop->engine->meters, TL_METER_ANSWER_TOKENS, 1);
    int status = tl_stop_push(&sequence->stop, id);
    if (status < 0)
        return status_of(sequence, status);
    if (status == 0 || sequence->outcome == TL_DRAWN_LAST)
        return end(sequence, "stop");
    bool full = sequence->n_ids == tl_model_limits(loop->engine->model)->context;
    return full || sequence->n_tokens == sequence->how.max_tokens ? end(sequence, "length") : 1;
}
