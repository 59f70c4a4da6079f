/* SPDX-License-Identifier: MIT */
/* Answers and what they tell on their way: guides, likelihoods, the echoed prompt, progress, stops in mid-flight; many at a
 * time as alone; one that fails, is slow or is cancelled leaves the others as they are. */
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "base/memory.h"
#include "engine/generate.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"

enum { CONTEXT = 512, VOCAB = 320, MOST = 256, STREAMS = 8 };

static struct tl_engine *open_engine(const char *model, uint32_t sessions, uint32_t chunk)
{
    struct tl_engine *engine;
    struct tl_engine_options options = {.threads = 2, .context = CONTEXT, .sessions = sessions, .chunk = chunk, .kv = "f32"};
    must(tl_engine_open(golden_file("%s/model.gguf", model), &options, &engine));
    return engine;
}

/* What an answer told. */
struct told {
    struct tl_session *session;
    int32_t ids[MOST];
    float logprob[MOST];
    float second[MOST];
    uint32_t n, n_prompt, n_progress, last_done, reused, stop_at, n_text, slow_ms;
    char text[4096];
    float echoed[CONTEXT];
    int status;
    struct tl_answer answer;
    struct tl_generate how;
    int32_t prompt[CONTEXT];
    uint32_t n_ids;
};

static int on_token(void *context, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    struct told *told = context;
    assert_true(told->n < MOST);
    told->ids[told->n] = id;
    if (n_seen) {
        assert_int_equal(seen[0].id, id);
        told->logprob[told->n] = seen[0].logprob;
        for (uint32_t k = 2; k < n_seen; k++)
            assert_true(seen[k].logprob <= seen[k - 1].logprob);
        told->second[told->n] = n_seen > 2 ? seen[2].logprob : 0;
    }
    told->n++;
    if (told->slow_ms)
        nanosleep(&(struct timespec){0, 1000000L * told->slow_ms}, NULL);
    return told->n == told->stop_at;
}

static int on_prompt(void *context, uint32_t place, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    struct told *told = context;
    assert_int_equal(place, told->n_prompt++);
    assert_int_equal(id, told->prompt[place]);
    assert_int_equal(n_seen, place ? 3 : 0);
    told->echoed[place] = place ? seen[0].logprob : 0;
    return 0;
}

static int on_progress(void *context, uint32_t done, uint32_t total, uint32_t reused)
{
    struct told *told = context;
    assert_true(done > told->last_done && done <= total && total == told->n_ids);
    told->n_progress++;
    told->last_done = done;
    told->reused = reused;
    return 0;
}

static int on_text(void *context, const char *bytes, size_t n_bytes)
{
    struct told *told = context;
    assert_true(told->n_text + n_bytes < sizeof(told->text));
    memcpy(told->text + told->n_text, bytes, n_bytes);
    told->n_text += (uint32_t)n_bytes;
    return 0;
}

static void prepare(struct told *told, struct tl_engine *engine, uint32_t n_ids, uint32_t kind)
{
    *told = (struct told){.n_ids = n_ids};
    for (uint32_t i = 0; i < n_ids; i++)
        told->prompt[i] = (int32_t)(5 + (i * 37 + kind * 101) % 200);
    tl_sampling_default(&told->how.sampling);
    told->how.sampling.seed = kind;
    told->how.max_tokens = 60;
    told->how.ignore_end = told->how.show_special = true;
    told->how.token = on_token;
    told->how.text = on_text;
    told->how.context = told;
    must(tl_session_open(engine, &told->session));
}

static void *run(void *context)
{
    struct told *told = context;
    must(tl_session_set(told->session, told->prompt, told->n_ids));
    told->status = tl_generate(told->session, &told->how, &told->answer);
    return NULL;
}

static void done(struct told *told)
{
    tl_buffer_done(&told->answer.text);
    tl_session_close(told->session);
}

/* --- likelihoods ------------------------------------------------------------------------------------------------------------ */

static float rows[CONTEXT][VOCAB];

static int keep(void *context, uint32_t place, const float *logits)
{
    (void)context;
    memcpy(rows[place], logits, sizeof(rows[place]));
    return 0;
}

static float logprob_of(const float *logits, int32_t id)
{
    double sum = 0;
    for (int i = 0; i < VOCAB; i++)
        sum += exp((double)logits[i]);
    return (float)((double)logits[id] - log(sum));
}

static void test_likelihoods(void **state)
{
    (void)state;
    struct told told, plain;
    for (uint32_t chunk = 16; chunk <= 256; chunk *= 4) {
        struct tl_engine *engine = open_engine("llama", 2, chunk);
        assert_int_equal(tl_model_geometry(engine->model)->vocab, VOCAB);
        prepare(&plain, engine, 150, 1);
        run(&plain);
        prepare(&told, engine, 150, 1);
        told.how.logprobs = told.how.echo = true;
        told.how.top_logprobs = 2;
        told.how.prompt = on_prompt;
        told.how.progress = on_progress;
        run(&told);
        must(told.status);
        assert_int_equal(told.n, 60);
        assert_int_equal(told.answer.reused_tokens, 0);
        assert_memory_equal(told.ids, plain.ids, sizeof(plain.ids));
        assert_int_equal(told.n_prompt, 150);
        assert_int_equal(told.last_done, 150);
        assert_true(told.n_progress >= 1 && told.n_progress <= (150 + chunk - 1) / chunk);
        must(tl_session_set(plain.session, NULL, 0));
        must(tl_session_set(plain.session, told.session->ids, 210));
        must(tl_session_compute(plain.session, keep, NULL));
        for (uint32_t i = 1; i < 150; i++)
            assert_true(fabsf(told.echoed[i] - logprob_of(rows[i - 1], told.prompt[i])) < 1e-4f);
        for (uint32_t i = 0; i < 60; i++)
            assert_true(fabsf(told.logprob[i] - logprob_of(rows[149 + i], told.ids[i])) < 1e-4f);
        done(&told);
        done(&plain);
        tl_engine_close(engine);
    }
}

static void test_prompt_only(void **state)
{
    (void)state;
    struct told told;
    struct tl_engine *engine = open_engine("llama", 1, 32);
    prepare(&told, engine, 100, 2);
    told.how.prompt_only = told.how.echo = told.how.logprobs = true;
    told.how.top_logprobs = 2;
    told.how.prompt = on_prompt;
    run(&told);
    must(told.status);
    assert_int_equal(told.n_prompt, 100);
    assert_int_equal(told.n, 0);
    assert_int_equal(told.answer.n_ids, 0);
    assert_int_equal(told.session->n_ids, 100);
    told.how.echo = false;                   /* nothing is left to compute, and nothing is taken for it */
    tl_buffer_done(&told.answer.text);
    must(tl_generate(told.session, &told.how, &told.answer));
    assert_int_equal(told.answer.reused_tokens, 100);
    assert_true(told.answer.share.step_seconds == 0 && told.answer.share.memory_bytes == 0);
    done(&told);
    tl_engine_close(engine);
}

/* --- guides ----------------------------------------------------------------------------------------------------------------- */

/* Only ids of one remainder, the next one after each, then an end. */
struct remainder { struct tl_guide guide; int32_t of, taken, most; uint32_t left; };

static int allow(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    struct remainder *r = (struct remainder *)guide;
    r->left = left;
    memset(allowed, 0, (VOCAB + 63) / 64 * 8);
    for (int32_t id = r->of; id < 200; id += 7)
        allowed[id / 64] |= UINT64_C(1) << id % 64;
    return 1;
}

static int take(struct tl_guide *guide, int32_t id)
{
    struct remainder *r = (struct remainder *)guide;
    assert_int_equal(id % 7, r->of);
    r->of = (r->of + 1) % 7;
    return ++r->taken < r->most;
}

static void test_guide(void **state)
{
    (void)state;
    struct told told;
    struct tl_engine *engine = open_engine("llama", 2, 32);
    for (int greedy = 0; greedy < 2; greedy++) {
        struct remainder r = {{allow, take, NULL}, 3, 0, 30, 0};
        prepare(&told, engine, 40, 3);
        told.how.guide = &r.guide;
        if (greedy)
            told.how.sampling.temperature = 0;
        run(&told);
        must(told.status);
        assert_int_equal(told.answer.finish, TL_FINISH_STOP);
        assert_int_equal(told.n, 30);
        assert_int_equal(r.left, 60 - 29);
        for (uint32_t i = 0; i < told.n; i++)
            assert_int_equal(told.ids[i] % 7, (3 + i) % 7);
        done(&told);
    }
    tl_engine_close(engine);
}

static int fail_to_allow(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    (void)guide, (void)allowed;
    return left == 50 ? tl_fail(TL_E_USAGE, "the guide is at its end") : 0;
}

static int take_any(struct tl_guide *guide, int32_t id)
{
    (void)guide, (void)id;
    return 1;
}

/* --- stops ------------------------------------------------------------------------------------------------------------------ */

static void assert_cut(const struct told *told, const struct told *whole, uint32_t n)
{
    assert_int_equal(told->answer.n_ids, n);
    assert_int_equal(told->session->n_ids, told->n_ids + n);
    assert_true(told->session->state->length <= told->session->n_ids);
    assert_memory_equal(told->session->ids + told->n_ids, whole->ids, n * sizeof(int32_t));
    assert_memory_equal(told->text, whole->text, told->n_text);
}

/* Tokens that were drawn ahead of a stop are taken back, and the session goes on as if they had never been. */
static void test_stops(void **state)
{
    (void)state;
    static const char *const names[] = {"llama", "gemma3", "qwen3_5"};
    static struct told whole, told, on;
    for (int m = 0; m < 3; m++) {
        struct tl_engine *engine = open_engine(names[m], 3, 64);
        prepare(&whole, engine, 90, 4);
        run(&whole);
        for (uint32_t at = 1; at < 60; at += 19) {
            char stop[2] = {0};
            const char *stops[] = {stop};
            prepare(&told, engine, 90, 4);
            told.stop_at = at;
            run(&told);
            must(told.status);
            assert_int_equal(told.answer.finish, TL_FINISH_CANCELLED);
            assert_cut(&told, &whole, at);
            told.how.max_tokens = 60 - at;               /* goes on where it was stopped */
            told.stop_at = 0;
            tl_buffer_done(&told.answer.text);
            must(tl_generate(told.session, &told.how, &told.answer));
            assert_int_equal(told.n, 60);
            assert_memory_equal(told.ids, whole.ids, 60 * sizeof(int32_t));
            done(&told);
            prepare(&on, engine, 90, 4);
            stop[0] = whole.text[whole.n_text / 60 * at];
            on.how.stop = stops;
            on.how.n_stop = 1;
            run(&on);
            must(on.status);
            assert_int_equal(on.answer.finish, TL_FINISH_STOP);
            assert_null(memchr(on.text, stop[0], on.n_text));
            assert_cut(&on, &whole, on.n);
            done(&on);
        }
        done(&whole);
        tl_engine_close(engine);
    }
}

/* --- many ------------------------------------------------------------------------------------------------------------------- */

static int fail_row(void *context, uint32_t place, const float *logits)
{
    (void)context, (void)logits;
    return place == 20;
}

static void *compute_badly(void *context)
{
    struct told *told = context;
    must(tl_session_set(told->session, told->prompt, told->n_ids));
    told->status = tl_session_compute(told->session, fail_row, NULL);
    return NULL;
}

/* Each does what it does alone, whatever happens beside it: slow readers, a bad id, a failing guide, a row refused, a cancel. */
static void test_many(void **state)
{
    (void)state;
    static struct told alone[STREAMS], many[STREAMS];
    struct tl_guide failing = {fail_to_allow, take_any, NULL};
    pthread_t threads[STREAMS];
    struct tl_engine *engine = open_engine("llama", STREAMS, 32);
    for (uint32_t i = 0; i < STREAMS; i++) {
        struct tl_engine *one = open_engine("llama", 1, 512);
        prepare(&alone[i], one, 10 + 40 * i, i);
        run(&alone[i]);
        done(&alone[i]);
        tl_engine_close(one);
        prepare(&many[i], engine, 10 + 40 * i, i);
    }
    many[1].slow_ms = 2;
    many[2].prompt[7] = VOCAB;
    many[3].how.guide = &failing;
    many[5].stop_at = 9;
    for (int i = 0; i < STREAMS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i == 4 ? compute_badly : run, &many[i]), 0);
    for (int i = 0; i < STREAMS; i++) {
        pthread_join(threads[i], NULL);
        const int expected[STREAMS] = {[2] = TL_E_USAGE, [3] = TL_E_USAGE, [4] = TL_E_CANCEL};
        assert_int_equal(many[i].status, expected[i]);
        if (i == 2 || i == 4)
            assert_int_equal(many[i].n, 0);
        else
            assert_memory_equal(many[i].ids, alone[i].ids, (i == 3 ? 10 : i == 5 ? 9 : 60) * sizeof(int32_t));
        if (i < 2)
            assert_true(many[i].answer.share.step_seconds > 0 && many[i].answer.share.memory_bytes > 0);
        done(&many[i]);
    }
    tl_engine_close(engine);
}

/* A reader who is too slow holds its own answer up, and no longer than it must. */
static void test_ahead(void **state)
{
    (void)state;
    static struct told slow, quick;
    struct tl_engine *engine = open_engine("llama", 2, 32);
    pthread_t thread;
    prepare(&slow, engine, 20, 1);
    prepare(&quick, engine, 20, 2);
    slow.slow_ms = 5;
    quick.how.max_tokens = 200;
    assert_int_equal(pthread_create(&thread, NULL, run, &slow), 0);
    run(&quick);
    assert_int_equal(quick.n, 200);
    pthread_join(thread, NULL);
    assert_int_equal(slow.n, 60);
    done(&slow);
    done(&quick);
    tl_engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_likelihoods), cmocka_unit_test(test_prompt_only), cmocka_unit_test(test_guide), cmocka_unit_test(test_stops),
        cmocka_unit_test(test_many), cmocka_unit_test(test_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
