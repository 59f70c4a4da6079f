/* SPDX-License-Identifier: MIT */
/* What an answer needs besides its life: memory for likelihoods, bounds, times, callbacks. */
#include "engine/answering.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

static uint32_t width_of(const struct tl_answering *a) { return 1 + a->how->top_logprobs; }

/* --- beginning and end ------------------------------------------------------------------------------------------------------ */

static int make_room(struct tl_answering *a)
{
    const struct tl_generate *how = a->how;
    bool seen = how->logprobs && how->token, echoed = how->echo && how->prompt;
    if (how->top_logprobs > TL_DRAW_TOP)
        return tl_fail(TL_E_USAGE, "the %u likeliest tokens are asked for, at most %d are told", how->top_logprobs, TL_DRAW_TOP);
    a->draw = (struct tl_draw){
        .kernel = a->session->engine->kernel, .tokenizer = a->session->engine->tokenizer, .sampler = a->session->sampler,
        .sampling = &how->sampling, .choice = how->choice, .guide = how->guide, .ignore_end = how->ignore_end, .logprobs = seen,
        .top_logprobs = how->top_logprobs, .vocab = tl_model_geometry(a->session->engine->model)->vocab,
    };
    if (how->guide && !(a->draw.allowed = tl_alloc(a->draw.vocab / 64 + 1, sizeof(*a->draw.allowed))))
        return TL_E_NOMEM;
    if (seen && !(a->seen = tl_alloc(TL_GENERATE_AHEAD, width_of(a) * sizeof(*a->seen))))
        return TL_E_NOMEM;
    if (echoed && !(a->echoed = tl_alloc(a->n_prompt, width_of(a) * sizeof(*a->echoed))))
        return TL_E_NOMEM;
    return 0;
}

/* The row behind the prompt's last id is the first to be drawn from; with echo all are looked at. */
static void ask_for_rows(struct tl_answering *a)
{
    const struct tl_generate *how = a->how;
    bool logits_wanted = !how->prompt_only || a->echoed;
    a->request.rows_from = a->echoed ? 0 : how->prompt_only ? TL_NO_ROWS : a->n_prompt - 1;
    tl_session_truncate(a->session, a->echoed ? 0 : logits_wanted ? a->n_prompt - 1 : a->n_prompt);
    a->session->n_reused = a->session->state->length;
}

int tl_answering_begin(struct tl_answering *a, struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer)
{
    *answer = (struct tl_answer){.finish = TL_FINISH_LENGTH, .prompt_tokens = session->n_ids, .first_id = session->n_ids};
    *a = (struct tl_answering){.session = session, .how = how, .answer = answer, .n_prompt = session->n_ids, .n_ids = session->n_ids,
                               .n_told = session->n_ids, .begin_ns = tl_clock_ns(),
                               .context = tl_model_limits(session->engine->model)->context};
    a->request = (struct tl_request){.session = session, .most_ahead = TL_GENERATE_AHEAD, .context = a};
    tl_buffer_init(&answer->text, 0);
    tl_stop_init(&a->stop, session->engine->tokenizer, how, &answer->text);
    if (session->n_ids == 0)
        return tl_fail(TL_E_USAGE, "nothing to continue: the prompt is empty");
    if (session->drafter)
        tl_drafter_begin(session->drafter);
    int status = make_room(a);
    if (status >= 0)
        ask_for_rows(a);
    return status;
}

bool tl_answering_heard(const struct tl_answering *a)
{
    const struct tl_generate *how = a->how;
    return how->progress || how->token || how->text || how->n_stop || a->echoed;
}

void tl_answering_end(struct tl_answering *a)
{
    struct tl_answer *answer = a->answer;
    struct tl_meters *meters = &a->session->engine->meters;
    answer->n_ids = a->n_told - a->n_prompt;
    answer->reused_tokens = a->session->n_reused;
    answer->share = a->request.share;
    if (a->first_ns) {
        answer->first_token_seconds = answer->prefill_seconds = (double)(a->first_ns - a->begin_ns) * 1e-9;
        answer->decode_seconds = (double)(a->last_ns - a->first_ns) * 1e-9;
    }
    if (a->stopped)
        answer->finish = TL_FINISH_STOP;
    if (a->session->n_ids > a->n_told) {
        a->session->n_ids = a->n_told;
        tl_session_truncate(a->session, a->n_told);
    }
    tl_meter_add(meters, TL_METER_PROMPT_TOKENS, answer->prompt_tokens);
    tl_meter_add(meters, TL_METER_REUSED_TOKENS, answer->reused_tokens);
    tl_meter_add(meters, TL_METER_ANSWER_TOKENS, answer->n_ids);
    answer->stop = a->stop.found;
    tl_free(a->draw.allowed);
    tl_free(a->seen);
    tl_free(a->echoed);
}

/* --- in steps --------------------------------------------------------------------------------------------------------------- */

uint32_t tl_answering_left(const struct tl_answering *a, uint32_t n)
{
    uint32_t room = a->context - n, most = a->how->max_tokens;
    return most && most - (n - a->n_prompt) < room ? most - (n - a->n_prompt) : room;
}

struct tl_event_logprob *tl_answering_seen(const struct tl_answering *a, uint32_t place)
{
    return a->seen ? a->seen + (uint64_t)(place % TL_GENERATE_AHEAD) * width_of(a) : NULL;
}

void tl_answering_echo(struct tl_answering *a, uint32_t place, float *logits)
{
    tl_draw_look(&a->draw, logits, a->session->ids[place], a->echoed + (uint64_t)place * width_of(a));
}

void tl_answering_count(struct tl_answering *a)
{
    a->last_ns = tl_clock_ns();
    a->answer->decode_steps += a->first_ns != 0;
    a->first_ns = a->first_ns ? a->first_ns : a->last_ns;
    a->answer->drafted_tokens += a->request.n_draft;
    a->answer->accepted_tokens += a->n_accepted;
    if (a->session->drafter && a->request.decodes)
        tl_drafter_told(a->session->drafter, a->request.n_draft, a->n_accepted, a->n_ids - a->session->n_ids);
    a->n_accepted = 0;
}

uint32_t tl_answering_draft(struct tl_answering *a)
{
    struct tl_session *session = a->session;
    uint32_t left = tl_answering_left(a, a->n_ids);
    struct tl_draft_place place = {.ids = session->ids, .n_ids = a->n_ids, .n_prompt = a->n_prompt, .guide = a->how->guide,
                                   .sampling = &a->how->sampling, .choice = a->how->choice};
    if (session->engine->drafts.hidden) {
        place.n_hidden = a->request.n_now;
        place.hidden_at = session->state->length - a->request.n_now;
        place.hidden = session->engine->drafts.hidden + (uint64_t)a->request.first_row * tl_model_geometry(session->engine->model)->width;
    }
    return session->drafter ? tl_drafter_next(session->drafter, &place, left > 0 ? left - 1 : 0, session->ids + a->n_ids) : 0;
}

/* --- told ------------------------------------------------------------------------------------------------------------------- */

static int heard(int refused) { return refused ? tl_fail(TL_E_CANCEL, "interrupted") : 1; }

/* An id of the prompt is known to be likely once the one in front of it is computed. */
int tl_answering_tell_prompt(struct tl_answering *a, uint32_t n_done)
{
    const struct tl_generate *how = a->how;
    uint32_t done = n_done < a->n_prompt ? n_done : a->n_prompt;
    int status = 1;
    if (how->progress && done > a->n_done_told)
        status = heard(how->progress(how->context, done, a->n_prompt, a->session->n_reused));
    a->n_done_told = done;
    for (; a->echoed && status > 0 && a->n_prompt_told < a->n_prompt && a->n_prompt_told <= n_done; a->n_prompt_told++) {
        uint32_t place = a->n_prompt_told;
        status = heard(how->prompt(how->context, place, a->session->ids[place], a->echoed + (uint64_t)place * width_of(a),
                                   place ? width_of(a) : 0));
    }
    return status;
}

int tl_answering_tell_token(struct tl_answering *a, uint32_t place)
{
    const struct tl_generate *how = a->how;
    const struct tl_event_logprob *seen = tl_answering_seen(a, place);
    return how->token ? heard(how->token(how->context, a->session->ids[place], seen, seen ? width_of(a) : 0)) : 1;
}
