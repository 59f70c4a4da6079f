/* SPDX-License-Identifier: MIT */
/* Vector operations: every level against ref, bit for bit, at all small sizes and some large ones, on arrays whose ends
 * touch forbidden memory, with special values mixed in, and in place; ref against double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/pool.h"
#include "guarded.h"
#include "kernels.h"

enum filling { PLAIN, WIDE, SPECIAL, FILLINGS };

/* A vector operation on x and y (both [n]) in the shape of the loops below; those that give one number write out[0]. */
struct operation {
    const char *name;
    bool one_number;
    void (*run)(const struct tl_kernel *kernel, const float *x, const float *y, size_t n, float *out);
    double (*truth)(double x, double y);     /* of one element; NULL: see test_sums */
    double tolerance;                        /* relative */
};

static void run_sum(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { (void)y; *out = k->sum(x, n); }
static void run_max(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { (void)y; *out = k->max(x, n); }
static void run_norm(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->rms_norm(x, y, n, 1e-5f, out); }
static void run_bare_norm(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { (void)y; k->rms_norm(x, NULL, n, 1e-6f, out); }
static void run_add(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->add(x, y, n, out); }
static void run_scale(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { (void)y; k->scale(x, 0.7f, n, out); }
static void run_exp(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { (void)y; k->exp(x, 0.3f, n, out); }
static void run_silu(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->silu_mul(x, y, n, out); }
static void run_gelu(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->gelu_mul(x, y, n, out); }
static void run_clamped(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->clamped_mul(x, y, n, out); }
static void run_add_scaled(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out)
{
    k->scale(y, 1.0f, n, out);
    k->add_scaled(x, 0.7f, n, out);
}
static void run_softcap(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { (void)y; k->softcap(x, 30.0f, n, out); }

static void run_sigmoid(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->sigmoid_mul(x, y, n, out); }
static void run_decay(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->decay(x, y, y, true, n, out); }
static void run_stored_decay(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->decay(x, y, y, false, n, out); }
static void run_conv(const struct tl_kernel *k, const float *x, const float *y, size_t n, float *out) { k->conv_silu(&x, y, 1, n, out); }

static double true_add(double x, double y) { return x + y; }
static double true_scale(double x, double y) { (void)y; return x * 0.7f; }
static double true_exp(double x, double y) { (void)y; return exp(x - 0.3f); }
static double true_silu(double x, double y) { return x / (1 + exp(-x)) * y; }
static double true_clamped(double x, double y)
{
    double g = x < 7 ? x : 7, u = y < 7 ? y > -7 ? y : -7 : 7;
    return (u + 1) * g / (1 + exp(-1.702 * g));
}
static double true_sigmoid(double x, double y) { return y / (1 + exp(-x)); }
static double true_decay(double x, double y) { return exp(-exp(y) * (fmax(x + y, 0) + log1p(exp(-fabs(x + y))))); }
static double true_conv(double x, double y) { return x * y / (1 + exp(-x * y)); }
static double true_add_scaled(double x, double y) { return x * 0.7f + y; }
static double true_softcap(double x, double y) { (void)y; return 30 * tanh(x / 30); }

/* The definition cancels for negative x; the form without cancellation is checked against it. */
static double true_gelu(double x, double y)
{
    double u = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x), gelu = x / (1 + exp(-2 * u));
    assert_true(fabs(gelu - 0.5 * x * (1 + tanh(u))) < 1e-14);
    return gelu * y;
}

static const struct operation operations[] = {
    { "sum", true, run_sum, NULL, 0 },
    { "max", true, run_max, NULL, 0 },
    { "rms_norm", false, run_norm, NULL, 0 },
    { "rms_norm without weight", false, run_bare_norm, NULL, 0 },
    { "add", false, run_add, true_add, 1e-7 },
    { "scale", false, run_scale, true_scale, 1e-7 },
    { "exp", false, run_exp, true_exp, 1e-6 },
    { "silu_mul", false, run_silu, true_silu, 6e-7 },
    { "gelu_mul", false, run_gelu, true_gelu, 1e-5 },
    { "clamped_mul", false, run_clamped, true_clamped, 4e-6 },
    { "add_scaled", false, run_add_scaled, true_add_scaled, 4e-6 },
    { "sigmoid_mul", false, run_sigmoid, true_sigmoid, 6e-7 },
    { "decay", false, run_decay, true_decay, 5e-5 },             /* 1e-6 of an exponent that reaches -87 */
    { "decay of stored rates", false, run_stored_decay, NULL, 0 },
    { "conv_silu", false, run_conv, true_conv, 1e-5 },
    { "softcap", false, run_softcap, true_softcap, 4e-7 },
};

static const float specials[] = {
    0.0f, -0.0f, 0x1p-140f, -0x1p-127f, 0x1p-126f, -0x1.8p-126f, 0x1.fffffep127f, -0x1.fffffep127f, INFINITY, -INFINITY, NAN,
    88.7f, 89.0f, -87.3f, -88.0f, 1e-20f, -1e30f, 1e15f, 9.99f, -10.01f,
};

static void fill(float *x, size_t n, enum filling filling, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = next_float(seed) * (filling == PLAIN ? 8.0f : 100.0f);
        if (filling == WIDE)
            x[i] = float_of_bits((uint32_t)next_random(seed));
        if (filling == SPECIAL && next_random(seed) % 3 == 0)
            x[i] = specials[next_random(seed) % (sizeof specials / sizeof *specials)];
    }
}

static const struct tl_kernel *ref(void)
{
    return tl_kernel_level("ref");
}

static void compare(const struct tl_kernel *level, const struct operation *operation, size_t n, enum filling filling)
{
    uint64_t seed = n * 31 + filling;
    size_t bytes = n * sizeof(float), results = operation->one_number ? 1 : n;
    struct guarded x = guarded_new(bytes, 4), y = guarded_new(bytes, 4), out = guarded_new(bytes, 4);
    float *expected = take(bytes + 4), *before = (float *)out.at - 1;
    fill(x.at, n, filling, &seed);
    fill(y.at, n, filling, &seed);
    operation->run(ref(), x.at, y.at, n, expected);
    operation->run(level, x.at, y.at, n, out.at);
    size_t at = first_difference(out.at, expected, results);
    if (at < results)
        fail_msg("%s %s n=%zu filling %d: element %zu is %a, ref %a", level->name, operation->name, n, (int)filling, at,
                 ((float *)out.at)[at], expected[at]);
    assert_true(*before != *before);                              /* the poison before it is still there */
    if (!operation->one_number && operation->run != run_add_scaled) {        /* in place; what is added to is no other input */
        operation->run(level, x.at, y.at, n, x.at);
        assert_int_equal(first_difference(x.at, expected, n), n);
    }
    free(expected);
    guarded_free(x);
    guarded_free(y);
    guarded_free(out);
}

static void all_sizes(const struct tl_kernel *level, const void *argument)
{
    (void)argument;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        for (enum filling filling = 0; filling < FILLINGS; filling++) {
            for (size_t n = 1; n <= 67; n++)
                compare(level, &operations[i], n, filling);
            compare(level, &operations[i], 576, filling);
            compare(level, &operations[i], 1000, filling);
        }
}

/* A dense sample of all floats through the functions that approximate. */
static void dense(const struct tl_kernel *level, const void *argument)
{
    (void)argument;
    enum { CHUNK = 4096, STEP = 1021 };
    float *x = take(CHUNK * 4), *found = take(CHUNK * 4), *expected = take(CHUNK * 4);
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += (uint64_t)CHUNK * STEP) {
        for (uint32_t i = 0; i < CHUNK; i++)
            x[i] = float_of_bits((uint32_t)(bits + (uint64_t)i * STEP));
        level->exp(x, 0.0f, CHUNK, found);
        ref()->exp(x, 0.0f, CHUNK, expected);
        assert_int_equal(first_difference(found, expected, CHUNK), CHUNK);
        level->softcap(x, 1.0f, CHUNK, found);
        ref()->softcap(x, 1.0f, CHUNK, expected);
        assert_int_equal(first_difference(found, expected, CHUNK), CHUNK);
    }
    free(x);
    free(found);
    free(expected);
}

static void ropes(const struct tl_kernel *level, const void *argument)
{
    (void)argument;
    for (uint32_t n_rot = 0; n_rot <= 130; n_rot += 2)
        for (int halves = 0; halves < 2; halves++) {
            uint64_t seed = n_rot;
            struct guarded head = guarded_new(n_rot * 4, 4), table = guarded_new(n_rot * 4, 4);
            float *expected = take(n_rot * 4);
            fill(head.at, n_rot, n_rot % 4 ? PLAIN : SPECIAL, &seed);
            fill(table.at, n_rot, n_rot % 4 ? PLAIN : SPECIAL, &seed);
            memcpy(expected, head.at, n_rot * 4);
            ref()->rope(expected, n_rot, table.at, halves);
            level->rope(head.at, n_rot, table.at, halves);
            if (first_difference(head.at, expected, n_rot) != n_rot)
                fail_msg("%s rope n_rot=%u halves=%d", level->name, n_rot, halves);
            free(expected);
            guarded_free(head);
            guarded_free(table);
        }
}

static void test_levels(void **state)
{
    (void)state;
    each_level(all_sizes, NULL);
}

static void test_dense(void **state)
{
    (void)state;
    each_level(dense, NULL);
}

static void test_rope(void **state)
{
    (void)state;
    each_level(ropes, NULL);
    float head[6] = { 1, 2, 3, 4, 5, 6 }, table[4] = { 0, 1, -1, 0 };         /* a quarter turn, a half turn; the rest stays */
    ref()->rope(head, 4, table, false);
    assert_memory_equal(head, ((float[]){ -2, 1, -3, -4, 5, 6 }), sizeof head);
    ref()->rope(head, 4, table, true);
    assert_memory_equal(head, ((float[]){ 3, -1, -2, 4, 5, 6 }), sizeof head);
}

/* The order that kernel.h fixes, written out for one case where every other order gives another sum. */
static void test_sums(void **state)
{
    (void)state;
    enum { N = 37 };
    uint64_t seed = 3;
    float x[N], partial[16] = { 0 };
    fill(x, N, PLAIN, &seed);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        partial[i % 16] += x[i];
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    float tree = ((partial[0] + partial[8]) + (partial[4] + partial[12])) + ((partial[2] + partial[10]) + (partial[6] + partial[14]));
    tree += ((partial[1] + partial[9]) + (partial[5] + partial[13])) + ((partial[3] + partial[11]) + (partial[7] + partial[15]));
    assert_true(ref()->sum(x, N) == tree);
    assert_true(fabs(tree - sum) < 1e-5);
    float normed[N], largest = x[0];
    ref()->rms_norm(x, x, N, 1e-5f, normed);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(normed[i] - x[i] * (double)x[i] / sqrt(squares / N + 1e-5f)) < 1e-5);
        largest = fmaxf(largest, x[i]);
    }
    assert_true(ref()->max(x, N) == largest);
}

static void test_accuracy(void **state)
{
    (void)state;
    enum { N = 20000 };
    uint64_t seed = 11;
    float *x = take(N * 4), *y = take(N * 4), *out = take(N * 4);
    fill(x, N, PLAIN, &seed);
    fill(y, N, PLAIN, &seed);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        const struct operation *operation = &operations[i];
        if (!operation->truth)
            continue;
        operation->run(ref(), x, y, N, out);
        for (size_t k = 0; k < N; k++) {
            double truth = operation->truth(x[k], y[k]);
            if (fabs(out[k] - truth) > operation->tolerance * fabs(truth) + 1e-37)
                fail_msg("%s(%a, %a) = %a, truth %a", operation->name, x[k], y[k], out[k], truth);
        }
    }
    free(x);
    free(y);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels), cmocka_unit_test(test_dense), cmocka_unit_test(test_rope),
        cmocka_unit_test(test_sums), cmocka_unit_test(test_accuracy),
    };
    tl_pool_float_mode();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
