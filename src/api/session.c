/* SPDX-License-Identifier: MIT */
/* trill_session: sequences and answers. */
#include "api/api.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/language.h"

static int wrap(int status, struct tl_session *session, struct trill_session **ret_session)
{
    if (status < 0)
        return status;
    struct trill_session *handle = tl_alloc(1, sizeof(*handle));
    if (!handle) {
        tl_session_close(session);
        return TL_E_NOMEM;
    }
    handle->session = session;
    *ret_session = handle;
    return 0;
}

int trill_session_open(struct trill_model *model, struct trill_session **ret_session)
{
    struct tl_session *session = NULL;
    int status = tl_session_open(model->engine, &session);
    return wrap(status, session, ret_session);
}

int trill_session_fork(struct trill_session *session, struct trill_session **ret_session)
{
    struct tl_session *copy = NULL;
    int status = tl_session_fork(session->session, &copy);
    return wrap(status, copy, ret_session);
}

void trill_session_close(struct trill_session *session)
{
    if (session)
        tl_session_close(session->session);
    tl_free(session);
}

void trill_session_cancel(struct trill_session *session) { tl_session_cancel(session->session); }

int trill_session_set(struct trill_session *session, const int32_t *ids, size_t count)
{
    return tl_session_set(session->session, ids, count);
}

int trill_session_append(struct trill_session *session, const int32_t *ids, size_t count)
{
    return tl_session_append(session->session, ids, count);
}

int trill_session_ids(struct trill_session *session, const int32_t **ret_ids, size_t *ret_count)
{
    *ret_ids = session->session->ids;
    *ret_count = session->session->n_ids;
    return 0;
}

struct row { trill_row row; void *context; size_t vocabulary; };

static int give_row(void *context, uint32_t index, const float *logits)
{
    struct row *row = context;
    return row->row(row->context, index, logits, row->vocabulary);
}

int trill_session_compute(struct trill_session *session, trill_row row, void *context)
{
    struct row give = { row, context, tl_model_geometry(session->session->engine->model)->vocab };
    return tl_session_compute(session->session, row ? give_row : NULL, &give);
}

int trill_session_save(struct trill_session *session, const char *path) { return tl_session_save(session->session, path); }
int trill_session_load(struct trill_session *session, const char *path) { return tl_session_load(session->session, path); }

/* --- answers --- */

void trill_generate_options_init(struct trill_generate_options *options, size_t size)
{
    struct tl_sampling s;
    tl_sampling_default(&s);
    struct trill_generate_options preset = {
        .size = sizeof(preset), .temperature = s.temperature, .top_k = s.top_k, .top_p = s.top_p, .min_p = s.min_p,
        .typical_p = s.typical_p, .repeat_penalty = s.repeat_penalty, .presence_penalty = s.presence_penalty,
        .frequency_penalty = s.frequency_penalty, .repeat_last = s.repeat_last, .seed = s.seed, .think_tokens = -1,
    };
    tl_api_out(options, size, &preset, sizeof(preset));
}

static void translate(const struct trill_generate_options *o, struct tl_generate *how)
{
    _Static_assert(sizeof(struct trill_bias) == sizeof(struct tl_logit_bias), "the public bias is the sampler's");
    *how = (struct tl_generate){
        .sampling = { .temperature = o->temperature, .top_k = o->top_k, .top_p = o->top_p, .min_p = o->min_p, .typical_p = o->typical_p,
                      .repeat_penalty = o->repeat_penalty, .presence_penalty = o->presence_penalty,
                      .frequency_penalty = o->frequency_penalty, .repeat_last = o->repeat_last, .seed = o->seed,
                      .bias = (const struct tl_logit_bias *)o->bias, .n_bias = o->n_bias },
        .choice = o->choice, .max_tokens = o->max_tokens, .stop = o->stop, .n_stop = o->n_stop, .ignore_end = o->ignore_end,
        .show_special = o->flags & TRILL_SPECIAL, .text = o->text, .context = o->context_pointer,
    };
}

static int hand_out(struct tl_session *session, struct tl_answer *answer, struct trill_generation *ret, size_t size)
{
    struct trill_generation g = {
        .size = sizeof(g), .finish = (enum trill_finish)answer->finish, .count = answer->n_ids, .prompt_tokens = answer->prompt_tokens,
        .reused_tokens = answer->reused_tokens, .first_token_seconds = answer->first_token_seconds,
        .prefill_seconds = answer->prefill_seconds, .decode_seconds = answer->decode_seconds, .decode_steps = answer->decode_steps,
        .drafted_tokens = answer->drafted_tokens, .accepted_tokens = answer->accepted_tokens,
    };
    tl_buffer_append(&answer->text, "", 0);
    if (answer->text.status < 0)
        return answer->text.status;
    g.ids = tl_alloc(answer->n_ids + 1, sizeof(*g.ids));
    if (!g.ids)
        return TL_E_NOMEM;
    memcpy(g.ids, session->ids + answer->first_id, answer->n_ids * sizeof(*g.ids));
    g.text = tl_buffer_take(&answer->text, &g.text_bytes);
    tl_api_out(ret, size, &g, sizeof(g));
    return 0;
}

/* The language that the options name; both at once are a contradiction. */
static int take_language(const struct tl_engine *engine, const struct trill_generate_options *o, const struct tl_grammar **ret_grammar)
{
    if (o->grammar && o->schema)
        return tl_fail(TL_E_USAGE, "a grammar and a schema: an answer has one language");
    if (o->schema)
        return tl_language_take(engine, TL_LANGUAGE_SCHEMA, "schema", o->schema, strlen(o->schema), ret_grammar);
    return o->grammar ? tl_language_take(engine, TL_LANGUAGE_GBNF, "grammar", o->grammar, strlen(o->grammar), ret_grammar) : 0;
}

/* What holds an answer to its language, and its reasoning to its bound. */
struct hold {
    const struct tl_grammar *grammar;
    struct tl_fence *fence;
    struct tl_turn *turn;
};

static int hold_answer(const struct tl_session *session, const struct trill_generate_options *o, struct hold *hold, struct tl_guide **ret_guide)
{
    uint32_t least = 0, think = o->think_tokens < 0 || o->think_tokens > UINT32_MAX ? UINT32_MAX : (uint32_t)o->think_tokens;
    int status = take_language(session->engine, o, &hold->grammar);
    if (status >= 0 && o->chat && (hold->grammar || o->think_tokens >= 0)) {
        status = tl_language_turn(session->engine, &(struct tl_turn_how){.choice = TL_TOOLS_NONE, .content = hold->grammar, .prompt = session->ids,
                                                                         .n_prompt = session->n_ids, .think_tokens = think}, &hold->turn);
        *ret_guide = status < 0 ? NULL : tl_turn_guide(hold->turn);
        least = status < 0 ? 0 : tl_turn_least(hold->turn);
    } else if (status >= 0 && hold->grammar) {
        status = tl_fence_new(session->engine, hold->grammar, &hold->fence);
        *ret_guide = status < 0 ? NULL : tl_fence_guide(hold->fence);
        least = status < 0 ? 0 : tl_fence_least(hold->fence);
    }
    if (status < 0 || o->max_tokens == 0 || least <= o->max_tokens)
        return status;
    return tl_fail(TL_E_USAGE, "%u tokens are allowed, and an answer of that language takes %u at least", o->max_tokens, least);
}

static void let_go(const struct tl_engine *engine, struct hold *hold)
{
    tl_turn_free(hold->turn);
    tl_fence_free(hold->fence);
    tl_language_give_back(engine, hold->grammar);
}

int trill_session_generate(struct trill_session *session, const struct trill_generate_options *options,
                           struct trill_generation *ret_generation, size_t size)
{
    struct trill_generate_options known;
    struct tl_generate how;
    struct tl_answer answer = {0};
    struct hold hold = {0};
    trill_generate_options_init(&known, sizeof(known));
    tl_api_in(&known, sizeof(known), options);
    translate(&known, &how);
    int status = tl_sampling_check(&how.sampling);
    if (status >= 0)
        status = hold_answer(session->session, &known, &hold, &how.guide);
    if (status >= 0)
        status = tl_generate(session->session, &how, &answer);
    if (status >= 0)
        status = hand_out(session->session, &answer, ret_generation, size);
    tl_buffer_done(&answer.text);
    let_go(session->session->engine, &hold);
    return status;
}

void trill_generation_done(struct trill_generation *generation)
{
    tl_free(generation->text);
    tl_free(generation->ids);
    generation->text = NULL;
    generation->ids = NULL;
}
