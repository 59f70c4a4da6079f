/* SPDX-License-Identifier: MIT */
/* Beginnings that are computed once: what is reused of closed, changed, living and stored sequences, and that no bit of the
 * logits depends on it, for plain, windowed, latent and recurrent models; pages that run short, files that are damaged. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "engine/generate.h"
#include "engine/prefix_folder.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"

enum { CONTEXT = 1024, MOST_VOCAB = 4096 };
static const char *const models[] = {"llama", "gemma3", "deepseek_v3", "qwen3_5", "gpt_oss"};
static const bool exact[] = {true, false, true, false, false};       /* go back to any position */
enum { MODELS = sizeof(models) / sizeof(*models) };

static struct tl_engine *open_engine(const char *model, uint32_t sessions, const char *stored, uint64_t stored_bytes)
{
    struct tl_engine *engine;
    struct tl_engine_options options = {.threads = 2, .context = CONTEXT, .sessions = sessions, .chunk = 64, .prefix_folder = stored,
                                        .prefix_bytes = stored_bytes};
    must(tl_engine_open(golden_file("%s/model.gguf", model), &options, &engine));
    return engine;
}

/* Ids that begin alike for `same` tokens, and differ behind by `kind`. */
static void fill(int32_t *ids, uint32_t n, uint32_t same, uint32_t kind)
{
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (int32_t)(5 + (i * 37 + (i < same ? 0 : (kind + 1) * 101)) % 180);
}

static uint64_t computed(struct tl_engine *engine)
{
    return tl_meter_get(&engine->meters, TL_METER_PREFILL_TOKENS) + tl_meter_get(&engine->meters, TL_METER_DECODE_TOKENS);
}

/* The logits behind these ids in a session of their own; how many of them were not computed. */
static uint32_t ask(struct tl_engine *engine, const int32_t *ids, uint32_t n, float *ret_logits)
{
    struct tl_session *session;
    const float *logits;
    uint64_t before = computed(engine);
    must(tl_session_open(engine, &session));
    must(tl_session_set(session, ids, n));
    must(tl_session_logits(session, &logits));
    memcpy(ret_logits, logits, tl_model_geometry(engine->model)->vocab * sizeof(float));
    uint32_t reused = session->n_reused;
    assert_int_equal(computed(engine) - before, n - reused);
    tl_session_close(session);
    return reused;
}

static float alone[MOST_VOCAB], shared[MOST_VOCAB];

static void ask_alone(const char *model, const int32_t *ids, uint32_t n)
{
    struct tl_engine *engine = open_engine(model, 1, NULL, 0);
    assert_true(tl_model_geometry(engine->model)->vocab <= MOST_VOCAB);
    assert_int_equal(ask(engine, ids, n, alone), 0);
    tl_engine_close(engine);
}

static void assert_same(const struct tl_engine *engine)
{
    assert_memory_equal(alone, shared, tl_model_geometry(engine->model)->vocab * sizeof(float));
    memset(shared, 0, sizeof(shared));
}

static void test_closed(void **state)
{
    (void)state;
    int32_t first[700], ids[700];
    for (int m = 0; m < MODELS; m++) {
        struct tl_engine *engine = open_engine(models[m], 4, NULL, 0);
        fill(first, 700, 600, 0);
        assert_int_equal(ask(engine, first, 700, shared), 0);
        uint32_t reused[3];
        for (uint32_t kind = 1; kind < 4; kind++) {
            fill(ids, 650 + kind, 600, kind);
            ask_alone(models[m], ids, 650 + kind);
            reused[kind - 1] = ask(engine, ids, 650 + kind, shared);
            assert_same(engine);
        }
        assert_true(reused[0] <= 600);
        assert_true(exact[m] ? reused[0] == 600 : reused[1] + 128 > 600);    /* once seen where they part, it is kept there */
        assert_true(reused[2] >= reused[1]);
        reused[0] = ask(engine, ids, 653, shared);
        assert_true(exact[m] ? reused[0] == 652 : reused[0] + 128 > 600);
        tl_engine_close(engine);
    }
}

/* A session that is set to something else leaves what it had; one set to nothing does not. */
static void test_set(void **state)
{
    (void)state;
    int32_t ids[300];
    const float *logits;
    struct tl_session *session;
    struct tl_engine *engine = open_engine("llama", 1, NULL, 0);
    must(tl_session_open(engine, &session));
    for (uint32_t i = 0; i < 4; i++) {
        fill(ids, 200 + i, 0, i % 2);
        must(tl_session_set(session, ids, 200 + i));
        must(tl_session_logits(session, &logits));
        assert_int_equal(session->n_reused, i < 2 ? 0 : 198 + i);
    }
    must(tl_session_set(session, NULL, 0));
    fill(ids, 200, 0, 5);
    must(tl_session_set(session, ids, 200));
    must(tl_session_logits(session, &logits));
    must(tl_session_set(session, NULL, 0));
    must(tl_session_set(session, ids, 200));
    must(tl_session_logits(session, &logits));
    assert_int_equal(session->n_reused, 0);
    tl_session_close(session);
    tl_engine_close(engine);
}

/* Many long sequences in few pages: kept states make room, nothing fails. */
static void test_pressure(void **state)
{
    (void)state;
    int32_t ids[CONTEXT];
    for (int m = 0; m < MODELS; m++) {
        struct tl_engine *engine = open_engine(models[m], 2, NULL, 0);
        for (uint32_t i = 0; i < 12; i++) {
            uint32_t n = CONTEXT - 7 * (i % 5);
            fill(ids, n, 100 + 200 * (i % 3), i);
            ask(engine, ids, n, shared);
        }
        ask_alone(models[m], ids, CONTEXT - 7);
        assert_same(engine);
        tl_engine_close(engine);
    }
}

struct worker { struct tl_engine *engine; int32_t ids[600]; float *logits; uint32_t reused; };

static void *work(void *context)
{
    struct worker *w = context;
    struct tl_session *session;
    const float *logits;
    must(tl_session_open(w->engine, &session));
    must(tl_session_set(session, w->ids, 600));
    must(tl_session_logits(session, &logits));
    memcpy(w->logits, logits, tl_model_geometry(w->engine->model)->vocab * sizeof(float));
    w->reused = session->n_reused;
    tl_session_close(session);
    return NULL;
}

/* Eight that begin alike at once compute it once. */
static void test_together(void **state)
{
    enum { N = 8 };
    static struct worker workers[N];
    static float logits[N][MOST_VOCAB];
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        struct tl_engine *engine = open_engine(models[m], N, NULL, 0);
        pthread_t threads[N];
        for (uint32_t i = 0; i < N; i++) {
            workers[i] = (struct worker){.engine = engine, .logits = logits[i]};
            fill(workers[i].ids, 600, 560, i);
        }
        for (int i = 0; i < N; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        uint64_t most = 0;
        for (int i = 0; i < N; i++) {
            pthread_join(threads[i], NULL);
            most += 600 - workers[i].reused;
        }
        assert_int_equal(computed(engine), most);
        assert_true(most < 600 + N * 200);
        for (uint32_t i = 0; i < N; i += 7) {
            ask_alone(models[m], workers[i].ids, 600);
            memcpy(shared, logits[i], sizeof(shared));
            assert_same(engine);
        }
        tl_engine_close(engine);
    }
}

/* --- the folder ------------------------------------------------------------------------------------------------------------- */

static uint32_t count_files(uint64_t *ret_bytes, char *ret_name)
{
    DIR *listing = opendir(folder);
    struct stat facts;
    uint32_t n = 0;
    *ret_bytes = 0;
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (fstatat(dirfd(listing), entry->d_name, &facts, 0) == 0 && S_ISREG(facts.st_mode)) {
            n++;
            *ret_bytes += (uint64_t)facts.st_size;
            strcpy(ret_name, entry->d_name);
        }
    closedir(listing);
    return n;
}

static void test_stored(void **state)
{
    (void)state;
    int32_t ids[800];
    uint64_t bytes;
    char name[300];
    for (int m = 0; m < MODELS; m++) {
        fill(ids, 700, 640, 0);
        struct tl_engine *engine = open_engine(models[m], 2, folder, 0);
        ask(engine, ids, 700, shared);
        tl_engine_close(engine);
        assert_int_equal(count_files(&bytes, name), 1);
        ask_alone(models[m], ids, 700);
        engine = open_engine(models[m], 2, folder, 0);
        uint32_t reused = ask(engine, ids, 700, shared);
        assert_true(exact[m] ? reused == 699 : reused >= 512 || reused == 0);
        assert_same(engine);
        tl_engine_close(engine);
        engine = open_engine(models[m], 2, folder, 0);               /* goes on behind the prompt: all of it is of use */
        fill(ids, 720, 640, 0);
        assert_true(ask(engine, ids, 720, shared) >= 640);
        ask_alone(models[m], ids, 720);
        assert_same(engine);
        tl_engine_close(engine);
        remove_folder(NULL);
        make_folder(NULL);
    }
}

static void damage(const char *name)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDWR);
    struct stat facts;
    uint8_t byte;
    assert_true(fd >= 0 && fstat(fd, &facts) == 0);
    assert_int_equal(pread(fd, &byte, 1, facts.st_size / 2), 1);
    byte ^= 16;
    assert_int_equal(pwrite(fd, &byte, 1, facts.st_size / 2), 1);
    close(fd);
}

static void test_damaged(void **state)
{
    (void)state;
    int32_t ids[700];
    uint64_t bytes;
    char name[300];
    fill(ids, 700, 640, 0);
    struct tl_engine *engine = open_engine("llama", 2, folder, 0);
    ask(engine, ids, 700, shared);
    tl_engine_close(engine);
    assert_int_equal(count_files(&bytes, name), 1);
    damage(name);
    ask_alone("llama", ids, 700);
    engine = open_engine("llama", 2, folder, 0);
    assert_int_equal(ask(engine, ids, 700, shared), 0);
    assert_same(engine);
    tl_engine_close(engine);                             /* removed, and written anew */
    engine = open_engine("llama", 2, folder, 0);
    assert_int_equal(ask(engine, ids, 700, shared), 699);
    tl_engine_close(engine);
}

/* The one that was used longest ago goes; the files never take more than they may. */
static void test_bounded(void **state)
{
    (void)state;
    int32_t ids[600];
    uint64_t one, bytes;
    char name[300];
    struct tl_engine *engine = open_engine("llama", 2, folder, 0);
    fill(ids, 600, 0, 0);
    ask(engine, ids, 600, shared);
    tl_engine_close(engine);
    assert_int_equal(count_files(&one, name), 1);
    for (uint32_t kind = 1; kind < 5; kind++) {
        engine = open_engine("llama", 2, folder, 3 * one + one / 2);
        fill(ids, 600, 0, 0);
        assert_int_equal(ask(engine, ids, 600, shared), 599);        /* used again and again */
        fill(ids, 600, 0, kind);
        ask(engine, ids, 600, shared);
        tl_engine_close(engine);
        assert_int_equal(count_files(&bytes, name), kind < 2 ? kind + 1 : 3);
        assert_true(bytes <= 3 * one + one / 2);
    }
    engine = open_engine("llama", 2, folder, one / 2);
    fill(ids, 600, 0, 9);
    ask(engine, ids, 600, shared);
    tl_engine_close(engine);
    assert_int_equal(count_files(&bytes, name), 3);      /* none that would not fit alone */
}

/* States that wait to be written make room as kept ones do. */
static void test_written_late(void **state)
{
    (void)state;
    int32_t ids[CONTEXT];
    const float *logits;
    struct tl_session *session;
    struct tl_engine *engine = open_engine("llama", 1, folder, 0);
    must(tl_session_open(engine, &session));
    for (uint32_t i = 0; i < 24; i++) {
        fill(ids, CONTEXT, 0, i);
        must(tl_session_set(session, ids, CONTEXT));
        must(tl_session_logits(session, &logits));
    }
    memcpy(shared, logits, tl_model_geometry(engine->model)->vocab * sizeof(float));
    ask_alone("llama", ids, CONTEXT);
    assert_same(engine);
    tl_session_close(session);
    tl_engine_close(engine);
}

/* A folder that cannot be is told of, and done without. */
static void test_no_folder(void **state)
{
    (void)state;
    int32_t ids[600];
    struct tl_engine *engine = open_engine("llama", 2, "/dev/null/x", 0);
    fill(ids, 600, 0, 0);
    ask(engine, ids, 600, shared);
    tl_engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_together),
        cmocka_unit_test_setup_teardown(test_stored, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damaged, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_bounded, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_written_late, make_folder, remove_folder),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
