/* SPDX-License-Identifier: MIT */
/* Tuning on made-up times: what is clearly better is chosen, noise is not, a bad first turn does not decide, time runs out,
 * runs fail and are interrupted; each setting of the table; then on a real small model, resident and streamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/session.h"
#include "engine/tune.h"

#define ROWS(table) (sizeof(table) / sizeof *(table))

/* --- made-up times ------------------------------------------------------------------------------------------------ */

struct speed { const char *setting, *value; double seconds; };
struct machine {
    const struct speed *speeds;          /* seconds of a value, ends with NULL; others take 1 */
    double noise;                        /* share, up and down */
    uint32_t runs, fail_at, pause_us;    /* fail_at: this run fails; 0: none */
    double trend;                        /* that each run takes longer than the one before */
    uint32_t hiccup;                     /* each so many-th run takes three times as long; 0: none */
    uint64_t random;
    struct tl_tune_values last;
};

static double noise_of(struct machine *m)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return m->noise * ((double)(m->random >> 40) / (1 << 23) - 1);
}

static int take(void *context, const struct tl_tune_values *values, enum tl_tune_work work, double *ret_seconds)
{
    struct machine *m = context;
    double seconds = 1 + m->trend * m->runs;
    (void)work;
    m->last = *values;
    if (++m->runs == m->fail_at)
        return tl_fail(TL_E_BUDGET, "made to fail");
    if (m->pause_us)
        usleep(m->pause_us);
    for (const struct speed *s = m->speeds; s && s->setting; s++)
        for (int i = 0; i < TL_TUNE_SETTINGS; i++)
            if (strcmp(tl_tune_name((enum tl_tune_setting)i), s->setting) == 0 && strcmp(values->text[i], s->value) == 0)
                seconds *= s->seconds;
    if (m->hiccup && m->runs % m->hiccup == 0)
        seconds *= 3;
    *ret_seconds = seconds * (1 + noise_of(m));
    return 0;
}

static const struct tl_tune_facts resident = {.threads = 8, .prompt_tokens = 2000, .answer_tokens = 100};
static const struct tl_tune_facts streamed = {.threads = 8, .prompt_tokens = 64, .answer_tokens = 10, .streamed = true, .experts = true};
static const struct tl_tune_facts trunk = {.threads = 1, .prompt_tokens = 64, .answer_tokens = 10, .streamed = true};

static const struct {
    const char *what;
    const struct tl_tune_facts *facts;
    struct speed speeds[6];
    double noise, trend;
    uint32_t hiccup;
    const char *chosen[TL_TUNE_SETTINGS];        /* as the values: NULL is the usual one */
} cases[] = {
    {"all alike", &resident, {{0}}, 0, 0, 0, {0}},
    {"noise", &resident, {{0}}, 0.2, 0, 0, {0}},
    {"fewer threads are better", &resident, {{"threads", "4", 0.8}}, 0.02, 0, 0, {[TL_TUNE_threads] = "4"}},
    {"a little better does not pay", &resident, {{"threads", "4", 0.99}}, 0, 0, 0, {0}},
    {"better, but drowned in noise", &resident, {{"threads", "4", 0.97}}, 0.3, 0, 0, {0}},
    {"drift hits all alike", &resident, {{0}}, 0, 0.02, 0, {0}},
    {"something else runs now and then", &resident, {{"threads", "4", 0.8}}, 0.01, 0, 14, {[TL_TUNE_threads] = "4"}},
    {"two settings", &resident, {{"threads", "6", 0.7}, {"chunk", "1024", 0.8}, {"chunk", "2048", 0.9}}, 0.01, 0, 0,
     {[TL_TUNE_threads] = "6", [TL_TUNE_chunk] = "1024"}},
    {"a smaller chunk", &resident, {{"chunk", "256", 0.5}}, 0.05, 0, 0, {[TL_TUNE_chunk] = "256"}},
    {"no chunk where weights are streamed", &streamed, {{"chunk", "1024", 0.5}}, 0, 0, 0, {0}},
    {"a pool reads better", &streamed, {{"io", "pread", 0.9}}, 0.01, 0, 0, {[TL_TUNE_io] = "pread"}},
    {"look-ahead off, and the latest stay", &streamed, {{"lookahead", "off", 0.8}, {"policy", "lru", 0.9}}, 0.01, 0, 0,
     {[TL_TUNE_lookahead] = "off", [TL_TUNE_policy] = "lru"}},
    {"no experts, no policies; one thread", &trunk, {{"policy", "lru", 0.5}, {"threads", "1", 0.5}, {"io", "pread", 0.7}}, 0, 0, 0, {[TL_TUNE_io] = "pread"}},
};

static void decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(cases); i++) {
        uint32_t wrong = 0;
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct machine machine = {.speeds = cases[i].speeds, .noise = cases[i].noise, .trend = cases[i].trend, .hiccup = cases[i].hiccup, .random = seed};
            struct tl_tune tune = {0};
            assert_int_equal(tl_tune_decide(cases[i].facts, take, &machine, 1e9, NULL, &tune), 0);
            for (int k = 0; k < TL_TUNE_SETTINGS; k++) {
                const struct tl_tune_trial *trial = &tune.trials[k];
                const char *chosen = cases[i].chosen[k];
                bool right = strcmp(tune.values.text[k], chosen ? chosen : "") == 0;
                wrong += !right;
                if (!right && cases[i].noise < 0.2)
                    fail_msg("%s, seed %lu: %s \"%s\", expected \"%s\"", cases[i].what, (unsigned long)seed, tl_tune_name((enum tl_tune_setting)k),
                             tune.values.text[k], chosen ? chosen : "");
                assert_non_null(trial->why);
                assert_true((trial->chosen > 0) == (*tune.values.text[k] != 0) && (trial->chosen > 0) == (trial->gain > 0));
                for (uint32_t v = 0; v < trial->n_values; v++)
                    assert_true(trial->n_values == 1 || (trial->values[v].n_samples >= 4 && trial->values[v].n_samples <= TL_TUNE_ROUNDS));
            }
            assert_true(machine.runs <= TL_TUNE_SETTINGS * TL_TUNE_VALUES * TL_TUNE_ROUNDS);
        }
        assert_in_range(wrong, 0, 3);                /* of the many that noise offered */
    }
}

/* What is found for one setting holds while the next is tried; what the user said is not tried and not kept. */
static void builds_on_what_was_found(void **state)
{
    static const struct speed speeds[] = {{"threads", "4", 0.5}, {"chunk", "256", 0.1}, {0}};
    struct machine machine = {.speeds = speeds};
    struct tl_tune tune = {0};
    (void)state;
    assert_int_equal(tl_tune_decide(&resident, take, &machine, 1e9, NULL, &tune), 0);
    assert_string_equal(machine.last.text[TL_TUNE_threads], "4");
    memset(&tune, 0, sizeof tune);
    strcpy(tune.values.text[TL_TUNE_threads], "said");
    assert_int_equal(tl_tune_decide(&resident, take, &machine, 1e9, NULL, &tune), 0);
    assert_int_equal(tune.trials[TL_TUNE_threads].n_values, 0);
    assert_string_equal(tune.trials[TL_TUNE_threads].why, "said by the user");
    assert_string_equal(tune.values.text[TL_TUNE_threads], "");
    assert_string_equal(tune.values.text[TL_TUNE_chunk], "256");
}

static void time_runs_out(void **state)
{
    static const struct speed speeds[] = {{"threads", "4", 0.5}, {0}};
    struct machine machine = {.speeds = speeds, .pause_us = 2000};
    struct tl_tune tune = {0};
    (void)state;
    assert_int_equal(tl_tune_decide(&resident, take, &machine, 0.005, NULL, &tune), 0);
    assert_true(machine.runs <= 4);
    for (int k = 0; k < TL_TUNE_SETTINGS; k++)
        assert_string_equal(tune.values.text[k], "");
    assert_string_equal(tune.trials[TL_TUNE_threads].why, "there was no time to decide");
}

static void failures(void **state)
{
    (void)state;
    for (uint32_t at = 1; at < 30; at++) {
        struct machine machine = {.fail_at = at, .noise = 0.1};
        struct tl_tune tune = {0};
        int status = tl_tune_decide(&streamed, take, &machine, 1e9, NULL, &tune);
        assert_true(status == TL_E_BUDGET || machine.runs < at);
    }
    volatile int cancel = 1;
    struct tl_progress progress = {.cancel = &cancel};
    struct machine machine = {0};
    struct tl_tune tune = {0};
    assert_int_equal(tl_tune_decide(&resident, take, &machine, 1e9, &progress, &tune), TL_E_CANCEL);
    assert_int_equal(machine.runs, 0);
}

static void applies(void **state)
{
    struct tl_tune_values values = {0};
    struct tl_engine_options options = {0}, said = {.threads = 3, .chunk = 7, .io = "uring", .policy = "lfru", .lookahead = "on"}, none = {0};
    (void)state;
    assert_int_equal(tl_tune_apply(&values, &options), 0);
    assert_memory_equal(&options, &none, sizeof options);
    for (int i = 0; i < TL_TUNE_SETTINGS; i++)
        strcpy(values.text[i], i == TL_TUNE_threads || i == TL_TUNE_chunk ? "96" : "off");
    assert_int_equal(tl_tune_apply(&values, &options), 0);
    assert_true(options.threads == 96 && options.better_chunk == 96 && options.chunk == 0);
    assert_string_equal(options.io, "off");
    assert_string_equal(options.policy, "off");
    assert_string_equal(options.lookahead, "off");
    struct tl_engine_options before = said;
    assert_int_equal(tl_tune_apply(&values, &said), 0);
    assert_memory_equal(&said, &before, sizeof said);
    strcpy(values.text[TL_TUNE_threads], "many");
    assert_int_equal(tl_tune_apply(&values, &none), TL_E_USAGE);
}

/* --- models ------------------------------------------------------------------------------------------------------- */

static const char *golden(const char *name)
{
    static char path[600];
    const char *root = getenv("TRILL_ROOT");
    snprintf(path, sizeof path, "%s/tests/golden/%s/model.gguf", root ? root : ".", name);
    return path;
}

static void tunes_models(void **state)
{
    static const struct { const char *name; struct tl_engine_options options; bool streamed, experts; } models[] = {
        {"llama", {.threads = 1}, false, false},
        {"qwen3_moe", {.threads = 2, .frames = 4, .context = 256}, true, true},
        {"glm4_moe", {.frames = 4, .trunk_bytes = 1, .context = 64, .io = "pread"}, true, true},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(models); i++) {
        struct tl_tune tune;
        memset(&tune, 0xA5, sizeof tune);
        assert_int_equal(tl_tune_model(golden(models[i].name), &models[i].options, 0.002, 60, NULL, &tune), 0);
        assert_int_equal(tune.facts.streamed, models[i].streamed);
        assert_int_equal(tune.facts.experts, models[i].experts);
        assert_true(tune.facts.prompt_tokens >= 16 && tune.facts.answer_tokens >= 4);
        assert_int_equal(tune.trials[TL_TUNE_policy].n_values > 0, models[i].experts);
        assert_int_equal(tune.trials[TL_TUNE_threads].n_values > 0, models[i].options.threads == 0);
        assert_int_equal(tune.trials[TL_TUNE_io].n_values > 0, models[i].streamed && !models[i].options.io);
        for (uint32_t v = 0; v < tune.trials[TL_TUNE_policy].n_values; v++)
            assert_true(tune.trials[TL_TUNE_policy].values[v].median > 0);
    }
}

static void bad_models(void **state)
{
    struct tl_engine_options options = {0}, small = {.context = 8}, tight = {.ram_bytes = 1 << 20};
    struct tl_tune tune;
    (void)state;
    assert_int_equal(tl_tune_model("/nowhere", &options, 0.002, 60, NULL, &tune), TL_E_IO);
    assert_int_equal(tl_tune_model(golden("llama"), &small, 0.002, 60, NULL, &tune), TL_E_USAGE);
    assert_int_equal(tl_tune_model(golden("llama"), &tight, 0.002, 60, NULL, &tune), TL_E_BUDGET);
    for (long n = 0; n < 400; n += 7) {
        tl_memory_fail_after(n);
        int status = tl_tune_model(golden("llama"), &options, 0.0005, 0, NULL, &tune);
        tl_memory_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_NOMEM || status == TL_E_BUDGET);
    }
}

struct stop { uint32_t at, n; volatile int cancel; };

static void see(void *context, const struct tl_progress *progress)
{
    struct stop *stop = context;
    (void)progress;
    stop->cancel = ++stop->n > stop->at;
}

static void stops(void **state)
{
    struct tl_engine_options options = {.threads = 1};
    int cancelled = 0;
    (void)state;
    for (uint32_t at = 0; at < 2; at++) {
        struct stop stop = {.at = at};
        struct tl_progress progress = {.watch = see, .context = &stop, .cancel = &stop.cancel};
        struct tl_tune tune;
        cancelled += tl_tune_model(golden("llama"), &options, 0.05, 60, &progress, &tune) == TL_E_CANCEL;
    }
    assert_int_equal(cancelled, 2);
}

/* A session whose driver's flag is set computes nothing, and goes on when it is not. */
static void a_flag_stops_a_session(void **state)
{
    struct tl_engine_options options = {.threads = 1, .context = 64};
    struct tl_engine *engine;
    struct tl_session *session;
    static const int32_t ids[] = {5, 6, 7};
    const float *logits;
    volatile int flag = 1;
    (void)state;
    assert_int_equal(tl_engine_open(golden("llama"), &options, &engine), 0);
    assert_int_equal(tl_session_open(engine, &session), 0);
    session->stop = &flag;
    assert_int_equal(tl_session_set(session, ids, ROWS(ids)), 0);
    assert_int_equal(tl_session_logits(session, &logits), TL_E_CANCEL);
    assert_int_equal(tl_session_logits(session, &logits), TL_E_CANCEL);
    flag = 0;
    assert_int_equal(tl_session_logits(session, &logits), 0);
    tl_session_close(session);
    tl_engine_close(engine);
}

/* A better chunk is a wish: a demand comes first, and less memory takes it back without taking context. */
static void a_better_chunk(void **state)
{
    static const struct { uint32_t chunk, better, expected; } rows[] = {{0, 0, 512}, {0, 1024, 1024}, {0, 128, 128}, {64, 1024, 64}};
    uint32_t context = 0;
    uint64_t planned = 0;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tl_engine_options options = {.threads = 1, .sessions = 4, .context = 2048, .chunk = rows[i].chunk, .better_chunk = rows[i].better};
        struct tl_engine *engine;
        assert_int_equal(tl_engine_open(golden("llama"), &options, &engine), 0);
        assert_int_equal(tl_model_limits(engine->model)->chunk, rows[i].expected);
        planned = i == 0 ? engine->fit.planned_bytes : planned;
        tl_engine_close(engine);
    }
    for (int better = 0; better < 2; better++) {
        struct tl_engine_options options = {.threads = 1, .sessions = 4, .process_bytes = 1, .better_chunk = better ? 4096 : 0};
        struct tl_engine *engine;
        options.ram_bytes = planned - planned / 8;
        int status = tl_engine_open(golden("llama"), &options, &engine);
        assert_int_equal(status, 0);
        context = better ? context : tl_model_limits(engine->model)->context;
        assert_int_equal(tl_model_limits(engine->model)->context, context);
        tl_engine_close(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides), cmocka_unit_test(builds_on_what_was_found), cmocka_unit_test(time_runs_out), cmocka_unit_test(failures),
        cmocka_unit_test(applies), cmocka_unit_test(tunes_models), cmocka_unit_test(bad_models), cmocka_unit_test(stops),
        cmocka_unit_test(a_flag_stops_a_session), cmocka_unit_test(a_better_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
