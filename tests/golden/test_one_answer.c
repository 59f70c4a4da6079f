/* SPDX-License-Identifier: MIT */
/* Contract 1: the same bits for every level, number of threads, chunk, block, company in a step, budget of experts and of
 * the trunk, way of reading, policy and look-ahead. Each golden model runs in ways that hold every pair of values of any two
 * of these, by turns from safetensors and from GGUF; each must give, bit for bit, what the reference level gives with one
 * thread and all weights in memory. TRILL_FAST: a third of the ways, another third for each model. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "cases.h"
#include "engine/session.h"
#include "pairs.h"

enum budget { ALL, HALF, LEAST, EVERY, BUDGETS };       /* EVERY: streamed through as many frames as there are experts */

enum dim { CPU, KV, EXACT, THREADS, CHUNK, BLOCK, SESSIONS, STEPS, IO, TRUNK, EXPERTS, POLICY, LOOKAHEAD, DIMS };

static const char *const kvs[] = { "f32", "f16", "bf16" }, *const ios[] = { "uring", "pread" }, *const policies[] = { "auto", "lru", "lfru" },
                         *const aheads[] = { "off", "on", "auto" }, *const budgets[] = { "all", "half", "the least", "every" };
static const uint32_t thread_counts[] = { 1, 2, 3 }, chunks[] = { 512, 1, 7, 64 }, blocks[] = { 0, 3, 16 }, companies[] = { 1, 3, 8 };
static char levels[8][16];
static uint8_t n_levels;

/* With three experts a token, more pairs than the rows that are in work at a time; with two, where sequences meet. */
enum { N_IDS = 176, SOME_IDS = 70, FEW_IDS = 24 };

struct model { const struct golden *golden; const char *path; uint32_t experts, least_frames; uint64_t trunk_bytes; };

struct run { struct tl_session *session; int32_t ids[N_IDS]; size_t n_ids, vocab; float *logits; bool one_by_one; int status; char text[256]; };

static size_t logits_bytes(const struct golden *golden, size_t n_ids) { return n_ids * golden->vocab * sizeof(float); }

/* Where each step reads the trunk, and where each id of each sequence is a step, some ids say enough. */
static size_t ids_of(const uint8_t *way)
{
    size_t n = way[CHUNK] == 0 && (way[TRUNK] == ALL || way[SESSIONS] == 0) ? N_IDS : way[TRUNK] == ALL ? SOME_IDS : FEW_IDS;
    return chunks[way[CHUNK]] > 1 || companies[way[SESSIONS]] == 1 ? n : companies[way[SESSIONS]] == 3 ? 18 : 9;
}

static int keep(void *context, uint32_t position, const float *logits)
{
    struct run *run = context;
    memcpy(run->logits + position * run->vocab, logits, run->vocab * sizeof(float));
    return 0;
}

static void *drive(void *context)
{
    struct run *run = context;
    size_t n = run->n_ids, begins = run->one_by_one ? n - n / 4 : n;
    run->status = tl_session_set(run->session, run->ids, begins);
    for (size_t i = begins; i <= n && run->status >= 0; i++) {
        run->status = tl_session_compute(run->session, keep, run);
        if (i < n && run->status >= 0)
            run->status = tl_session_append(run->session, &run->ids[i], 1);
    }
    if (run->status < 0)
        snprintf(run->text, sizeof(run->text), "%s", tl_error_text());
    return NULL;
}

static uint32_t frames_of(const struct model *model, enum budget budget)
{
    return budget == HALF ? (model->experts + model->least_frames) / 2 : budget == LEAST ? model->least_frames : budget == EVERY ? model->experts : 0;
}

static struct tl_engine *open_way(const struct model *model, const uint8_t *way)
{
    struct tl_engine *engine;
    struct tl_engine_options options = {
        .threads = thread_counts[way[THREADS]], .chunk = chunks[way[CHUNK]], .sessions = companies[way[SESSIONS]], .context = 256, .cpu = levels[way[CPU]],
        .kv = kvs[way[KV]], .io = ios[way[IO]], .policy = policies[way[POLICY]], .lookahead = aheads[way[LOOKAHEAD]], .block = blocks[way[BLOCK]],
        .exact = way[EXACT], .frames = frames_of(model, way[EXPERTS]),
        .trunk_bytes = way[TRUNK] == HALF ? model->trunk_bytes / 2 : way[TRUNK] == LEAST,
    };
    if (tl_engine_open(model->path, &options, &engine) < 0)
        fail_msg("%s: %s", model->path, tl_error_text());
    return engine;
}

/* Reads what the budget says, neither more nor less. */
static void check_reads(const struct model *model, const uint8_t *way, struct tl_engine *engine)
{
    uint64_t misses = tl_meter_get(&engine->meters, TL_METER_EXPERT_MISSES), missed = tl_meter_get(&engine->meters, TL_METER_MISSED_BYTES);
    uint64_t read = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES), passing = tl_store_passing_bytes(tl_model_store(engine->model));
    uint32_t frames = frames_of(model, way[EXPERTS]);
    if (way[TRUNK] == ALL || frames)     /* else the experts are streamed too, through as many as the plan likes */
        assert_int_equal(tl_model_limits(engine->model)->frames, frames);
    frames = tl_model_limits(engine->model)->frames;
    assert_true(frames ? misses > 0 : misses == 0);
    assert_true(way[TRUNK] != ALL || passing == 0);
    assert_true(way[TRUNK] != LEAST || passing > 0);
    assert_true(missed >= passing && (frames || passing ? read > 0 : read == 0));
}

static void fail_way(const struct model *model, const uint8_t *way, uint32_t which)
{
    fail_msg("%s: other bits in sequence %u of %u with cpu %s, kv %s%s, %u threads, chunks of %u, blocks of %u%s, memory for %s of the trunk and %s of "
             "the experts, io %s, policy %s, look-ahead %s", model->path, which, companies[way[SESSIONS]], levels[way[CPU]], kvs[way[KV]],
             way[EXACT] ? ", exact" : "", thread_counts[way[THREADS]], chunks[way[CHUNK]], blocks[way[BLOCK]], way[STEPS] ? ", ids one by one" : "",
             budgets[way[TRUNK]], budgets[way[EXPERTS]], ios[way[IO]], policies[way[POLICY]], aheads[way[LOOKAHEAD]]);
}

/* Runs the ids in as many sequences as the way says; all must equal `expected`, or the only one fills it. */
static void run_way(const struct model *model, const uint8_t *way, const float *expected, float *ret_logits)
{
    struct run runs[8];
    pthread_t threads[8];
    struct tl_engine *engine = open_way(model, way);
    uint32_t n = companies[way[SESSIONS]];
    size_t n_ids = ids_of(way), n_bytes = logits_bytes(model->golden, n_ids);
    for (uint32_t i = 0; i < n; i++) {
        runs[i] = (struct run){ .n_ids = n_ids, .vocab = model->golden->vocab, .one_by_one = way[STEPS], .logits = calloc(1, n_bytes) };
        for (size_t k = 0; k < n_ids; k++)
            runs[i].ids[k] = model->golden->ids[(k + k / model->golden->n_ids) % model->golden->n_ids];
        assert_int_equal(tl_session_open(engine, &runs[i].session), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, drive, &runs[i]), 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        if (runs[i].status < 0)
            fail_msg("%s: %s", model->path, runs[i].text);
        if (!expected)
            memcpy(ret_logits, runs[i].logits, n_bytes);
        else if (memcmp(expected, runs[i].logits, n_bytes) != 0)
            fail_way(model, way, i);
        tl_session_close(runs[i].session);
        free(runs[i].logits);
    }
    check_reads(model, way, engine);
    tl_engine_close(engine);
}

/* What the budgets can be. */
static void look_at(struct model *model)
{
    static const uint8_t plain[DIMS] = { 0 };
    struct tl_engine *engine = open_way(model, plain);
    const struct tl_store *store = tl_model_store(engine->model);
    model->experts = tl_store_experts(store);
    model->least_frames = tl_store_least_frames(store);
    model->trunk_bytes = tl_store_trunk_bytes(store);
    tl_engine_close(engine);
}

static size_t n_models, n_ways;

/* The ways i, i + stride ... of all. */
static void run_ways(struct model *model, uint8_t ways[PAIRS_ROWS][PAIRS_DIMS], size_t i, size_t n, size_t stride)
{
    float *expected[2][3] = { { NULL } };
    for (; i < n; i += stride, n_ways++) {
        float **same = &expected[ways[i][EXACT]][ways[i][KV]];
        if (!*same) {
            const uint8_t plain[DIMS] = { [KV] = ways[i][KV], [EXACT] = ways[i][EXACT] };
            *same = malloc(logits_bytes(model->golden, N_IDS));
            run_way(model, plain, NULL, *same);
        }
        run_way(model, ways[i], *same, NULL);
    }
    for (int k = 0; k < 6; k++)
        free(expected[k / 3][k % 3]);
}

static void test_case(const struct golden *golden)
{
    struct model model = { .golden = golden, .path = golden->folder };
    uint8_t n_values[DIMS] = { n_levels, 3, 2, 3, 4, 3, 3, 2, 2, LEAST + 1, 1, 1, 1 }, ways[PAIRS_ROWS][PAIRS_DIMS];
    look_at(&model);
    n_values[EXACT] = golden->row->rounded > golden->row->exact ? 2 : 1;      /* of f32 weights nothing is rounded */
    if (model.experts > model.least_frames) {
        n_values[EXPERTS] = BUDGETS;
        n_values[POLICY] = n_values[LOOKAHEAD] = 3;
    }
    size_t n = pairs_cover(n_values, DIMS, n_models, ways), share = getenv("TRILL_FAST") ? 3 : 1, first = n_models++ % share;
    if (!golden->gguf[0]) {
        run_ways(&model, ways, first, n, share);
        return;
    }
    run_ways(&model, ways, first, n, 2 * share);
    model.path = golden->gguf;
    look_at(&model);
    run_ways(&model, ways, first + share, n, 2 * share);
}

static void test_all(void **state)
{
    char names[128], *rest = names;
    (void)state;
    snprintf(names, sizeof(names), "%s", tl_kernel_names());
    for (char *level; n_levels < 8 && (level = strtok_r(rest, " ", &rest)); n_levels++)
        snprintf(levels[n_levels], sizeof(levels[0]), "%s", level);
    assert_string_equal(levels[0], "ref");
    assert_true(golden_each_own(test_case) >= 16);
    print_message("%zu ways of %zu models\n", n_ways, n_models);
}

static void test_pairs(void **state)
{
    static const uint8_t n_values[] = { 3, 2, 1, 4 };
    uint8_t rows[PAIRS_ROWS][PAIRS_DIMS];
    size_t n = pairs_cover(n_values, 4, 1, rows);
    (void)state;
    assert_true(n >= 12 && n <= 16);
    for (unsigned all = 0; all < 4 * 4 * 4 * 4; all++) {
        unsigned d = all % 4, e = all / 4 % 4, v = all / 16 % 4, w = all / 64;
        bool found = d == e || v >= n_values[d] || w >= n_values[e];
        for (size_t i = 0; i < n && !found; i++)
            found = rows[i][d] == v && rows[i][e] == w;
        assert_true(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pairs), cmocka_unit_test(test_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
