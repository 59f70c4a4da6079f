/* SPDX-License-Identifier: MIT */
/* Samples of figures, and prices from the account of the open model. */
#include "serve/cost.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "serve/server.h"

enum { SAMPLE_NS = 1000000000 };

void tl_cost_init(struct tl_cost *cost)
{
    *cost = (struct tl_cost){0};
    pthread_mutex_init(&cost->lock, NULL);
}

void tl_cost_done(struct tl_cost *cost)
{
    pthread_mutex_destroy(&cost->lock);
}

void tl_cost_begin(struct tl_cost *cost)
{
    pthread_mutex_lock(&cost->lock);
    cost->n_samples = 0;
    cost->priced = false;
    cost->joules = cost->money = 0;
    pthread_mutex_unlock(&cost->lock);
}

/* --- prices --------------------------------------------------------------------------------------------------------------- */

struct row { double joules, seconds, busy_s, price_kwh, price_hour, money; bool measured; };

static int read_row(struct tl_json *json, struct row *row)
{
    const struct { const char *name; double *value; } members[] = {
        {"joules", &row->joules}, {"seconds", &row->seconds}, {"busy_s", &row->busy_s}, {"price_kwh", &row->price_kwh},
        {"price_hour", &row->price_hour}, {"money", &row->money},
    };
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        size_t i = 0;
        while (i < sizeof(members) / sizeof(*members) && !tl_json_is(json, members[i].name))
            i++;
        if (i < sizeof(members) / sizeof(*members))
            r = tl_json_f64(json, members[i].value);
        else if (tl_json_is(json, "joules_source"))
            row->measured = tl_json_next(json) == TL_JSON_STRING && tl_json_is(json, "measured");
        else
            r = tl_json_skip(json);
    }
    return r;
}

/* Meters count all the time, an estimate the seconds in which something is computed. */
static void price(struct tl_cost *cost, const struct row *row)
{
    double seconds = row->measured ? row->seconds : row->busy_s;
    pthread_mutex_lock(&cost->lock);
    cost->priced = seconds > 0;
    cost->measured = row->measured;
    cost->watts = seconds > 0 ? row->joules / seconds : 0;
    cost->money_per_s = cost->watts * row->price_kwh / 3.6e6 + row->price_hour / 3600;
    cost->joules = row->joules;
    cost->money = row->money;
    pthread_mutex_unlock(&cost->lock);
}

static void take_account(struct tl_cost *cost, struct trill_model *model, struct trill_account *account)
{
    struct row row = {0};
    struct tl_json json;
    if (!account)
        return;
    trill_account_take(account, model);
    char *text = trill_account_json(account);
    if (!text)
        return;
    tl_json_init(&json, "account", text, strlen(text));
    if (read_row(&json, &row) >= 0)
        price(cost, &row);
    tl_json_done(&json);
    trill_free(text);
}

/* The number at "machine", "facts", name, "value" of a plan; 0: it is not there. */
static double fact_of(const char *plan, const char *name)
{
    const char *const path[] = {"machine", "facts", name, "value"};
    struct tl_json json;
    double value = 0;
    size_t depth = 0;
    tl_json_init(&json, "plan", plan, strlen(plan));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        if (!tl_json_is(&json, path[depth])) {
            r = tl_json_skip(&json);
        } else if (++depth == sizeof(path) / sizeof(*path)) {
            r = tl_json_f64(&json, &value);
            break;
        } else if ((r = tl_json_next(&json)) != TL_JSON_OBJECT) {
            break;
        }
    }
    tl_json_done(&json);
    return r < 0 ? 0 : value;
}

static void take_limits(struct tl_cost *cost, struct trill_model *model)
{
    char *plan;
    if (trill_model_plan(model, NULL, &plan) < 0)
        return;
    double drive = fact_of(plan, "drive"), memory = fact_of(plan, "memory");
    trill_free(plan);
    pthread_mutex_lock(&cost->lock);
    cost->drive_bytes_per_s = drive;
    cost->memory_bytes_per_s = memory;
    pthread_mutex_unlock(&cost->lock);
}

/* --- samples -------------------------------------------------------------------------------------------------------------- */

static void take_sample(void *context)
{
    struct tl_server *server = context;
    struct tl_cost *cost = &server->cost;
    struct tl_cost_sample sample = {.at_ns = tl_clock_ns()};
    struct trill_model *model = tl_models_glance(&server->models);
    if (model && trill_model_figures(model, &sample.figures, sizeof(sample.figures)) >= 0) {
        pthread_mutex_lock(&cost->lock);
        const struct tl_cost_sample *last = cost->n_samples ? &cost->sample[(cost->n_samples - 1) % TL_COST_SAMPLES] : NULL;
        bool worked = !last || sample.figures.prefill_tokens + sample.figures.decode_tokens !=
                               last->figures.prefill_tokens + last->figures.decode_tokens;
        cost->sample[cost->n_samples++ % TL_COST_SAMPLES] = sample;
        bool prices = worked || !cost->priced;
        pthread_mutex_unlock(&cost->lock);
        if (!last)
            take_limits(cost, model);
        if (prices)
            take_account(cost, model, server->models.account);
    }
    if (model)
        tl_models_leave(&server->models);
    cost->sampling = false;
}

void tl_cost_tick(struct tl_server *server)
{
    struct tl_cost *cost = &server->cost;
    if (tl_clock_ns() - cost->asked_ns < SAMPLE_NS || atomic_exchange(&cost->sampling, true))
        return;
    cost->asked_ns = tl_clock_ns();
    if (tl_desk_ask(&server->desk, take_sample, server) < 0)
        cost->sampling = false;
}

void tl_cost_of(struct tl_cost *cost, const struct trill_answered *sums, double *ret_joules, double *ret_money)
{
    double seconds = sums->step_seconds > 0 ? sums->step_seconds : sums->prefill_seconds + sums->decode_seconds;
    pthread_mutex_lock(&cost->lock);
    *ret_joules = cost->priced ? cost->watts * seconds : -1;
    *ret_money = cost->priced ? cost->money_per_s * seconds : -1;
    pthread_mutex_unlock(&cost->lock);
}

bool tl_cost_span(struct tl_cost *cost, struct tl_cost_sample *ret_before, struct tl_cost_sample *ret_now)
{
    enum { SPAN = 3 };
    pthread_mutex_lock(&cost->lock);
    bool both = cost->n_samples >= 2;
    uint64_t back = cost->n_samples - 1 < SPAN ? cost->n_samples - 1 : SPAN;
    if (cost->n_samples)
        *ret_now = cost->sample[(cost->n_samples - 1) % TL_COST_SAMPLES];
    if (both)
        *ret_before = cost->sample[(cost->n_samples - 1 - back) % TL_COST_SAMPLES];
    pthread_mutex_unlock(&cost->lock);
    return both;
}
