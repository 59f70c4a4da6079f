/* SPDX-License-Identifier: MIT */
/* Decides between the values of each setting by the times that a callback takes. */
#include "engine/tune.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"

enum { ALWAYS, RESIDENT, STREAMED, EXPERTS };
enum { PROMPT = TL_TUNE_PROMPT, ANSWER = TL_TUNE_ANSWER, BOTH = TL_TUNE_BOTH };
enum { LEAST_ROUNDS = 4 };
static const double alike = 0.015, worth = 0.02, clear = 0.1;        /* shares of time: no difference; one that pays; one that few rounds show */

static const struct { const char *name, *stage; int where; enum tl_tune_work work; const char *help; } settings[TL_TUNE_SETTINGS] = {
#define TUNE(name, where, work, help) {#name, "trying " #name, where, (enum tl_tune_work)work, help},
#include "engine/tune.def"
#undef TUNE
};

const char *tl_tune_name(enum tl_tune_setting setting) { return settings[setting].name; }
const char *tl_tune_help(enum tl_tune_setting setting) { return settings[setting].help; }

/* --- values ------------------------------------------------------------------------------------------------------- */

static void add_text(struct tl_tune_trial *trial, const char *text)
{
    for (uint32_t i = 0; i < trial->n_values; i++)
        if (strcmp(trial->values[i].text, text) == 0)
            return;
    if (trial->n_values < TL_TUNE_VALUES)
        snprintf(trial->values[trial->n_values++].text, TL_TUNE_TEXT, "%s", text);
}

static void add_number(struct tl_tune_trial *trial, uint32_t number)
{
    char text[TL_TUNE_TEXT];
    snprintf(text, sizeof text, "%u", number);
    add_text(trial, text);
}

/* The usual value is the first, and what the engine would do by itself. */
static void list_values(enum tl_tune_setting setting, const struct tl_tune_facts *facts, struct tl_tune_trial *trial)
{
    static const uint32_t chunks[] = {512, 256, 1024, 2048};
    switch (setting) {
    case TL_TUNE_threads:
        add_number(trial, facts->threads);
        for (uint32_t quarters = 3; quarters >= 1; quarters--)
            add_number(trial, facts->threads * quarters / 4 ? facts->threads * quarters / 4 : 1);
        break;
    case TL_TUNE_chunk:
        for (size_t i = 0; i < TL_COUNT(chunks); i++)
            if (i == 0 || chunks[i] < 2 * facts->prompt_tokens)
                add_number(trial, chunks[i]);
        break;
    case TL_TUNE_io:
        add_text(trial, "uring");
        add_text(trial, "pread");
        break;
    case TL_TUNE_lookahead:
        add_text(trial, "auto");
        add_text(trial, "on");
        add_text(trial, "off");
        break;
    default:
        add_text(trial, "auto");
        add_text(trial, "lru");
        add_text(trial, "lfru");
    }
}

static const char *not_tried(enum tl_tune_setting setting, const struct tl_tune_facts *facts)
{
    switch (settings[setting].where) {
    case RESIDENT: return facts->streamed ? "by itself as long as memory allows, where weights are streamed" : NULL;
    case STREAMED: return facts->streamed ? NULL : "all weights are in memory";
    case EXPERTS:  return facts->experts ? NULL : "no experts are streamed";
    default:       return NULL;
    }
}

/* --- deciding ----------------------------------------------------------------------------------------------------- */

struct tuning {
    tl_tune_measure measure;
    void *context;
    double most_seconds;
    uint64_t begin_ns, n_runs;           /* runs: of the setting that is tried */
    struct tl_progress *progress;
    struct tl_tune *tune;
};

static void sort(const struct tl_tune_value *value, double ret_sorted[TL_TUNE_ROUNDS])
{
    for (uint32_t i = 0; i < value->n_samples; i++) {
        uint32_t k = i;
        for (; k > 0 && ret_sorted[k - 1] > value->samples[i]; k--)
            ret_sorted[k] = ret_sorted[k - 1];
        ret_sorted[k] = value->samples[i];
    }
}

static double median_of(const struct tl_tune_value *value)
{
    double sorted[TL_TUNE_ROUNDS];
    uint32_t n = value->n_samples;
    sort(value, sorted);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Is it slower, and no accident? Much slower, each time; or each time but one of the other's, where something else ran,
 * when all rounds are over. Of equals, seven samples each do so in 1 of 400 cases. */
static bool is_slower(const struct tl_tune_value *value, const struct tl_tune_value *best)
{
    double slow[TL_TUNE_ROUNDS] = {0}, fast[TL_TUNE_ROUNDS] = {0};
    sort(value, slow);
    sort(best, fast);
    if (value->median > best->median * (1 + clear) && slow[0] > fast[best->n_samples - 1])
        return true;
    return best->n_samples == TL_TUNE_ROUNDS && slow[0] > fast[best->n_samples - 2];
}

static struct tl_tune_value *best_of(struct tl_tune_trial *trial)
{
    struct tl_tune_value *best = NULL;
    for (uint32_t i = 0; i < trial->n_values; i++)
        if (!trial->values[i].out && trial->values[i].n_samples && (!best || trial->values[i].median < best->median))
            best = &trial->values[i];
    return best;
}

/* Forwards and backwards by turns, so that none always comes first. 1: all of them; 0: there is no more time. */
static int run_round(struct tuning *t, enum tl_tune_setting setting, uint32_t round)
{
    struct tl_tune_trial *trial = &t->tune->trials[setting];
    for (uint32_t i = 0; i < trial->n_values; i++) {
        struct tl_tune_value *value = &trial->values[round % 2 ? trial->n_values - 1 - i : i];
        struct tl_tune_values values = t->tune->values;
        if (value->out)
            continue;
        if (tl_clock_seconds(t->begin_ns) > t->most_seconds)
            return 0;
        memcpy(values.text[setting], value->text, TL_TUNE_TEXT);
        int status = t->measure(t->context, &values, settings[setting].work, &value->samples[value->n_samples]);
        if (status >= 0)
            status = tl_progress_move(t->progress, ++t->n_runs);
        if (status < 0)
            return status;
        value->n_samples++;
        value->median = median_of(value);
    }
    return 1;
}

/* Drops what has lost. Is there more to find out? */
static bool go_on(struct tl_tune_trial *trial, uint32_t n_rounds)
{
    const struct tl_tune_value *best = best_of(trial);
    uint32_t left = 0;
    bool differ = false;
    if (n_rounds < LEAST_ROUNDS)
        return true;
    for (uint32_t i = 0; i < trial->n_values; i++) {
        struct tl_tune_value *value = &trial->values[i];
        value->out = value->out || (value != best && is_slower(value, best));
        left += !value->out;
        differ = differ || (!value->out && value->median > best->median * (1 + alike));
    }
    return left > 1 && differ && n_rounds < TL_TUNE_ROUNDS;
}

static void choose(struct tl_tune_trial *trial, bool whole, struct tl_tune_values *values, enum tl_tune_setting setting)
{
    const struct tl_tune_value *best = best_of(trial), *usual = &trial->values[0];
    trial->chosen = 0;
    trial->gain = 0;
    trial->why = !whole ? "there was no time to decide" : trial->n_values == 1 ? "there is no other" : "no other is clearly better";
    if (!whole || !best || best == usual)
        return;
    double gain = 1 - best->median / usual->median;
    if (gain < worth || !usual->out)
        return;
    trial->chosen = (uint32_t)(best - trial->values);
    trial->gain = gain;
    trial->why = "faster";
    memcpy(values->text[setting], best->text, TL_TUNE_TEXT);
}

static int try_setting(struct tuning *t, enum tl_tune_setting setting)
{
    struct tl_tune_trial *trial = &t->tune->trials[setting];
    int status = 1;
    trial->why = not_tried(setting, &t->tune->facts);
    if (!trial->why && *t->tune->values.text[setting])
        trial->why = "said by the user";
    if (trial->why)
        return 0;
    list_values(setting, &t->tune->facts, trial);
    bool more = trial->n_values > 1;
    t->n_runs = 0;
    status = tl_progress_begin(t->progress, settings[setting].stage, 0, 0, "runs");
    status = status < 0 ? status : 1;
    for (uint32_t round = 0; more && status > 0; round++) {
        status = run_round(t, setting, round);
        more = status > 0 && go_on(trial, round + 1);
    }
    if (status < 0)
        return status;
    choose(trial, status > 0, &t->tune->values, setting);
    return 0;
}

int tl_tune_decide(const struct tl_tune_facts *facts, tl_tune_measure measure, void *context, double most_seconds, struct tl_progress *progress,
                   struct tl_tune *tune)
{
    struct tuning t = {.measure = measure, .context = context, .most_seconds = most_seconds, .begin_ns = tl_clock_ns(), .progress = progress, .tune = tune};
    struct tl_tune_values said = tune->values;
    int status = 0;
    tune->facts = *facts;
    memset(tune->trials, 0, sizeof tune->trials);
    for (int i = 0; i < TL_TUNE_SETTINGS && status >= 0; i++)
        status = try_setting(&t, (enum tl_tune_setting)i);
    for (int i = 0; i < TL_TUNE_SETTINGS; i++)
        if (*said.text[i])
            tune->values.text[i][0] = 0;
    tune->seconds = tl_clock_seconds(t.begin_ns);
    return status;
}
