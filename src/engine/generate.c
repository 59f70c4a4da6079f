/* SPDX-License-Identifier: MIT */
/* The life of an answer, token by token. tl_generate puts one request to the scheduler (scheduler.h) and stays there until the
 * answer has ended. Meanwhile, round after round:
 *
 *   a step    computes the prompt, piece by piece, then the latest id and its draft; logits come out (lead.c)
 *   draw_row  in a thread of that step: from logits to an id, by guide and sampler (draw.c)
 *   go_on     in the thread that leads, between two steps: what was drawn is the session's, and what may follow is drafted (draft.h)
 *   give_out  in the thread that asked, while the next step runs: likelihoods, text, stop strings (stop.c)
 *
 * So an answer is ahead of its reader; what was drawn behind a stop is taken back in the end (answering.c). */
#include "base/error.h"
#include "engine/answering.h"

/* From the logits behind the id at `place` the next one is drawn. Where a draft stands there, the row behind it is of use (1) if
 * and only if both are the same. */
static int draw_row(void *context, uint32_t place, float *logits)
{
    struct tl_answering *a = context;
    struct tl_session *session = a->session;
    uint32_t n = place + 1;              /* ids in front of the one that is drawn: its own place */
    int32_t id;
    if (n < a->n_prompt)
        tl_answering_echo(a, n, logits);
    if (n < a->n_prompt || a->how->prompt_only)
        return 1;
    uint32_t left = tl_answering_left(a, n);
    int drawn = tl_draw_id(&a->draw, logits, session->ids, n, left, &id, tl_answering_seen(a, n));
    if (drawn < 0)
        return drawn;
    a->ended = drawn != TL_DRAWN_GOES_ON || left == 1;
    a->answer->finish = drawn != TL_DRAWN_GOES_ON ? TL_FINISH_STOP : n + 1 - a->n_prompt == a->how->max_tokens ? TL_FINISH_LENGTH
                      : TL_FINISH_CONTEXT;
    if (drawn == TL_DRAWN_ENDS)
        return 0;
    bool drafted = n < session->n_ids + a->request.n_draft && session->ids[n] == id;
    a->n_accepted += drafted;
    session->ids[n] = id;
    a->n_ids = n + 1;
    return drafted && !a->ended;
}

/* Between two steps: what was drawn is what comes next. */
static int go_on(void *context)
{
    struct tl_answering *a = context;
    bool ends = a->ended || a->how->prompt_only;
    tl_answering_count(a);
    a->session->n_ids = a->n_ids;
    a->request.rows_from = a->n_ids - 1;
    a->request.decodes = true;
    a->request.n_draft = ends ? 0 : tl_answering_draft(a);
    return !ends;
}

/* An id's likelihood, then the text that it completes. 1: go on; 0: a stop string is complete. */
static int give_token(struct tl_answering *a, uint32_t place)
{
    int status = tl_answering_tell_token(a, place);
    return status < 0 ? status : tl_stop_push(&a->stop, a->session->ids[place]);
}

static int give_out(void *context, uint32_t n_ids, uint32_t n_done)
{
    struct tl_answering *a = context;
    int status = tl_answering_tell_prompt(a, n_done);
    while (status > 0 && a->n_told < n_ids)
        status = tl_session_stops(a->session) ? tl_fail(TL_E_CANCEL, "interrupted") : give_token(a, a->n_told++);
    a->stopped = status == 0;
    return status < 0 ? status : a->stopped;
}

static int answer_all(struct tl_answering *a)
{
    struct tl_session *session = a->session;
    if (session->n_ids == a->context && !a->how->prompt_only) {
        a->answer->finish = TL_FINISH_CONTEXT;
        return 0;
    }
    a->request.row = draw_row;
    a->request.next = go_on;
    a->request.news = tl_answering_heard(a) ? give_out : NULL;
    int status = tl_scheduler_run(session->engine, &a->request);
    if (!a->request.news && (status >= 0 || status == TL_E_CANCEL)) {
        int given = give_out(a, session->n_ids, session->state->length);
        status = given < 0 ? given : status;
    }
    return status < 0 || a->stopped ? status : tl_stop_flush(&a->stop);
}

int tl_generate(struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer)
{
    struct tl_answering a;
    int status = tl_answering_begin(&a, session, how, answer);
    if (status >= 0)
        status = answer_all(&a);
    tl_answering_end(&a);
    if (status == TL_E_CANCEL)
        answer->finish = TL_FINISH_CANCELLED;
    return status == TL_E_CANCEL ? 0 : status;
}
