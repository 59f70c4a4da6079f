/* SPDX-License-Identifier: MIT */
/* The job "eval": models compared (room compress). Each opening of a model has an account of its own, from which its costs
 * are read and whose row goes to the ledger. */
#include <string.h>

#include "api/account.h"
#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/eval.h"

struct options {
    struct tl_option_list models, tasks, prompts;
    const char *reference, *text, *verify, *store, *answers, *state, *config;
    struct tl_job_means means;
    uint64_t window, stride, tokens;
    double verify_seconds;
    bool chat, trust, unrecorded;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(models, LIST, "model", "PATH"),
    ROW(reference, FILE, "reference", "PATH"),
    ROW(text, FILE, "text", "FILE|DIR"),
    ROW(tasks, LIST, "tasks", "FILE"),
    ROW(prompts, LIST, "prompts", "FILE"),
    ROW(window, U64, "window", "N", .max = 1 << 30),
    ROW(stride, U64, "stride", "N", .min = 1, .max = 1 << 30),
    ROW(tokens, U64, "tokens", "N", .fallback = "256", .min = 1, .max = 1 << 20),
    ROW(chat, FLAG, "chat", NULL),
    ROW(verify, TEXT, "verify", "COMMAND"),
    ROW(verify_seconds, F64, "verify-seconds", "S", .fallback = "10", .min = 0.01, .max = 86400),
    ROW(trust, FLAG, "trust-tasks", NULL),
    ROW(store, FILE, "store", "DIR"),
    ROW(answers, FILE, "answers", "FILE"),
    TL_JOB_MEANS,
    ROW(means.context, U64, "context", "N", .min = 1, .max = 1 << 30),
    ROW(means.chunk, U64, "chunk", "N", .min = 1, .max = 1 << 20),
    ROW(state, FILE, "state", "DIR"),
    ROW(config, FILE, "config", "DIR"),
    ROW(unrecorded, FLAG, "no-ledger", NULL),
};

/* --- who opens models --------------------------------------------------------------------------------------------- */

/* One is open at a time. */
struct host { const struct options *options; struct trill_account *account; };

static int open_model(void *context, const char *path, const struct tl_engine_options *options, struct tl_engine **ret_engine)
{
    struct host *host = context;
    const struct options *o = host->options;
    const struct trill_account_options facts = {
        .size = sizeof(facts), .command = "eval", .model = path, .state = o->state, .config = o->config, .unrecorded = o->unrecorded,
    };
    int status = trill_account_open(&facts, &host->account);
    if (status < 0)
        return status;
    status = tl_engine_open(path, options, ret_engine);
    if (status < 0) {
        trill_account_close(host->account, status);
        host->account = NULL;
    }
    return status;
}

static void cost_so_far(void *context, struct tl_engine *engine, struct tl_eval_cost *ret_cost)
{
    struct host *host = context;
    struct trill_model model = {engine};
    trill_account_take(host->account, &model);
    const struct tl_ledger_value *v = tl_account_row(host->account)->value;
    *ret_cost = (struct tl_eval_cost){
        .joules = v[TL_LEDGER_JOULES].real, .money = v[TL_LEDGER_MONEY].real, .seconds = v[TL_LEDGER_BUSY_S].real, .known = v[TL_LEDGER_MONEY].known,
        .measured = strcmp(v[TL_LEDGER_JOULES_SOURCE].text, "measured") == 0,
    };
}

static void close_model(void *context, struct tl_engine *engine, int status)
{
    struct host *host = context;
    struct trill_model model = {engine};
    trill_account_take(host->account, &model);
    TL_AUTO char *sentence = status < 0 ? tl_strdup(tl_error_text()) : NULL;
    tl_engine_close(engine);
    if (sentence)
        tl_error_set(status, sentence);
    trill_account_close(host->account, status);
    host->account = NULL;
}

/* --- the job ------------------------------------------------------------------------------------------------------ */

static struct tl_eval_order order_of(const struct options *o, const struct tl_eval_host *host, const struct tl_machine *machine)
{
    return (struct tl_eval_order){
        .models = o->models.items, .n_models = (uint32_t)o->models.count, .reference = o->reference, .text = o->text,
        .tasks = o->tasks.items, .n_tasks = (uint32_t)o->tasks.count, .prompts = o->prompts.items, .n_prompts = (uint32_t)o->prompts.count,
        .window = (uint32_t)o->window, .stride = (uint32_t)o->stride, .max_tokens = (uint32_t)o->tokens, .chat = o->chat, .verify = o->verify,
        .trust = o->trust, .verify_seconds = o->verify_seconds, .store = o->store, .answers = o->answers, .host = host,
        .engine = tl_job_engine_options(&o->means, machine),
    };
}

int tl_job_eval(struct tl_job_run *run)
{
    struct options o = {0};
    struct host host = {.options = &o};
    const struct tl_eval_host calls = {open_model, cost_so_far, close_model, &host};
    struct tl_machine machine;
    struct tl_eval eval = {0};
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status < 0)
        return status;
    tl_machine_here(o.state, o.config, NULL, &machine);              /* what cannot be read is as usual */
    tl_machine_finish(&machine);
    struct tl_eval_order order = order_of(&o, &calls, &machine);
    status = tl_eval(&order, &run->progress, &eval);
    if (status >= 0)
        tl_eval_write(&eval, &run->report);
    tl_eval_done(&eval);
    return status;
}
