/* SPDX-License-Identifier: MIT */
/* Many sessions of one model, driven from many threads at once: every answer equals the one that a lone session gives;
 * cancelling one leaves the others as they are; forks and saved sessions go on with the same bits. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "golden_file.h"
#include "trill.h"

enum { SESSIONS = 5, TOKENS = 24 };

struct worker { struct trill_session *session; int32_t prompt[40]; size_t n_prompt; int32_t ids[TOKENS]; size_t n; int status, cancel_at; };

static struct trill_model *open_model(uint32_t sessions)
{
    struct trill_model_options options;
    struct trill_model *model;
    trill_model_options_init(&options, sizeof(options));
    options.threads = 2;
    options.chunk = 16;
    options.sessions = sessions;
    if (trill_model_open(golden_file("gemma3/model.gguf"), &options, &model) < 0)
        fail_msg("%s", trill_error());
    return model;
}

static int on_text(void *context, const char *bytes, size_t n_bytes)
{
    struct worker *w = context;
    (void)bytes;
    (void)n_bytes;
    if (w->cancel_at > 0 && --w->cancel_at == 0)
        trill_session_cancel(w->session);
    return 0;
}

static void *work(void *context)
{
    struct worker *w = context;
    struct trill_generate_options how;
    struct trill_generation g;
    trill_generate_options_init(&how, sizeof(how));
    how.max_tokens = TOKENS;
    how.ignore_end = 1;
    how.seed = 7;
    how.flags = TRILL_SPECIAL;
    how.text = on_text;
    how.context_pointer = w;
    w->status = trill_session_set(w->session, w->prompt, w->n_prompt);
    if (w->status >= 0)
        w->status = trill_session_generate(w->session, &how, &g, sizeof(g));
    if (w->status >= 0) {
        w->n = g.count;
        w->status = (int)g.finish;
        memcpy(w->ids, g.ids, g.count * sizeof(*g.ids));
        trill_generation_done(&g);
    }
    return NULL;
}

static void fill_prompt(struct worker *w, int i)
{
    w->n_prompt = 3 + 8 * (size_t)i;
    for (size_t k = 0; k < w->n_prompt; k++)
        w->prompt[k] = (int32_t)(10 + (k * 37 + (size_t)i * 11) % 200);
}

static void test_together_as_alone(void **state)
{
    (void)state;
    struct worker alone[SESSIONS] = { 0 }, together[SESSIONS] = { 0 };
    pthread_t threads[SESSIONS];
    struct trill_model *model = open_model(SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        fill_prompt(&alone[i], i);
        assert_int_equal(trill_session_open(model, &alone[i].session), 0);
        work(&alone[i]);
        trill_session_close(alone[i].session);
    }
    for (int i = 0; i < SESSIONS; i++) {
        fill_prompt(&together[i], i);
        together[i].cancel_at = i == 2 ? 5 : 0;
        assert_int_equal(trill_session_open(model, &together[i].session), 0);
    }
    for (int i = 0; i < SESSIONS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &together[i]), 0);
    for (int i = 0; i < SESSIONS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(together[i].status, i == 2 ? TRILL_FINISH_CANCELLED : TRILL_FINISH_LENGTH);
        assert_memory_equal(together[i].ids, alone[i].ids, together[i].n * sizeof(int32_t));
        assert_true(i == 2 ? together[i].n < TOKENS : together[i].n == TOKENS);
    }
    for (int i = 0; i < SESSIONS; i++)
        trill_session_close(together[i].session);
    trill_model_close(model);
}

static void test_one_too_many(void **state)
{
    (void)state;
    struct trill_session *first, *second;
    struct trill_model *model = open_model(1);
    assert_int_equal(trill_session_open(model, &first), 0);
    assert_int_equal(trill_session_open(model, &second), TRILL_BUDGET);
    trill_session_close(first);
    trill_model_close(model);
}

static int keep_last(void *context, size_t position, const float *logits, size_t vocabulary)
{
    (void)position;
    memcpy(context, logits, vocabulary * sizeof(float));
    return 0;
}

static void test_fork_and_file(void **state)
{
    (void)state;
    enum { VOCAB = 1024 };
    static float expected[VOCAB], other[VOCAB];
    struct trill_session *session, *fork;
    struct worker w;
    char path[] = "/tmp/trill-session-XXXXXX";
    struct trill_model *model = open_model(2);
    const int32_t more[] = { 21, 22, 23 };
    fill_prompt(&w, 4);
    close(mkstemp(path));
    assert_int_equal(trill_session_open(model, &session), 0);
    assert_int_equal(trill_session_set(session, w.prompt, w.n_prompt), 0);
    assert_int_equal(trill_session_compute(session, NULL, NULL), 0);
    assert_int_equal(trill_session_save(session, path), 0);
    assert_int_equal(trill_session_fork(session, &fork), 0);
    assert_int_equal(trill_session_append(session, more, 3), 0);
    assert_int_equal(trill_session_compute(session, keep_last, expected), 0);
    assert_int_equal(trill_session_append(fork, more, 3), 0);
    assert_int_equal(trill_session_compute(fork, keep_last, other), 0);
    assert_memory_equal(expected, other, sizeof(expected));
    memset(other, 0, sizeof(other));
    assert_int_equal(trill_session_load(fork, path), 0);
    assert_int_equal(trill_session_append(fork, more, 3), 0);
    assert_int_equal(trill_session_compute(fork, keep_last, other), 0);
    assert_memory_equal(expected, other, sizeof(expected));
    unlink(path);
    trill_session_close(fork);
    trill_session_close(session);
    trill_model_close(model);
}

/* --- a crowd ---------------------------------------------------------------------------------------------------------------- */

enum { CROWD = 6, ROUNDS = 40, KINDS = 5, LONGEST = 400 };

struct visitor { struct trill_model *model; unsigned seed; int32_t (*expected)[TOKENS]; int failed; };

static size_t fill_kind(int32_t *ids, unsigned kind)
{
    size_t n = kind == 0 ? 5 : 50 * kind - 7;
    for (size_t k = 0; k < n; k++)
        ids[k] = (int32_t)(10 + (k * 37 + (k > 45 * kind ? kind * 11 : 0)) % 200);
    return n;
}

static int stop_now(void *context, const char *bytes, size_t n_bytes)
{
    (void)bytes;
    (void)n_bytes;
    return --*(int *)context == 0;
}

static int generate(struct trill_session *session, unsigned kind, int stop_at, struct trill_generation *g)
{
    int32_t ids[LONGEST];
    struct trill_generate_options how;
    trill_generate_options_init(&how, sizeof(how));
    how.max_tokens = TOKENS;
    how.ignore_end = 1;
    how.seed = 7;
    how.flags = TRILL_SPECIAL;
    how.text = stop_at ? stop_now : NULL;
    how.context_pointer = &stop_at;
    size_t n = fill_kind(ids, kind);
    int status = trill_session_set(session, ids, n);
    return status < 0 ? status : trill_session_generate(session, &how, g, sizeof(*g));
}

static void *cancel_soon(void *context)
{
    usleep(300);
    trill_session_cancel(context);
    return NULL;
}

/* One answer, whole, stopped or cancelled: what there is of it is right. */
static int visit(struct visitor *v, struct trill_session *session)
{
    unsigned kind = (unsigned)rand_r(&v->seed) % KINDS, how = (unsigned)rand_r(&v->seed) % 4;
    struct trill_generation g = { 0 };
    pthread_t other;
    if (how == 3 && pthread_create(&other, NULL, cancel_soon, session) != 0)
        how = 0;
    int status = generate(session, kind, how == 1 ? 1 + (int)(kind * 3) : how == 2 ? 1000 : 0, &g);
    if (how == 3)
        pthread_join(other, NULL);
    int wrong = status < 0 || memcmp(g.ids, v->expected[kind], g.count * sizeof(int32_t)) != 0 || (how % 2 == 0 && g.finish != TRILL_FINISH_CANCELLED && g.count != TOKENS);
    trill_generation_done(&g);
    return wrong;
}

static void *visit_all(void *context)
{
    struct visitor *v = context;
    struct trill_session *session = NULL, *fork;
    for (int i = 0; i < ROUNDS && !v->failed; i++) {
        if (!session && trill_session_open(v->model, &session) < 0)
            v->failed = 1;
        else
            v->failed = visit(v, session);
        if (i % 7 == 3 && trill_session_fork(session, &fork) >= 0) {
            v->failed |= visit(v, fork);
            trill_session_close(fork);
        }
        if (rand_r(&v->seed) % 3 == 0) {
            trill_session_close(session);
            session = NULL;
        }
    }
    trill_session_close(session);
    return NULL;
}

static void test_crowd(void **state)
{
    (void)state;
    static int32_t expected[KINDS][TOKENS];
    struct visitor visitors[CROWD];
    pthread_t threads[CROWD];
    struct trill_session *session;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct trill_generation g;
        struct trill_model *alone = open_model(1);
        assert_int_equal(trill_session_open(alone, &session), 0);
        assert_int_equal(generate(session, kind, 0, &g), 0);
        memcpy(expected[kind], g.ids, sizeof(expected[kind]));
        trill_generation_done(&g);
        trill_session_close(session);
        trill_model_close(alone);
    }
    struct trill_model *model = open_model(2 * CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        visitors[i] = (struct visitor){ .model = model, .seed = i + 1, .expected = expected };
        assert_int_equal(pthread_create(&threads[i], NULL, visit_all, &visitors[i]), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(visitors[i].failed, 0);
    }
    trill_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together_as_alone), cmocka_unit_test(test_one_too_many), cmocka_unit_test(test_fork_and_file),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
