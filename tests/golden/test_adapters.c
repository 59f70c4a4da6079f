/* SPDX-License-Identifier: MIT */
/* Adapters against PEFT's own logits (make_adapters.py): from its folders and from llama.cpp's GGUF form, on a base of
 * safetensors and of GGUF, alone and two together. Then the same bits for every level, number of threads, chunk, block and
 * budget of the trunk, the same logits of what they are merged into, and the sentences for adapters of another base. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "cases.h"
#include "engine/merge.h"
#include "engine/session.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"

enum { ROWS = 16, IDS = 70, VOCAB = 320 };

struct row { const char *name, *logits; bool gguf; struct tl_engine_adapter adapters[2]; };

static const struct row rows[] = {
    { "llama", "llama-all/logits.npy", false, { { "llama-all", 1 } } },
    { "llama", "llama-all/logits.npy", true, { { "llama-all/adapter.gguf", 1 } } },
    { "llama", "llama-few/logits.npy", false, { { "llama-few/adapter_model.safetensors", 1 } } },
    { "llama", "llama-all/logits-both.npy", false, { { "llama-all", 1 }, { "llama-few", 0.5f } } },
    { "llama", "llama-all/logits-both.npy", true, { { "llama-few", 0.5f }, { "llama-all/adapter.gguf", 1 } } },
    { "qwen3", "qwen3-all/logits.npy", false, { { "qwen3-all", 1 } } },
    { "qwen3", "qwen3-all/logits.npy", true, { { "qwen3-all/adapter.gguf", 1 } } },
};

struct logits { float value[IDS][VOCAB]; };

static void read_expected(const char *name, float ret[ROWS][VOCAB])
{
    unsigned char start[10];
    FILE *file = fopen(golden_file("adapters/%s", name), "rb");
    assert_non_null(file);
    assert_int_equal(fread(start, 1, 10, file), 10);
    assert_int_equal(fseek(file, 10 + start[8] + 256L * start[9], SEEK_SET), 0);
    assert_int_equal(fread(ret, sizeof(float), ROWS * VOCAB, file), ROWS * VOCAB);
    fclose(file);
}

static int keep(void *context, uint32_t position, const float *row)
{
    memcpy(((struct logits *)context)->value[position], row, sizeof(float[VOCAB]));
    return 0;
}

static uint32_t adapters_of(const struct row *row, struct tl_engine_adapter ret_adapters[2])
{
    uint32_t n = 0;
    for (; n < 2 && row->adapters[n].path; n++)
        ret_adapters[n] = (struct tl_engine_adapter){ golden_file("adapters/%s", row->adapters[n].path), row->adapters[n].scale };
    return n;
}

static int run_model(const struct golden *golden, const char *base, struct tl_engine_options options, const struct row *row, struct logits *logits)
{
    struct tl_engine_adapter adapters[2];
    struct tl_engine *engine;
    struct tl_session *session;
    options.adapters = adapters;
    options.n_adapters = adapters_of(row, adapters);
    options.context = 128;
    options.kv = "f32";
    int status = tl_engine_open(base, &options, &engine);
    if (status < 0)
        return status;
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(tl_session_set(session, golden->ids, golden->n_ids), 0);
    status = tl_session_compute(session, keep, logits);
    if (options.trunk_bytes)
        assert_true(tl_store_passing_bytes(tl_model_store(engine->model)) > 0);
    tl_session_close(session);
    tl_engine_close(engine);
    return status;
}

/* The largest difference, as a part of the standard deviation. */
static double difference(const float *found, const float *expected, size_t n)
{
    double worst = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)found[i] - expected[i]);
        worst = !(d <= worst) ? d : worst;
        sum += expected[i];
        squares += (double)expected[i] * expected[i];
    }
    return worst / sqrt(squares / (double)n - sum / (double)n * sum / (double)n);
}

/* One of each dimension differs from the first way: what they share is the same code. */
static void check_ways(const struct golden *golden, const char *base, const struct row *row, const struct logits *expected)
{
    static const struct tl_engine_options ways[] = {
        { .threads = 3, .chunk = 7, .cpu = "ref" }, { .threads = 2, .chunk = 1 }, { .threads = 1, .chunk = 64, .block = 3, .cpu = "avx2" },
        { .threads = 2, .chunk = 64, .trunk_bytes = 1 }, { .threads = 1, .chunk = 13, .block = 16, .trunk_bytes = 30000, .cpu = "avx512", .io = "pread" },
    };
    struct logits *logits = calloc(1, sizeof(*logits));
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (ways[i].cpu && !strstr(tl_kernel_names(), ways[i].cpu))
            continue;
        must(run_model(golden, base, ways[i], row, logits));
        if (memcmp(logits, expected, sizeof(*logits)) != 0)
            fail_msg("%s with %s: other bits in way %zu", base, row->adapters[0].path, i);
    }
    free(logits);
}

static unsigned n_checked;

/* Of f32 weights a merged model is the base with its adapters, but for the order of sums. */
static void check_merged(const struct golden *golden, const char *base, bool gguf, const struct row *row, const struct logits *expected)
{
    const char *output = in_folder(gguf ? "merged.gguf" : "merged");
    struct tl_engine_adapter adapters[2];
    struct tl_merge how = { .base = base, .output = output, .adapters = adapters, .n_adapters = adapters_of(row, adapters), .force = true };
    const struct tl_engine_options way = { .threads = 1 };
    static const struct row none;
    struct tl_merged merged;
    struct logits *logits = calloc(1, sizeof(*logits));
    if (tl_merge(&how, NULL, &merged) < 0 || run_model(golden, output, way, &none, logits) < 0)
        fail_msg("%s", tl_error_text());
    assert_true(merged.changed > 0 && merged.changed < merged.tensors && merged.largest == 0);
    assert_true(difference(logits->value[0], expected->value[0], (size_t)IDS * VOCAB) <= 1e-4);
    free(logits);
}

static void check_row(const struct golden *golden, const struct row *row)
{
    static float expected[ROWS][VOCAB];
    const char *bases[] = { golden->folder, golden->gguf };
    struct logits *logits = calloc(1, sizeof(*logits));
    read_expected(row->logits, expected);
    for (int k = 0; k < 2; k++) {
        const struct tl_engine_options way = { .threads = 1 };
        must(run_model(golden, bases[k], way, row, logits));
        double worst = difference(logits->value[IDS - ROWS], expected[0], (size_t)ROWS * VOCAB);
        print_message("  %-26s on %-11s %.2e of the standard deviation\n", row->adapters[0].path, k ? "GGUF" : "safetensors", worst);
        assert_true(worst <= 1e-4);
        check_ways(golden, bases[k], row, logits);
        check_merged(golden, bases[k], k, row, logits);
        n_checked++;
    }
    free(logits);
}

static void check_refused(const struct golden *golden, const char *adapter, const char *part)
{
    const struct row row = { .adapters = { { adapter, 1 } } };
    const struct tl_engine_options way = { .threads = 1 };
    assert_true(run_model(golden, golden->folder, way, &row, NULL) < 0);
    if (!strstr(tl_error_text(), part))
        fail_msg("\"%s\" does not say \"%s\"", tl_error_text(), part);
}

static void test_case(const struct golden *golden)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, golden->name) == 0)
            check_row(golden, &rows[i]);
    if (strcmp(golden->name, "llama") == 0) {
        check_refused(golden, "qwen3-all", "the adapter is of another base");
        check_refused(golden, "qwen3-all/adapter.gguf", "is an adapter of the architecture \"qwen3\"");
        check_refused(golden, "missing", "missing");
    }
    if (strcmp(golden->name, "qwen3_moe") == 0)
        check_refused(golden, "llama-all", "another base");
    if (strcmp(golden->name, "deepseek_v3") == 0)
        check_refused(golden, "llama-few", "q_proj.weight, which is no linear operation of");
}

static void test_all(void **state)
{
    (void)state;
    assert_true(golden_each_own(test_case) >= 16);
    assert_int_equal(n_checked, 2 * sizeof(rows) / sizeof(rows[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
