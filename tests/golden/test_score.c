/* SPDX-License-Identifier: MIT */
/* Scoring: the same bits in every file for every chunk, block, number of threads, memory and way of reading; values that
 * agree with the logits; draws of the teacher that follow the distribution; statistics that agree with each other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cases.h"
#include "engine/score.h"
#include "engine/session.h"

enum { IDS = 420, WINDOW = 50, DRAWS = 12, FILES = 4, TEXTS = 3, MANY_DRAWS = 200 };

struct way { const char *io, *lookahead, *cpu; uint32_t threads, chunk, block, frames; uint64_t trunk_bytes; uint32_t stride; };

struct files { char path[FILES][64]; char *bytes[FILES]; size_t n_bytes[FILES]; };

static const uint64_t starts[TEXTS + 1] = { 0, 230, 231, IDS };

static void make_ids(const struct golden *golden, int32_t *ids)
{
    for (int i = 0; i < IDS; i++)
        ids[i] = golden->ids[(i * 7 + i / 70) % golden->n_ids];
}

static const char *path_of(const struct golden *golden) { return golden->gguf[0] ? golden->gguf : golden->folder; }

static struct tl_engine *open_way(const char *path, const struct way *way, unsigned taps)
{
    struct tl_engine *engine;
    struct tl_engine_options options = {
        .threads = way->threads, .chunk = way->chunk, .context = WINDOW, .block = way->block, .frames = way->frames, .io = way->io,
        .cpu = way->cpu, .lookahead = way->lookahead, .trunk_bytes = way->trunk_bytes, .score_tokens = IDS, .score_taps = taps };
    if (tl_engine_open(path, &options, &engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    return engine;
}

static void name_files(struct files *files)
{
    memset(files, 0, sizeof(*files));
    for (int i = 0; i < FILES; i++)
        snprintf(files->path[i], sizeof(files->path[i]), "/tmp/trill-score-%ld-%d", (long)getpid(), i);
}

static void drop_files(struct files *files)
{
    for (int i = 0; i < FILES; i++) {
        tl_free(files->bytes[i]);
        unlink(files->path[i]);
    }
}

static void score_way(const char *path, const struct way *way, const int32_t *ids, bool experts, float *nll, struct files *files)
{
    struct tl_scored scored;
    struct tl_score how = {
        .window = WINDOW, .stride = way->stride, .starts = starts, .n_texts = TEXTS, .draws = DRAWS, .seed = 7, .teacher = files->path[0],
        .moments = files->path[1], .router = experts ? files->path[2] : NULL, .experts = experts ? files->path[3] : NULL };
    struct tl_engine *engine = open_way(path, way, TL_TAP_MOMENTS | (experts ? TL_TAP_ROUTER | TL_TAP_EXPERTS : 0));
    if (tl_score(engine, ids, IDS, &how, nll, &scored) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    tl_engine_close(engine);
    for (int i = 0; i < (experts ? FILES : 2); i++)
        assert_int_equal(tl_file_slurp(files->path[i], 1 << 24, &files->bytes[i], &files->n_bytes[i]), 0);
}

/* --- the same bits ------------------------------------------------------------------------------------------------ */

static void check_ways(const char *path, const int32_t *ids, bool experts, uint32_t n_experts, uint32_t stride)
{
    const struct way ways[] = {
        { NULL, NULL, NULL, 2, 0, 0, 0, 0, stride }, { NULL, NULL, NULL, 1, 50, 7, 0, 0, stride }, { NULL, NULL, "ref", 3, 100, 0, 0, 0, stride },
        { NULL, NULL, NULL, 2, 1, 1, 0, 0, stride },
        { "uring", "on", NULL, 2, 0, 16, 4, 0, stride }, { "pread", "off", NULL, 1, 150, 0, n_experts / 2, 1, stride },
        { "uring", "auto", NULL, 3, 50, 64, 4, 1, stride } };
    float first[IDS], other[IDS];
    struct files expected;
    name_files(&expected);
    score_way(path, &ways[0], ids, experts, first, &expected);
    for (size_t i = 1; i < (experts ? 7 : 4); i++) {
        struct files files;
        name_files(&files);
        score_way(path, &ways[i], ids, experts, other, &files);
        if (memcmp(first, other, sizeof(first)) != 0)
            fail_msg("%s: other values in way %zu", path, i);
        for (int f = 0; f < (experts ? FILES : 2); f++)
            if (files.n_bytes[f] != expected.n_bytes[f] || memcmp(files.bytes[f], expected.bytes[f], files.n_bytes[f]) != 0)
                fail_msg("%s: file %d has other bytes in way %zu", path, f, i);
        drop_files(&files);
    }
    drop_files(&expected);
}

static void same_bits(const struct golden *golden)
{
    int32_t ids[IDS];
    const struct way plain = { .threads = 1 };
    make_ids(golden, ids);
    struct tl_engine *engine = open_way(path_of(golden), &plain, 0);
    uint32_t n_experts = tl_store_experts(tl_model_store(engine->model));
    bool experts = tl_model_geometry(engine->model)->n_experts && n_experts > tl_store_least_frames(tl_model_store(engine->model));
    tl_engine_close(engine);
    check_ways(path_of(golden), ids, experts, n_experts, WINDOW);
    if (!getenv("TRILL_FAST"))
        check_ways(path_of(golden), ids, experts, n_experts, 30);
}

/* --- values from logits ------------------------------------------------------------------------------------------- */

struct rows { double *p; const int32_t *ids; uint32_t at, vocab; double *nll; };

static int keep(void *context, uint32_t index, const float *logits)
{
    struct rows *rows = context;
    double most = logits[0], sum = 0;
    for (uint32_t i = 0; i < rows->vocab; i++)
        most = logits[i] > most ? logits[i] : most;
    for (uint32_t i = 0; i < rows->vocab; i++)
        sum += exp((double)logits[i] - most);
    for (uint32_t i = 0; i < rows->vocab; i++)
        rows->p[(uint64_t)index * rows->vocab + i] = exp((double)logits[i] - most) / sum;
    return 0;
}

/* Probabilities behind each of WINDOW ids, from a session. */
static double *probabilities(const char *path, const int32_t *ids, uint32_t *ret_vocab)
{
    struct tl_engine *engine;
    struct tl_session *session;
    struct tl_engine_options options = { .context = 128 };
    assert_int_equal(tl_engine_open(path, &options, &engine), 0);
    struct rows rows = { .vocab = tl_model_geometry(engine->model)->vocab };
    rows.p = malloc((uint64_t)WINDOW * rows.vocab * sizeof(double));
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(tl_session_set(session, ids, WINDOW), 0);
    assert_int_equal(tl_session_compute(session, keep, &rows), 0);
    tl_session_close(session);
    tl_engine_close(engine);
    *ret_vocab = rows.vocab;
    return rows.p;
}

static void check_draws(const char *bytes, size_t n_bytes, const double *p, uint32_t vocab, const int32_t *ids)
{
    uint32_t record, draws;
    uint64_t at;
    double *expected = calloc(vocab, sizeof(double)), *variance = calloc(vocab, sizeof(double)), *drawn = calloc(vocab, sizeof(double));
    memcpy(&record, bytes + 12, 4);
    memcpy(&draws, bytes + 16, 4);
    memcpy(&at, bytes + 64, 8);
    assert_int_equal(draws, MANY_DRAWS);
    assert_int_equal(n_bytes, at + (WINDOW - 1) * (uint64_t)record + 32);
    for (uint32_t t = 0; t < WINDOW - 1; t++) {
        const char *row = bytes + at + (uint64_t)t * record;
        uint32_t total = 0, place;
        int32_t target, id, before = -1;
        memcpy(&place, row + 4, 4);
        memcpy(&target, row + 8, 4);
        assert_true(place == t + 1 && target == ids[t + 1]);
        for (uint32_t i = 0; i < draws; i++) {
            float log_p;
            uint8_t count = (uint8_t)row[16 + 8 * draws + i];
            memcpy(&id, row + 16 + 4 * i, 4);
            memcpy(&log_p, row + 16 + 4 * (draws + i), 4);
            assert_true(count ? id > before && id < (int32_t)vocab : id == -1);
            if (!count)
                continue;
            assert_true(fabs(exp((double)log_p) - p[(uint64_t)t * vocab + (uint32_t)id]) < 1e-4);
            drawn[id] += count;
            total += count;
            before = id;
        }
        assert_int_equal(total, draws);
        for (uint32_t i = 0; i < vocab; i++) {
            double one = p[(uint64_t)t * vocab + i];
            expected[i] += draws * one;
            variance[i] += draws * one * (1 - one);
        }
    }
    double worst = 0, sum = 0;           /* differences in standard deviations, and their squares, of which the mean is 1 */
    uint32_t n = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        double z = (drawn[i] - expected[i]) / sqrt(variance[i]);
        if (variance[i] < 4)             /* far from normal */
            continue;
        worst = fabs(z) > worst ? fabs(z) : worst;
        sum += z * z;
        n++;
    }
    if (worst > 4.5 || (n >= 20 && fabs(sum / n - 1) > 5 * sqrt(2.0 / n)))      /* few: the distribution is a sharp one */
        fail_msg("draws are off: %.2f standard deviations at worst, %.3f of the variance over %u ids", worst, sum / n, n);
    free(expected);
    free(variance);
    free(drawn);
}

static void from_logits(const struct golden *golden)
{
    int32_t ids[IDS];
    float nll[WINDOW];
    struct tl_scored scored;
    struct files files;
    uint32_t vocab;
    char *bytes;
    size_t n_bytes;
    make_ids(golden, ids);
    name_files(&files);
    double *p = probabilities(path_of(golden), ids, &vocab), sum = 0;
    struct tl_engine *engine = open_way(path_of(golden), &(struct way){ .threads = 2 }, 0);
    struct tl_score how = { .window = WINDOW, .stride = WINDOW, .teacher = files.path[0], .draws = MANY_DRAWS, .seed = 3 };
    assert_int_equal(tl_score(engine, ids, WINDOW, &how, nll, &scored), 0);
    tl_engine_close(engine);
    assert_true(isnan(nll[0]));
    for (uint32_t i = 1; i < WINDOW; i++) {
        double expected = -log(p[(uint64_t)(i - 1) * vocab + (uint32_t)ids[i]]);
        assert_true(fabs(nll[i] - expected) < 2e-5 * (1 + fabs(expected)));
        sum += nll[i];
    }
    assert_int_equal(scored.tokens, WINDOW - 1);
    assert_true(fabs(scored.nll_sum - sum) < 1e-9);
    assert_int_equal(tl_file_slurp(files.path[0], 1 << 24, &bytes, &n_bytes), 0);
    check_draws(bytes, n_bytes, p, vocab, ids);
    tl_free(bytes);
    free(p);
    unlink(files.path[0]);
}

/* --- statistics --------------------------------------------------------------------------------------------------- */

/* The whole tensor of 8-byte numbers, to be freed; by its name in the file's header. */
static void *read_tensor(const char *path, const char *name, uint64_t *ret_count)
{
    struct tl_modelfile *file;
    assert_int_equal(tl_modelfile_open(path, &file), 0);
    const struct tl_tensor *tensor = tl_modelfile_find(file, name);
    if (!tensor)
        fail_msg("%s: no tensor %s", path, name);
    void *bytes = malloc(tensor->n_bytes);
    assert_int_equal(tl_modelfile_read(file, tensor, 0, bytes, tensor->n_bytes), 0);
    *ret_count = tensor->n_elems;
    tl_modelfile_close(file);
    return bytes;
}

static void statistics(const struct golden *golden)
{
    int32_t ids[IDS];
    float nll[IDS];
    struct files files;
    struct tl_engine *engine = open_way(path_of(golden), &(struct way){ .threads = 1 }, 0);
    const struct tl_geometry *g = tl_model_geometry(engine->model);
    uint32_t n_experts = g->n_experts, n_used = g->n_used;
    tl_engine_close(engine);
    if (!n_experts)
        return;
    make_ids(golden, ids);
    name_files(&files);
    for (int i = 0; i < FILES; i++)      /* the reader goes by the name */
        strcat(files.path[i], ".safetensors");
    score_way(path_of(golden), &(struct way){ .threads = 2, .stride = WINDOW }, ids, true, nll, &files);
    uint64_t n_cells, n, tokens = 0, all = 0;
    uint64_t *chosen = read_tensor(files.path[2], "chosen", &n_cells), *count = read_tensor(files.path[3], "count", &n);
    double *weight = read_tensor(files.path[2], "weight", &n), *norm = read_tensor(files.path[3], "norm", &n);
    for (int i = 0; i < IDS; i++)
        tokens += !isnan(nll[i]);
    for (uint64_t i = 0; i < n_cells; i++) {
        assert_int_equal(chosen[i], count[i]);
        assert_true((weight[i] > 0) == (chosen[i] > 0) && (norm[i] > 0) == (chosen[i] > 0));
        all += chosen[i];
        if ((i + 1) % n_experts == 0) {
            assert_true(all == 0 || all == tokens * n_used);
            all = 0;
        }
    }
    free(chosen);
    free(count);
    free(weight);
    free(norm);
    drop_files(&files);
}

/* -------------------------------------------------------------------------------------------------------------------- */

static void test_same_bits(void **state) { (void)state; assert_true(golden_each(same_bits) > 4); }
static void test_from_logits(void **state) { (void)state; assert_true(golden_each_own(from_logits) > 4); }
static void test_statistics(void **state) { (void)state; assert_true(golden_each(statistics) > 4); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_bits), cmocka_unit_test(test_from_logits), cmocka_unit_test(test_statistics) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
