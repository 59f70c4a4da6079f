/* SPDX-License-Identifier: MIT */
/* Texts as vectors: near those of transformers, of length 1, the same bits for any chunk, beside others, resident or
 * streamed; and the session goes on behind them as behind any prompt. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/generate.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"

enum { MOST_IDS = 256, MOST_WIDTH = 512 };
static const char *const models[] = {"llama", "gemma3", "qwen3_5"};
enum { MODELS = sizeof(models) / sizeof(*models) };

struct given { int32_t ids[MOST_IDS]; size_t n; };

static void read_ids(const char *model, struct given *given)
{
    char *text, *at;
    size_t n_bytes;
    must(tl_file_slurp(golden_file("%s/tokens.json", model), 1 << 16, &text, &n_bytes));
    given->n = 0;
    for (at = text; (at = strpbrk(at, "0123456789")) && given->n < MOST_IDS;)
        given->ids[given->n++] = (int32_t)strtol(at, &at, 10);
    tl_free(text);
}

static void read_expected(const char *model, float *vector, uint32_t width)
{
    char *bytes;
    size_t n_bytes, data = width * sizeof(float);
    must(tl_file_slurp(golden_file("%s/embedding.npy", model), 1 << 16, &bytes, &n_bytes));
    assert_true(n_bytes > data);
    memcpy(vector, bytes + n_bytes - data, data);
    tl_free(bytes);
}

static struct tl_engine *open_engine(const char *model, uint32_t chunk, uint32_t sessions, uint64_t trunk_bytes)
{
    struct tl_engine *engine;
    struct tl_engine_options options = {.threads = 2, .context = 512, .sessions = sessions, .chunk = chunk, .kv = "f32", .trunk_bytes = trunk_bytes,
                                        .drafts = "off"};
    must(tl_engine_open(golden_file("%s/model.gguf", model), &options, &engine));
    return engine;
}

static uint32_t width_of(const struct tl_engine *engine) { return tl_model_geometry(engine->model)->width; }

static void embed(struct tl_engine *engine, const struct given *given, float *vector)
{
    struct tl_session *session;
    must(tl_session_open(engine, &session));
    must(tl_session_embed(session, given->ids, given->n, vector));
    tl_session_close(session);
}

static void test_near(void **state)
{
    (void)state;
    float found[MOST_WIDTH], expected[MOST_WIDTH];
    struct given given;
    for (int m = 0; m < MODELS; m++) {
        struct tl_engine *engine = open_engine(models[m], 16, 1, 0);
        double product = 0, length = 0;
        read_ids(models[m], &given);
        read_expected(models[m], expected, width_of(engine));
        embed(engine, &given, found);
        for (uint32_t i = 0; i < width_of(engine); i++) {
            product += (double)found[i] * (double)expected[i];
            length += (double)found[i] * (double)found[i];
        }
        assert_true(fabs(length - 1) < 1e-6);
        assert_true(product > 0.9999);
        tl_engine_close(engine);
    }
}

static void test_chunks(void **state)
{
    (void)state;
    float one[MOST_WIDTH], other[MOST_WIDTH];
    struct given given;
    for (int m = 0; m < MODELS; m++) {
        read_ids(models[m], &given);
        for (uint32_t chunk = 8; chunk <= 128; chunk += 40) {
            bool streamed = chunk == 48 && m == 0;
            struct tl_engine *engine = open_engine(models[m], chunk, 2, streamed);
            assert_true(streamed == (tl_store_passing_bytes(tl_model_store(engine->model)) > 0));
            size_t n_bytes = width_of(engine) * sizeof(float);
            embed(engine, &given, other);
            if (chunk > 8)
                assert_memory_equal(one, other, n_bytes);
            memcpy(one, other, n_bytes);
            embed(engine, &given, other);                /* what is kept of the first changes nothing */
            assert_memory_equal(one, other, n_bytes);
            given.ids[3] ^= 1;
            embed(engine, &given, other);
            assert_memory_not_equal(one, other, n_bytes);
            given.ids[3] ^= 1;
            tl_engine_close(engine);
        }
    }
}

static void test_goes_on(void **state)
{
    (void)state;
    float vector[MOST_WIDTH], logits[4096];
    const float *found;
    struct given given;
    struct tl_session *session;
    struct tl_engine *engine = open_engine("llama", 32, 1, 0);
    uint32_t vocab = tl_model_geometry(engine->model)->vocab;
    read_ids("llama", &given);
    must(tl_session_open(engine, &session));
    assert_int_equal(tl_session_embed(session, given.ids, 0, vector), TL_E_USAGE);
    must(tl_session_set(session, given.ids, given.n));
    must(tl_session_logits(session, &found));
    memcpy(logits, found, vocab * sizeof(float));
    must(tl_session_embed(session, given.ids, given.n, vector));
    must(tl_session_logits(session, &found));
    assert_memory_equal(logits, found, vocab * sizeof(float));
    tl_session_cancel(session);
    assert_int_equal(tl_session_embed(session, given.ids, given.n, vector), TL_E_CANCEL);
    given.ids[5] = (int32_t)vocab;
    assert_int_equal(tl_session_embed(session, given.ids, given.n, vector), TL_E_USAGE);
    tl_session_close(session);
    tl_engine_close(engine);
}

/* --- beside an answer ------------------------------------------------------------------------------------------------------- */

static int allow_all(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    (void)guide, (void)left, (void)allowed;
    return 0;
}

struct drawn { struct tl_guide guide; struct tl_engine *engine; _Atomic uint32_t n; _Atomic bool begun; };

static bool somebody_enters(struct tl_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    bool enters = engine->n_entering > 0;
    pthread_mutex_unlock(&engine->lock);
    return enters;
}

/* The first step lasts until somebody wants to enter. */
static int count(struct tl_guide *guide, int32_t id)
{
    struct drawn *drawn = (struct drawn *)guide;
    (void)id;
    drawn->begun = true;
    while (drawn->n == 0 && !somebody_enters(drawn->engine))
        sched_yield();
    drawn->n++;
    return 1;
}

struct answering { struct tl_session *session; struct drawn drawn; };

static void *answer(void *context)
{
    struct answering *a = context;
    struct tl_generate how = {.max_tokens = 400, .ignore_end = true, .guide = &a->drawn.guide};
    struct tl_answer answer = {0};
    tl_sampling_default(&how.sampling);
    must(tl_session_set(a->session, (int32_t[]){1, 2, 3}, 3));
    must(tl_generate(a->session, &how, &answer));
    tl_buffer_done(&answer.text);
    return NULL;
}

/* Between two pieces of a text others have a step. */
static void test_beside(void **state)
{
    enum { PIECES = 15 };
    (void)state;
    static int32_t ids[32 * PIECES];
    float vector[MOST_WIDTH];
    struct tl_session *session;
    pthread_t thread;
    struct tl_engine *engine = open_engine("llama", 64, 2, 0);
    struct answering a = {.drawn = {.guide = {.allow = allow_all, .take = count}, .engine = engine}};
    for (uint32_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        ids[i] = (int32_t)(5 + i * 7 % 150);
    must(tl_session_open(engine, &a.session));
    must(tl_session_open(engine, &session));
    assert_int_equal(pthread_create(&thread, NULL, answer, &a), 0);
    while (!a.drawn.begun)
        sched_yield();
    must(tl_session_embed(session, ids, sizeof(ids) / sizeof(*ids), vector));
    assert_true(a.drawn.n >= PIECES);
    pthread_join(thread, NULL);
    tl_session_close(session);
    tl_session_close(a.session);
    tl_engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near), cmocka_unit_test(test_chunks), cmocka_unit_test(test_goes_on), cmocka_unit_test(test_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
