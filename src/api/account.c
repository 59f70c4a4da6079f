/* SPDX-License-Identifier: MIT */
/* trill_account: what a run costs. Meters and clocks into a row, the machine's prices, what a plan of the same steps says,
 * and the ledger at the end. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "api/account.h"
#include "api/api.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/power.h"
#include "ledger/ledger.h"

struct trill_account {
    struct trill_account_options options;
    char *state, *config;
    struct tl_ledger_row row;
    struct tl_machine machine;
    struct tl_power *power;              /* NULL: nothing counts joules here */
    uint64_t began_ns;
    bool has_model;                      /* some were taken */
    bool knows_machine;
};

void trill_account_options_init(struct trill_account_options *options, size_t size)
{
    static const struct trill_account_options preset = { .size = sizeof(preset) };
    tl_api_out(options, size, &preset, sizeof(preset));
}

static void warn(const struct trill_account *account, int level, const char *what)
{
    char text[640];
    snprintf(text, sizeof(text), "%s%s", what, tl_error_text());
    if (account->options.log)
        account->options.log(account->options.context_pointer, level, text);
}

/* --- opening ---------------------------------------------------------------------------------------------------------- */

static void begin(struct trill_account *account)
{
    const char *model = account->options.model ? account->options.model : "";
    char name[TL_LEDGER_TEXT];
    time_t now = time(NULL);
    tl_ledger_set_count(&account->row, TL_LEDGER_TIME, now > 0 ? (uint64_t)now : 0);
    tl_ledger_set_text(&account->row, TL_LEDGER_COMMAND, account->options.command);
    tl_ledger_set_text(&account->row, TL_LEDGER_VERSION, TRILL_VERSION);
    tl_modelfile_name(model, strlen(model), name, sizeof(name));
    tl_ledger_set_text(&account->row, TL_LEDGER_MODEL, name);
    if (tl_power_open("", &account->power) < 0)
        account->power = NULL;
}

/* When it is needed first. */
static const struct tl_machine *machine_of(struct trill_account *account)
{
    if (!account->knows_machine) {
        account->knows_machine = true;
        if (tl_machine_here(account->state, account->config, NULL, &account->machine) < 0)
            warn(account, account->has_model ? TRILL_LOG_INFO : TRILL_LOG_WARNING, "");      /* the model has said it */
        tl_machine_finish(&account->machine);
    }
    return &account->machine;
}

static int copy(const char *text, char **ret_copy)
{
    *ret_copy = text ? tl_strdup(text) : NULL;
    return text && !*ret_copy ? TL_E_NOMEM : 0;
}

static void free_account(struct trill_account *account)
{
    tl_power_close(account->power);
    tl_free(account->state);
    tl_free(account->config);
    tl_free(account);
}

int trill_account_open(const struct trill_account_options *options, struct trill_account **ret_account)
{
    struct trill_account *account = tl_alloc(1, sizeof(*account));
    if (!account)
        return TL_E_NOMEM;
    account->began_ns = tl_clock_ns();
    tl_api_in(&account->options, sizeof(account->options), options);
    if (copy(account->options.state, &account->state) < 0 || copy(account->options.config, &account->config) < 0) {
        free_account(account);
        return TL_E_NOMEM;
    }
    begin(account);
    account->options.command = account->options.model = NULL;    /* theirs; they are in the row */
    *ret_account = account;
    return 0;
}

/* --- a model's counts ------------------------------------------------------------------------------------------------- */

static const struct { enum tl_meter_id meter; enum tl_ledger_column column; } counts[] = {
    { TL_METER_PROMPT_TOKENS, TL_LEDGER_PROMPT }, { TL_METER_REUSED_TOKENS, TL_LEDGER_REUSED }, { TL_METER_ANSWER_TOKENS, TL_LEDGER_GENERATED },
    { TL_METER_SCORED_TOKENS, TL_LEDGER_SCORED }, { TL_METER_PREFILL_TOKENS, TL_LEDGER_PREFILL }, { TL_METER_DECODE_TOKENS, TL_LEDGER_DECODE },
    { TL_METER_STEPS, TL_LEDGER_STEPS }, { TL_METER_MEMORY_BYTES, TL_LEDGER_MEMORY_BYTES }, { TL_METER_DRIVE_BYTES, TL_LEDGER_DRIVE_BYTES },
    { TL_METER_MISSED_BYTES, TL_LEDGER_MISSED_BYTES }, { TL_METER_DECODE_MISSED_BYTES, TL_LEDGER_DECODE_MISSED },
    { TL_METER_EXPERT_HITS, TL_LEDGER_EXPERT_HITS }, { TL_METER_EXPERT_MISSES, TL_LEDGER_EXPERT_MISSES },
}, times[] = {
    { TL_METER_PREFILL_NS, TL_LEDGER_PREFILL_S }, { TL_METER_DECODE_NS, TL_LEDGER_DECODE_S }, { TL_METER_STALL_NS, TL_LEDGER_STALL_S },
    { TL_METER_DRIVE_BUSY_NS, TL_LEDGER_DRIVE_S },
};

static void take_model(struct tl_ledger_row *row, const struct trill_model_figures *f)
{
    tl_ledger_set_text(row, TL_LEDGER_ARCHITECTURE, f->architecture);
    tl_ledger_set_text(row, TL_LEDGER_FORMAT, f->format);
    tl_ledger_set_text(row, TL_LEDGER_KV, f->kv);
    tl_ledger_set_text(row, TL_LEDGER_CPU, f->cpu);
    tl_ledger_set_count(row, TL_LEDGER_PARAMETERS, f->parameters);
    tl_ledger_set_count(row, TL_LEDGER_ACTIVE, f->active_parameters);
    tl_ledger_set_count(row, TL_LEDGER_WEIGHT_BYTES, f->weight_bytes);
    tl_ledger_set_count(row, TL_LEDGER_THREADS, f->threads);
    tl_ledger_set_count(row, TL_LEDGER_CONTEXT, f->context);
    tl_ledger_set_count(row, TL_LEDGER_SESSIONS, f->sessions);
    tl_ledger_set_count(row, TL_LEDGER_BUDGET_BYTES, f->budget_bytes);
    tl_ledger_set_count(row, TL_LEDGER_FILE_BYTES, f->read_bytes);
    tl_ledger_set_real(row, TL_LEDGER_LOAD_S, f->load_seconds);
}

static void take_meters(struct tl_ledger_row *row, struct tl_meters *meters)
{
    for (size_t i = 0; i < TL_COUNT(counts); i++)
        tl_ledger_set_count(row, counts[i].column, tl_meter_get(meters, counts[i].meter));
    for (size_t i = 0; i < TL_COUNT(times); i++)
        tl_ledger_set_real(row, times[i].column, (double)tl_meter_get(meters, times[i].meter) * 1e-9);
}

/* --- taking and ending ------------------------------------------------------------------------------------------------ */

void trill_account_take(struct trill_account *account, struct trill_model *model)
{
    struct trill_model_figures figures;
    if (!model->engine->model)
        return;
    account->has_model = true;
    trill_model_figures(model, &figures, sizeof(figures));
    take_model(&account->row, &figures);
    take_meters(&account->row, &model->engine->meters);
    tl_engine_enter(model->engine);
    tl_account_predict(model->engine->model, &model->engine->fit, &model->engine->meters, machine_of(account), &account->row);
    tl_engine_leave(model->engine);
}

static double busy_seconds(const struct trill_account *account)
{
    const struct tl_ledger_value *value = account->row.value;
    double seconds = value[TL_LEDGER_LOAD_S].real + value[TL_LEDGER_PREFILL_S].real + value[TL_LEDGER_DECODE_S].real;
    return account->has_model ? seconds : value[TL_LEDGER_SECONDS].real;
}

static void finish(struct trill_account *account)
{
    struct rusage used;
    double joules = -1;
    tl_ledger_set_real(&account->row, TL_LEDGER_SECONDS, tl_clock_seconds(account->began_ns));
    tl_ledger_set_real(&account->row, TL_LEDGER_BUSY_S, busy_seconds(account));
    tl_ledger_set_count(&account->row, TL_LEDGER_PEAK_BYTES, tl_cpu_peak_rss());
    if (getrusage(RUSAGE_SELF, &used) == 0)
        tl_ledger_set_real(&account->row, TL_LEDGER_CPU_S, (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                                                           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6);
    if (account->power && tl_power_read(account->power, &joules) < 0)
        joules = -1;
    tl_ledger_price(&account->row, machine_of(account), joules);
}

struct tl_ledger_row *tl_account_row(struct trill_account *account)
{
    finish(account);
    return &account->row;
}

char *trill_account_json(struct trill_account *account)
{
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    finish(account);
    tl_ledger_row_json(&account->row, &json);
    return tl_buffer_take(&json, NULL);
}

static void record(const struct trill_account *account)
{
    struct tl_buffer notice;
    TL_AUTO char *path = tl_file_join(account->state, "ledger.db");
    bool wanted = true;
    tl_buffer_init(&notice, 0);
    int status = path ? tl_ledger_wanted(account->config, &wanted) : TL_E_NOMEM;
    if (status >= 0 && wanted)
        status = tl_ledger_record(path, &account->row, &notice);
    if (notice.data && account->options.log)
        account->options.log(account->options.context_pointer, TRILL_LOG_WARNING, notice.data);
    if (status < 0)
        warn(account, TRILL_LOG_WARNING, "this run is not in the ledger: ");
    tl_buffer_done(&notice);
}

/* What failed before it began is no run. The sentence of a failure outlives this. */
void trill_account_close(struct trill_account *account, int status)
{
    if (!account)
        return;
    TL_AUTO char *sentence = status < 0 ? tl_strdup(tl_error_text()) : NULL;
    bool worked = account->has_model || account->row.value[TL_LEDGER_TRAINED].known;
    if ((worked || status >= 0) && account->state && !account->options.unrecorded) {
        finish(account);
        tl_ledger_set_text(&account->row, TL_LEDGER_STATUS, status >= 0 ? "done" : status == TL_E_CANCEL ? "interrupted" : "failed");
        record(account);
    }
    free_account(account);
    if (sentence)
        tl_error_set(status, sentence);
}
