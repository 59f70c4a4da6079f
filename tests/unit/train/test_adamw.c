/* SPDX-License-Identifier: MIT */
/* AdamW against the same in double, against what torch.optim.AdamW and clip_grad_norm_ gave (PyTorch, f32), with one and
 * with several threads, and with a gradient that is not finite. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/adamw.h"

static void assert_near(double found, double expected, double within)
{
    if (!(fabs(found - expected) <= within))
        fail_msg("found %.17g, expected %.17g within %g", found, expected, within);
}

/* Parameters of these sizes; every second one decays, and one in the middle is not trained. */
struct fixture { struct tl_weights weights; struct tl_parameter parameter[8]; struct tl_adamw adamw; struct tl_arena arena; float *frozen; };

static void make(struct fixture *f, const uint32_t *sizes, uint32_t n, uint32_t frozen)
{
    struct tl_arena count;
    uint64_t at = 0;
    memset(f, 0, sizeof(*f));
    f->weights = (struct tl_weights){ .parameters = f->parameter, .n = n };
    for (uint32_t i = 0; i < n; i++)
        f->weights.n_values += i == frozen ? 0 : sizes[i];
    f->weights.values = calloc(f->weights.n_values, sizeof(float));
    f->weights.gradients = calloc(f->weights.n_values, sizeof(float));
    f->frozen = calloc(frozen < n ? sizes[frozen] : 1, sizeof(float));
    for (uint32_t i = 0; i < n; i++) {
        f->parameter[i] = (struct tl_parameter){ .id = i, .count = 1, .rows = 1, .cols = sizes[i], .decays = i % 2 == 0 };
        f->parameter[i].value = i == frozen ? f->frozen : f->weights.values + at;
        f->parameter[i].gradient = i == frozen ? NULL : f->weights.gradients + at;
        at += i == frozen ? 0 : sizes[i];
    }
    f->adamw = (struct tl_adamw){ .beta1 = 0.9f, .beta2 = 0.95f, .epsilon = 1e-8f, .decay = 0.1f, .clip = 1 };
    tl_arena_count(&count);
    assert_int_equal(tl_adamw_layout(&f->adamw, &f->weights, &count), 0);
    assert_int_equal(tl_arena_init(&f->arena, count.used_bytes), 0);
    assert_int_equal(tl_adamw_layout(&f->adamw, &f->weights, &f->arena), 0);
    assert_false(f->arena.overflow);
}

static void done(struct fixture *f)
{
    free(f->weights.values);
    free(f->weights.gradients);
    free(f->frozen);
    tl_arena_done(&f->arena);
}

static struct tl_pool *pool_of(uint32_t threads)
{
    struct tl_pool *pool;
    assert_int_equal(tl_pool_new(threads, &pool), 0);
    return pool;
}

/* --- PyTorch ------------------------------------------------------------------------------------------------------ */

static const float torch_values[24] = {
    -0.489882439f, -0.178768978f, 0.127790019f, 0.434130222f, -0.310565084f, 0.0027172293f, 0.29646796f, -0.438031495f,
    -0.114009425f, 0.18751955f, 0.509976089f, -0.248772725f, 0.0576440953f, 0.36642471f, -0.382757038f, -0.0679836199f,
    0.251786739f, -0.491729707f, -0.175841033f, 0.118169755f, 0.442533165f, -0.320427358f, -0.0129248966f, 0.31991154f,
};
static const double torch_norms[10] = {
    2.1037540435791016, 1.992172122001648, 2.050152540206909, 2.012655258178711, 2.012655258178711,
    2.050152540206909, 1.992172122001648, 2.1037540435791016, 1.9892287254333496, 2.066284418106079,
};

static void test_torch(void **state)
{
    static const uint32_t sizes[] = {12, 12};
    struct fixture f;
    struct tl_pool *pool = pool_of(1);
    double norm;
    (void)state;
    make(&f, sizes, 2, UINT32_MAX);
    for (int i = 0; i < 24; i++)
        f.weights.values[i] = (float)((i * 5) % 17 - 8) / 16;
    for (int t = 0; t < 10; t++) {
        for (int i = 0; i < 24; i++)
            f.weights.gradients[i] = (float)((i * 7 + t * 13) % 23 - 11) / 16;
        tl_adamw_step(&f.adamw, &f.weights, pool, 1e-2f * (float)(t + 1) / 10, &norm);
        assert_near(norm, torch_norms[t], 1e-6);
    }
    for (int i = 0; i < 24; i++)
        assert_float_equal(f.weights.values[i], torch_values[i], 1e-6f);
    assert_int_equal(f.adamw.steps, 10);
    tl_pool_free(pool);
    done(&f);
}

/* --- a reference in double ---------------------------------------------------------------------------------------- */

static float noise(uint64_t i, uint64_t t)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (t + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 31) * UINT64_C(0x94d049bb133111eb);
    return (float)((double)(x >> 40) * 0x1p-24 - 0.5);
}

static const uint32_t sizes[] = {70001, 3, 32768, 500, 1, 65536};
enum { SIZES = 6, FROZEN = 3, STEPS = 30 };

/* The decay of value i of those trained. */
static bool decays(uint64_t i)
{
    for (uint32_t p = 0; p < SIZES; p++) {
        if (p == FROZEN)
            continue;
        if (i < sizes[p])
            return p % 2 == 0;
        i -= sizes[p];
    }
    return false;
}

static void run(struct fixture *f, uint32_t threads)
{
    struct tl_pool *pool = pool_of(threads);
    double norm;
    make(f, sizes, SIZES, FROZEN);
    memset(f->frozen, 1, sizes[FROZEN] * sizeof(float));
    for (uint64_t i = 0; i < f->weights.n_values; i++)
        f->weights.values[i] = noise(i, 1000);
    for (uint64_t t = 0; t < STEPS; t++) {
        for (uint64_t i = 0; i < f->weights.n_values; i++)
            f->weights.gradients[i] = noise(i, t) * (t % 3 ? 1e-3f : 1);
        tl_adamw_step(&f->adamw, &f->weights, pool, 1e-3f, &norm);
        for (uint64_t i = 0; i < f->weights.n_values; i++)
            assert_true(f->weights.gradients[i] == 0);
    }
    tl_pool_free(pool);
}

static void test_reference(void **state)
{
    struct fixture f;
    (void)state;
    run(&f, 1);
    uint64_t n = f.weights.n_values;
    double *x = calloc(n, sizeof(*x)), *m = calloc(n, sizeof(*m)), *v = calloc(n, sizeof(*v));
    for (uint64_t i = 0; i < n; i++)
        x[i] = (double)noise(i, 1000);
    for (uint64_t t = 0; t < STEPS; t++) {
        double sum = 0;
        for (uint64_t i = 0; i < n; i++)
            sum += pow((double)noise(i, t) * (t % 3 ? 1e-3 : 1), 2);
        double clip = sqrt(sum) > 1 ? 1 / sqrt(sum) : 1;
        for (uint64_t i = 0; i < n; i++) {
            double g = (double)noise(i, t) * (t % 3 ? 1e-3 : 1) * clip;
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.95 * v[i] + 0.05 * g * g;
            x[i] -= 1e-3 * (decays(i) ? 0.1 : 0) * x[i];
            x[i] -= 1e-3 * m[i] / (1 - pow(0.9, (double)t + 1)) / (sqrt(v[i] / (1 - pow(0.95, (double)t + 1))) + 1e-8);
        }
    }
    for (uint64_t i = 0; i < n; i++)
        assert_near((double)f.weights.values[i], x[i], 2e-6);
    for (uint32_t i = 0; i < sizes[FROZEN]; i++)
        assert_memory_equal(&f.frozen[i], "\1\1\1\1", 4);
    free(x);
    free(m);
    free(v);
    done(&f);
}

static void test_threads(void **state)
{
    struct fixture one, three;
    (void)state;
    run(&one, 1);
    run(&three, 3);
    assert_memory_equal(one.weights.values, three.weights.values, one.weights.n_values * sizeof(float));
    assert_memory_equal(one.adamw.first, three.adamw.first, one.weights.n_values * sizeof(float));
    assert_memory_equal(one.adamw.second, three.adamw.second, one.weights.n_values * sizeof(float));
    done(&one);
    done(&three);
}

static void test_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY};
    struct tl_pool *pool = pool_of(2);
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        double norm;
        make(&f, sizes, SIZES, FROZEN);
        for (uint64_t k = 0; k < f.weights.n_values; k++)
            f.weights.values[k] = f.weights.gradients[k] = noise(k, 7);
        f.weights.gradients[70002] = bad[i];
        tl_adamw_step(&f.adamw, &f.weights, pool, 1e-3f, &norm);
        assert_false(isfinite(norm));
        assert_int_equal(f.adamw.steps, 0);
        for (uint64_t k = 0; k < f.weights.n_values; k++) {
            assert_true(f.weights.values[k] == noise(k, 7) && f.weights.gradients[k] == 0);
            assert_true(f.adamw.first[k] == 0 && f.adamw.second[k] == 0);
        }
        done(&f);
    }
    tl_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch), cmocka_unit_test(test_reference), cmocka_unit_test(test_threads), cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
