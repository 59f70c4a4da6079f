/* SPDX-License-Identifier: MIT */
/* Losses and gradients of the golden models against PyTorch's (gradients.py), tensor by tensor; 50 steps of AdamW from the
 * same start; and the same bits for any number of threads, length of the tape and CPU level. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "cases.h"
#include "golden_file.h"
#include "must.h"
#include "train/adamw.h"
#include "train/graph.h"

enum { WINDOW = 35, WINDOWS = 2, TOKENS = WINDOW * WINDOWS, STEPS = 50, LARGE = 1536 };

struct fixture {
    const struct golden *golden;
    struct tl_modelfile *file, *expected;
    struct tl_meters meters;
    struct tl_model *model;
    struct tl_weights *weights;
    struct tl_arena arena;
    int32_t next[TOKENS];
    uint32_t first[TOKENS];
    struct tl_windows_batch batch;
};

struct way { uint32_t threads; uint64_t tape_bytes; const char *level; };

/* Documents of 35, 20 and 15 tokens. */
static void begin(struct fixture *f)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < TOKENS; t++) {
        bool last = t == 34 || t == 54 || t == 69;
        f->next[t] = last ? -1 : f->golden->ids[t + 1];
        f->first[t] = t < 55 ? 0 : 20;
        n += !last;
    }
    assert_int_equal(n, 67);
    f->batch = (struct tl_windows_batch){ .n_windows = WINDOWS, .ids = f->golden->ids, .first = f->first, .targets = { .next = f->next } };
    must(tl_modelfile_open(f->golden->folder, &f->file));
    must(tl_model_new(f->file, &(struct tl_model_choices){ .exact = true }, &f->meters, &f->model));
    must(tl_weights_new(f->model, &f->weights));
    must(tl_weights_take(f->weights, &f->arena));
}

static void end(struct fixture *f)
{
    tl_weights_free(f->weights);
    tl_arena_done(&f->arena);
    tl_model_free(f->model);
    tl_modelfile_close(f->file);
    tl_modelfile_close(f->expected);
}

static void read_weights(struct fixture *f)
{
    struct tl_pool *pool;
    must(tl_pool_new(2, &pool));
    must(tl_weights_read(f->weights, pool, NULL));
    tl_pool_free(pool);
}

/* A pass in some way; gradients are those of the mean. steps: of the optimiser behind it, losses before each and behind the last. */
static void run(struct fixture *f, struct way way, uint32_t steps, double *ret_losses)
{
    struct tl_graph_limits limits = { .windows = WINDOWS, .window = WINDOW, .threads = way.threads, .tape_bytes = way.tape_bytes };
    struct tl_graph *graph;
    struct tl_pool *pool;
    struct tl_pass pass;
    struct tl_arena arena, count;
    struct tl_adamw adamw = { .beta1 = 0.9f, .beta2 = 0.95f, .epsilon = 1e-8f, .decay = 0.1f, .clip = 1 };
    must(tl_graph_new(f->weights, way.level ? tl_kernel_level(way.level) : tl_kernel_best(), &limits, &graph));
    must(tl_pool_new(way.threads, &pool));
    for (int real = 0; real < 2; real++) {
        tl_arena_count(&count);
        if (real)
            must(tl_arena_init(&arena, arena.used_bytes));
        else
            arena = count;
        must(tl_graph_layout(graph, &arena));
        must(tl_adamw_layout(&adamw, f->weights, &arena));
    }
    memset(f->weights->gradients, 0, f->weights->n_values * sizeof(float));
    for (uint32_t step = 0; step <= steps; step++) {
        double norm;
        uint64_t before = tl_memory_allocations();
        must(tl_graph_run(graph, pool, &f->batch, 1.0f / 67, true, NULL, &pass));
        assert_int_equal(tl_memory_allocations(), before);
        assert_int_equal(pass.tokens, 67);
        ret_losses[step] = pass.loss / 67;
        if (step < steps)
            tl_adamw_step(&adamw, f->weights, pool, 1e-3f, &norm);
    }
    tl_pool_free(pool);
    tl_graph_free(graph);
    tl_arena_done(&arena);
}

/* --- against PyTorch -------------------------------------------------------------------------------------------------- */

/* Norm of the difference over the norm; the layout of a tensor is that of the file, and what it adds to vectors is taken off. */
static double difference(struct fixture *f, const struct tl_tensor *tensor)
{
    const struct tl_tensor *expected = tl_modelfile_find(f->expected, tensor->name);
    float *found = calloc(tensor->n_elems, sizeof(*found)), *zero = calloc(tensor->n_elems, sizeof(*zero)), *values = malloc(expected ? expected->n_bytes : 1);
    double error = 0, size = 0;
    int has = 0;
    for (uint32_t i = 0; i < f->weights->n; i++) {
        const struct tl_parameter *p = &f->weights->parameters[i];
        float *none = calloc(tl_parameter_values(p), sizeof(*none));
        if (p->gradient) {
            has |= tl_store_place(tl_model_store(f->model), i, tensor, p->gradient, found);
            must(tl_store_place(tl_model_store(f->model), i, tensor, none, zero));
        }
        free(none);
    }
    has = has && (expected || tensor->n_elems <= LARGE);             /* larger ones may be left out there */
    if (has) {
        assert_non_null(expected);
        assert_int_equal(expected->n_elems, tensor->n_elems);
        must(tl_modelfile_read(f->expected, expected, 0, values, expected->n_bytes));
    }
    for (uint64_t i = 0; i < tensor->n_elems && has; i++) {
        double d = (double)found[i] - (double)zero[i] - (double)values[i];
        error += d * d;
        size += (double)values[i] * (double)values[i];
    }
    free(found);
    free(zero);
    free(values);
    return error > 0 ? sqrt(error / (size > 0 ? size : 1)) : 0;
}

static bool open_expected(struct fixture *f)
{
    const char *path = golden_file("gradients/%s.safetensors", f->golden->name);
    if (access(path, R_OK) != 0)
        return false;
    must(tl_modelfile_open(path, &f->expected));
    return true;
}

static const char *meta(const struct fixture *f, const char *key)
{
    const char *text = "";
    size_t n;
    must(tl_meta_string(f->expected, key, &text, &n));
    return text;
}

static void check_gradients(const struct golden *golden)
{
    struct fixture f = { .golden = golden };
    double loss, worst = 0, expected, limit = strncmp(golden->name, "qwen3_5", 7) == 0 ? 2e-5 : 1e-5;     /* delta nets: as far as PyTorch's f32 is from its f64 */
    if (!open_expected(&f))
        return;
    begin(&f);
    read_weights(&f);
    run(&f, (struct way){ 2, UINT64_MAX, NULL }, 0, &loss);
    expected = strtod(meta(&f, "__metadata__.loss"), NULL);
    for (uint64_t i = 0; i < tl_modelfile_tensors(f.file); i++) {
        double d = difference(&f, tl_modelfile_tensor(f.file, i));
        worst = d > worst ? d : worst;
        if (!(d <= limit))
            print_message("  %s: %.3g\n", tl_modelfile_tensor(f.file, i)->name, d);
    }
    print_message("  loss %.7f, PyTorch's %.7f; gradients differ by %.2e of their norms at most\n", loss, expected, worst);
    assert_true(fabs(loss - expected) <= 2e-6 * expected);
    assert_true(worst <= limit);
    end(&f);
}

static void check_steps(const struct golden *golden)
{
    struct fixture f = { .golden = golden };
    double losses[STEPS + 1], worst = 0;
    if (!open_expected(&f))
        return;
    if (!*meta(&f, "__metadata__.losses")) {
        tl_modelfile_close(f.expected);
        return;
    }
    begin(&f);
    read_weights(&f);
    run(&f, (struct way){ 2, UINT64_MAX, NULL }, STEPS, losses);
    char *at = (char *)(uintptr_t)meta(&f, "__metadata__.losses");
    for (uint32_t i = 0; i <= STEPS; i++) {
        double expected = strtod(at, &at), d = fabs(losses[i] - expected);
        worst = d > worst ? d : worst;
    }
    print_message("  losses of %d steps differ by %.2e at most; the last is %.6f\n", STEPS, worst, losses[STEPS]);
    assert_true(worst <= 1e-4);
    end(&f);
}

static void check_one_answer(const struct golden *golden)
{
    static const struct way ways[] = { { 1, 0, NULL }, { 2, 0, NULL }, { 3, UINT64_MAX, NULL }, { 2, 1, "avx2" }, { 2, UINT64_MAX, "ref" } };
    struct fixture f = { .golden = golden };
    if (!open_expected(&f))
        return;
    begin(&f);
    read_weights(&f);
    double loss, other;
    run(&f, (struct way){ 1, UINT64_MAX, NULL }, 0, &loss);
    uint64_t bytes = f.weights->n_values * sizeof(float);
    float *gradients = malloc(bytes);
    memcpy(gradients, f.weights->gradients, bytes);
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        if (ways[i].level && !tl_kernel_level(ways[i].level))
            continue;
        run(&f, ways[i], 0, &other);
        if (loss != other || memcmp(gradients, f.weights->gradients, bytes) != 0)
            fail_msg("%u threads, a tape of %llu bytes, level %s: other bits", ways[i].threads, (unsigned long long)ways[i].tape_bytes, ways[i].level ? ways[i].level : "best");
    }
    free(gradients);
    end(&f);
}

static void test_gradients(void **state)
{
    (void)state;
    assert_true(golden_each_own(check_gradients) >= 8);
}

static void test_steps(void **state)
{
    (void)state;
    golden_each_own(check_steps);
}

static void test_one_answer(void **state)
{
    (void)state;
    golden_each_own(check_one_answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_gradients), cmocka_unit_test(test_steps), cmocka_unit_test(test_one_answer) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
