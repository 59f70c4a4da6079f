/* SPDX-License-Identifier: MIT */
/* What include/trill.h says of sessions, kept by the implementation: pointers that may be NULL, ids that do not exist, a
 * full context, more sessions than planned, cancelling, rows, loads that fail, structs of older and newer programs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "golden_file.h"
#include "trill.h"

enum { CONTEXT = 64, CHUNK = 8 };

static struct trill_model *model;
static const int32_t ids[] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
enum { IDS = sizeof ids / sizeof *ids };

static int open_model(void **state)
{
    struct trill_model_options options;
    (void)state;
    trill_model_options_init(&options, sizeof options);
    options.context = CONTEXT;
    options.chunk = CHUNK;
    options.sessions = 2;
    options.threads = 2;
    return trill_model_open(golden_file("llama/model.gguf"), &options, &model);
}

static int close_model(void **state)
{
    (void)state;
    trill_model_close(model);
    return 0;
}

static void refused(int status, int expected, const char *words)
{
    assert_int_equal(status, expected);
    if (!strstr(trill_error(), words))
        fail_msg("\"%s\" does not say \"%s\"", trill_error(), words);
}

static struct trill_session *open_session(void)
{
    struct trill_session *session = NULL;
    if (trill_session_open(model, &session) < 0)
        fail_msg("%s", trill_error());
    return session;
}

/* The answer of n tokens, greedy; to be freed. */
static int32_t *answer(struct trill_session *session, uint32_t n)
{
    struct trill_generate_options options;
    struct trill_generation generation;
    trill_generate_options_init(&options, sizeof options);
    options.max_tokens = n;
    options.temperature = 0;
    options.ignore_end = 1;
    if (trill_session_generate(session, &options, &generation, sizeof generation) < 0)
        fail_msg("%s", trill_error());
    assert_int_equal(generation.finish, TRILL_FINISH_LENGTH);
    assert_int_equal(generation.count, n);
    int32_t *copy = malloc(n * sizeof *copy);
    memcpy(copy, generation.ids, n * sizeof *copy);
    trill_generation_done(&generation);
    trill_generation_done(&generation);
    return copy;
}

struct rows { size_t count, stop_at, last; double sum; };

static int count_row(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct rows *rows = context;
    assert_true(rows->count == 0 || position == rows->last + 1);
    assert_true(vocabulary > 0 && isfinite(logits[0]));
    rows->last = position;
    rows->sum += logits[0];
    return ++rows->count == rows->stop_at;
}

/* Computing without rows changes no answer; rows come for what is not computed, and only for that. */
static void test_rows(void **state)
{
    (void)state;
    struct trill_session *session = open_session();
    struct rows all = {0}, rest = {0}, none = {0};
    assert_int_equal(trill_session_set(session, ids, IDS), 0);
    int32_t *expected = answer(session, 8);
    assert_int_equal(trill_session_set(session, NULL, 0), 0);
    assert_int_equal(trill_session_set(session, ids, IDS), 0);
    assert_int_equal(trill_session_compute(session, count_row, &all), 0);
    assert_int_equal(all.count, IDS);
    assert_int_equal(all.last, IDS - 1);
    assert_int_equal(trill_session_compute(session, count_row, &none), 0);
    assert_int_equal(none.count, 0);
    assert_int_equal(trill_session_set(session, NULL, 0), 0);
    assert_int_equal(trill_session_set(session, ids, 12), 0);
    assert_int_equal(trill_session_compute(session, NULL, NULL), 0);
    assert_int_equal(trill_session_append(session, ids + 12, IDS - 12), 0);
    assert_int_equal(trill_session_compute(session, count_row, &rest), 0);
    assert_int_equal(rest.count, IDS - 12);
    int32_t *found = answer(session, 8);
    assert_memory_equal(found, expected, 8 * sizeof *found);
    free(found);
    free(expected);
    trill_session_close(session);
}

/* A row that stops, and a cancel before the call: what was computed stays, and the next call goes on to the same end. */
static void test_cancelling(void **state)
{
    (void)state;
    struct trill_session *session = open_session();
    struct rows all = {0}, some = {.stop_at = 3}, rest = {0};
    struct trill_generation generation;
    trill_session_set(session, ids, IDS);
    assert_int_equal(trill_session_compute(session, count_row, &all), 0);
    trill_session_set(session, NULL, 0);
    trill_session_set(session, ids, IDS);
    refused(trill_session_compute(session, count_row, &some), TRILL_CANCELLED, "interrupted");
    assert_int_equal(some.count, 3);
    assert_int_equal(trill_session_compute(session, count_row, &rest), 0);
    assert_int_equal(rest.count, IDS - CHUNK);
    trill_session_set(session, NULL, 0);
    trill_session_set(session, ids, IDS);
    trill_session_cancel(session);
    assert_int_equal(trill_session_compute(session, NULL, NULL), TRILL_CANCELLED);
    assert_int_equal(trill_session_compute(session, NULL, NULL), 0);
    trill_session_append(session, ids, 1);
    trill_session_cancel(session);
    assert_int_equal(trill_session_generate(session, NULL, &generation, sizeof generation), TRILL_OK);
    assert_int_equal(generation.finish, TRILL_FINISH_CANCELLED);
    assert_int_equal(generation.count, 0);
    trill_generation_done(&generation);
    trill_session_close(session);
}

static void test_ids(void **state)
{
    (void)state;
    static const int32_t bad[][3] = {{5, 1 << 20, 6}, {-1, 5, 6}, {5, 6, INT32_MIN}, {INT32_MAX, 5, 6}};
    struct trill_session *session = open_session();
    const int32_t *held;
    size_t count;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(trill_session_set(session, bad[i], 3), 0);
        assert_int_equal(trill_session_compute(session, NULL, NULL), TRILL_USAGE);
        assert_int_equal(trill_session_compute(session, NULL, NULL), TRILL_USAGE);
    }
    assert_int_equal(trill_session_set(session, ids, IDS), 0);
    assert_int_equal(trill_session_compute(session, NULL, NULL), 0);
    assert_int_equal(trill_session_ids(session, &held, &count), 0);
    assert_int_equal(count, IDS);
    assert_memory_equal(held, ids, sizeof ids);
    trill_session_close(session);
}

/* A sequence longer than the context is refused without effect; an answer ends where the context is full. */
static void test_full_context(void **state)
{
    (void)state;
    struct trill_session *session = open_session();
    struct trill_generate_options options;
    struct trill_generation generation;
    int32_t many[CONTEXT + 1];
    const int32_t *held;
    size_t count;
    for (int i = 0; i < CONTEXT + 1; i++)
        many[i] = 5 + i % 20;
    assert_int_equal(trill_session_set(session, ids, IDS), 0);
    refused(trill_session_set(session, many, CONTEXT + 1), TRILL_USAGE, "do not fit in the context of 64 tokens");
    refused(trill_session_append(session, many, CONTEXT), TRILL_USAGE, "do not fit in the context");
    refused(trill_session_set(session, many, SIZE_MAX), TRILL_USAGE, "do not fit");
    refused(trill_session_append(session, many, SIZE_MAX), TRILL_USAGE, "do not fit");
    trill_session_ids(session, &held, &count);
    assert_int_equal(count, IDS);
    trill_generate_options_init(&options, sizeof options);
    options.ignore_end = 1;
    assert_int_equal(trill_session_generate(session, &options, &generation, sizeof generation), 0);
    assert_int_equal(generation.finish, TRILL_FINISH_CONTEXT);
    assert_int_equal(generation.count, CONTEXT - IDS);
    trill_generation_done(&generation);
    trill_session_ids(session, &held, &count);
    assert_int_equal(count, CONTEXT);
    trill_session_close(session);
}

static void test_open(void **state)
{
    (void)state;
    struct trill_session *first = open_session(), *second = NULL, *third = NULL;
    struct trill_model *words = NULL;
    struct trill_model_options options;
    struct trill_generation generation = {0};
    refused(trill_session_generate(first, NULL, &generation, sizeof generation), TRILL_USAGE, "empty");
    trill_session_set(first, ids, IDS);
    assert_int_equal(trill_session_fork(first, &second), 0);
    refused(trill_session_open(model, &third), TRILL_BUDGET, "2 sessions are open");
    refused(trill_session_fork(first, &third), TRILL_BUDGET, "2 sessions are open");
    assert_null(third);
    int32_t *one = answer(first, 6), *other = answer(second, 6);
    assert_memory_equal(one, other, 6 * sizeof *one);
    free(one);
    free(other);
    trill_session_close(second);
    trill_session_close(first);
    trill_model_options_init(&options, sizeof options);
    options.vocabulary_only = 1;
    assert_int_equal(trill_model_open(golden_file("llama/model.gguf"), &options, &words), 0);
    refused(trill_session_open(words, &third), TRILL_USAGE, "vocabulary only");
    trill_model_close(words);
    trill_session_close(NULL);
    trill_model_close(NULL);
    trill_free(NULL);
    trill_generation_done(&generation);
}

static void test_load(void **state)
{
    (void)state;
    char path[] = "/tmp/trill-state-XXXXXX";
    struct trill_session *session = open_session();
    const int32_t *held;
    size_t count;
    FILE *file = fdopen(mkstemp(path), "wb");
    fputs("nothing like a state", file);
    fclose(file);
    trill_session_set(session, ids, IDS);
    assert_true(trill_session_load(session, path) < 0);
    assert_non_null(strstr(trill_error(), path));
    trill_session_ids(session, &held, &count);
    assert_int_equal(count, 0);
    trill_session_set(session, ids, IDS);
    trill_session_compute(session, NULL, NULL);
    assert_int_equal(trill_session_save(session, path), 0);
    int32_t *expected = answer(session, 6);
    trill_session_set(session, NULL, 0);
    assert_int_equal(trill_session_load(session, path), 0);
    trill_session_ids(session, &held, &count);
    assert_int_equal(count, IDS);
    int32_t *found = answer(session, 6);
    assert_memory_equal(found, expected, 6 * sizeof *found);
    free(found);
    free(expected);
    assert_int_equal(truncate(path, 100), 0);
    assert_true(trill_session_load(session, path) < 0);
    assert_true(trill_session_save(session, "/nonexistent/folder/state") < 0);
    trill_session_close(session);
    unlink(path);
}

/* Programs built against a shorter or a longer struct. */
static void test_sizes(void **state)
{
    (void)state;
    struct { struct trill_model_figures known; char newer[32]; } figures;
    struct trill_model_options options;
    struct trill_model *opened = NULL;
    memset(&figures, 0xee, sizeof figures);
    assert_int_equal(trill_model_figures(model, &figures.known, sizeof figures), 0);
    assert_int_equal(figures.known.size, sizeof figures);
    assert_true(figures.known.vocabulary > 0 && figures.known.context == CONTEXT);
    for (size_t i = 0; i < sizeof figures.newer; i++)
        assert_int_equal(figures.newer[i], 0);
    memset(&figures, 0xee, sizeof figures);
    size_t older = offsetof(struct trill_model_figures, peak_bytes);
    assert_int_equal(trill_model_figures(model, &figures.known, older), 0);
    assert_int_equal(figures.known.size, older);
    assert_int_equal(((unsigned char *)&figures)[older], 0xee);
    trill_model_options_init(&options, sizeof options);
    options.size = offsetof(struct trill_model_options, chunk);      /* what lies behind is not looked at */
    options.chunk = 0xeeeeeeee;
    options.cpu = "nonsense";
    options.context = 32;
    assert_int_equal(trill_model_open(golden_file("llama/model.gguf"), &options, &opened), 0);
    assert_int_equal(trill_model_figures(opened, &figures.known, sizeof figures.known), 0);
    assert_int_equal(figures.known.context, 32);
    trill_model_close(opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_cancelling), cmocka_unit_test(test_ids), cmocka_unit_test(test_full_context),
        cmocka_unit_test(test_open), cmocka_unit_test(test_load), cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
