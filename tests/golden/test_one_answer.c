/* SPDX-License-Identifier: MIT */
/* Contract 1: the same bits for every level, number of threads, chunk, and company in a step. Each golden model runs in
 * many ways; every way must give the logits of the first one, bit for bit. TRILL_FAST: only half of the ways, in f16. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cases.h"
#include "trill.h"

struct way { const char *cpu; uint32_t threads, chunk, sessions; const char *kv; };

struct run { struct trill_session *session; const struct golden *golden; float *logits; int status; };

static int keep(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct run *run = context;
    memcpy(run->logits + position * vocabulary, logits, vocabulary * sizeof(float));
    return 0;
}

static void *drive(void *context)
{
    struct run *run = context;
    run->status = trill_session_set(run->session, run->golden->ids, run->golden->n_ids);
    if (run->status >= 0)
        run->status = trill_session_compute(run->session, keep, run);
    return NULL;
}

static size_t n_floats(const struct golden *golden) { return golden->n_ids * golden->vocab; }

/* Runs the ids in way->sessions sequences at once; all must equal `expected`, or fill it where it is empty. */
static void run_way(const struct golden *golden, const struct way *way, float *expected, int *have)
{
    struct trill_model_options options;
    struct trill_model *model;
    struct run runs[8];
    pthread_t threads[8];
    trill_model_options_init(&options, sizeof(options));
    options.cpu = way->cpu;
    options.threads = way->threads;
    options.chunk = way->chunk;
    options.sessions = way->sessions;
    options.kv = way->kv;
    if (trill_model_open(golden->gguf[0] ? golden->gguf : golden->folder, &options, &model) < 0)
        fail_msg("%s", trill_error());
    for (uint32_t i = 0; i < way->sessions; i++) {
        runs[i] = (struct run){ .golden = golden, .logits = malloc(n_floats(golden) * sizeof(float)) };
        assert_int_equal(trill_session_open(model, &runs[i].session), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, drive, &runs[i]), 0);
    }
    for (uint32_t i = 0; i < way->sessions; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(runs[i].status, 0);
        if (!*have)
            memcpy(expected, runs[i].logits, n_floats(golden) * sizeof(float));
        *have = 1;
        if (memcmp(expected, runs[i].logits, n_floats(golden) * sizeof(float)) != 0)
            fail_msg("%s: other bits with cpu %s, %u threads, chunks of %u, sequence %u of %u", golden->name, way->cpu, way->threads,
                     way->chunk, i, way->sessions);
        trill_session_close(runs[i].session);
        free(runs[i].logits);
    }
    trill_model_close(model);
}

static void test_case(const struct golden *golden)
{
    static const char *const kvs[] = { "f32", "f16", "bf16" };
    bool fast = getenv("TRILL_FAST");
    float *expected = malloc(n_floats(golden) * sizeof(float));
    for (int k = fast; k < 3 - fast; k++) {
        int have = 0;
        char levels[64];
        snprintf(levels, sizeof(levels), "%s", trill_cpu_levels());
        for (char *rest = levels, *level; (level = strtok_r(rest, " ", &rest));) {
            const struct way ways[] = {
                { level, 1, 512, 1, kvs[k] }, { level, 2, 7, 1, kvs[k] }, { level, 2, 64, 3, kvs[k] }, { level, 1, 1, 1, kvs[k] },
            };
            for (size_t i = fast; i < sizeof(ways) / sizeof(ways[0]) - fast; i++)
                run_way(golden, &ways[i], expected, &have);
        }
    }
    free(expected);
}

static void test_all(void **state)
{
    (void)state;
    assert_true(golden_each_own(test_case) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
