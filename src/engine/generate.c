/* SPDX-License-Identifier: MIT */
/* The life of an answer, token by token: logits from one forward step, one id drawn, its text given out, the id appended.
 * Everything below this file serves one of these four lines. */
#include "engine/generate.h"

#include "base/clock.h"
#include "base/error.h"

static int begin(struct tl_session *session, struct tl_answer *answer)
{
    *answer = (struct tl_answer){ .prompt_tokens = session->n_ids, .first_id = session->n_ids, .reused_tokens = session->n_reused };
    tl_buffer_init(&answer->text, 0);
    if (session->n_ids == 0)
        return tl_fail(TL_E_USAGE, "nothing to continue: the prompt is empty");
    tl_meter_add(&session->engine->meters, TL_METER_PROMPT_TOKENS, answer->prompt_tokens);
    tl_meter_add(&session->engine->meters, TL_METER_REUSED_TOKENS, answer->reused_tokens);
    return 0;
}

static void count_time(struct tl_answer *answer, uint64_t begin_ns)
{
    double seconds = tl_clock_seconds(begin_ns);
    if (answer->n_ids == 0) {
        answer->first_token_seconds = answer->prefill_seconds = seconds;
    } else {
        answer->decode_seconds += seconds;
        answer->decode_steps++;
    }
}

/* One token. 1: go on; 0: the answer is finished, for the reason in answer->finish. */
static int next_token(struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer, struct tl_stop *stop)
{
    const struct tl_tokenizer *tokenizer = session->engine->tokenizer;
    const float *logits;
    uint64_t begin_ns = tl_clock_ns();

    if (session->n_ids == tl_model_limits(session->engine->model)->context) {
        answer->finish = TL_FINISH_CONTEXT;
        return 0;
    }
    int status = tl_session_logits(session, &logits);
    if (status < 0)
        return status;
    int32_t id = tl_sampler_draw(session->sampler, &how->sampling, logits, session->ids, session->n_ids, how->choice, session->n_ids);
    count_time(answer, begin_ns);
    if (!how->ignore_end && tl_tokenizer_ends(tokenizer, id)) {
        answer->finish = TL_FINISH_STOP;
        return 0;
    }
    status = tl_session_append(session, &id, 1);
    if (status < 0)
        return status;
    answer->n_ids++;
    tl_meter_add(&session->engine->meters, TL_METER_ANSWER_TOKENS, 1);
    status = tl_stop_push(stop, id);
    answer->finish = status == 0 ? TL_FINISH_STOP : TL_FINISH_LENGTH;
    return status <= 0 ? status : answer->n_ids != how->max_tokens;
}

int tl_generate(struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer)
{
    struct tl_stop stop;
    int status = begin(session, answer);
    if (status < 0)
        return status;
    tl_stop_init(&stop, session->engine->tokenizer, how, &answer->text);
    do
        status = next_token(session, how, answer, &stop);
    while (status > 0);
    if (status >= 0)
        status = tl_stop_flush(&stop);
    tl_stop_done(&stop);
    if (status == TL_E_CANCEL) {
        answer->finish = TL_FINISH_CANCELLED;
        return 0;
    }
    return status;
}
