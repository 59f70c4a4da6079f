/* SPDX-License-Identifier: MIT */
/* The gated delta rule and its convolution: every level against ref, bit for bit, on odd sizes and arrays whose ends touch
 * forbidden memory; ref against double; tokens in one call or in several, in place or beside: the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/pool.h"
#include "guarded.h"
#include "kernels.h"

enum { MOST_TOKENS = 5 };

struct sizes { uint32_t key_dim, n_cols, n_tokens; };

/* Everything a call reads and writes: one array each, as tight as the rule allows. */
struct fixture {
    struct sizes sizes;
    size_t n_state;
    struct guarded from, to, rows, beta, decay, out;     /* rows: q, k and v of a token, as they lie in a stream */
};

static size_t stride_of(struct sizes sizes) { return 2 * (size_t)sizes.key_dim + sizes.n_cols; }

static void fill(struct guarded memory, size_t n, float low, float high, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        ((float *)memory.at)[i] = low + (high - low) * (0.5f + 0.5f * next_float(seed));
}

static struct fixture make(struct sizes sizes)
{
    uint64_t seed = sizes.key_dim * 7919 + sizes.n_cols * 31 + sizes.n_tokens;
    size_t row = sizeof(float) * sizes.n_tokens;
    struct fixture f = { .sizes = sizes, .n_state = (size_t)(sizes.n_cols + 15) / 16 * 16 * sizes.key_dim };
    f.from = guarded_new(f.n_state * 4, 64);
    f.to = guarded_new(f.n_state * 4, 64);
    f.rows = guarded_new(row * stride_of(sizes), 4);
    f.beta = guarded_new(row, 4);
    f.decay = guarded_new(row, 4);
    f.out = guarded_new(row * sizes.n_cols, 4);
    fill(f.from, f.n_state, -1, 1, &seed);
    fill(f.rows, sizes.n_tokens * stride_of(sizes), -0.5f, 0.5f, &seed);
    fill(f.beta, sizes.n_tokens, 0, 1, &seed);
    fill(f.decay, sizes.n_tokens, 0.5f, 1, &seed);
    return f;
}

static void done(struct fixture *f)
{
    const struct guarded all[] = { f->from, f->to, f->rows, f->beta, f->decay, f->out };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

static void run(const struct tl_kernel *kernel, const struct fixture *f, uint32_t a_call, const float *from, float *to, float *out)
{
    uint32_t key_dim = f->sizes.key_dim, n_cols = f->sizes.n_cols, n;
    size_t stride = stride_of(f->sizes);
    for (uint32_t t = 0; t < f->sizes.n_tokens; t += n, from = to) {
        const float *q = (const float *)f->rows.at + t * stride;
        n = f->sizes.n_tokens - t < a_call ? f->sizes.n_tokens - t : a_call;
        kernel->delta(&(struct tl_delta){
            .key_dim = key_dim, .n_cols = n_cols, .n_tokens = n, .from = from, .to = to, .q = q, .k = q + key_dim, .v = q + 2 * key_dim,
            .beta = (const float *)f->beta.at + t, .decay = (const float *)f->decay.at + t, .out = out + (size_t)t * n_cols,
            .stride = stride, .gate_stride = 1, .out_stride = n_cols });
    }
}

static void compare(const struct tl_kernel *level, struct sizes sizes, uint32_t a_call, bool in_place)
{
    struct fixture f = make(sizes);
    size_t n_out = (size_t)sizes.n_tokens * sizes.n_cols;
    float *state = take(f.n_state * 4), *out = take(n_out * 4);
    run(tl_kernel_level("ref"), &f, sizes.n_tokens, f.from.at, state, out);
    if (in_place)
        memcpy(f.to.at, f.from.at, f.n_state * 4);
    run(level, &f, a_call, in_place ? f.to.at : f.from.at, f.to.at, f.out.at);
    if (first_difference(f.out.at, out, n_out) < n_out || first_difference(f.to.at, state, f.n_state) < f.n_state)
        fail_msg("%s: keys of %u, %u columns, %u tokens, %u a call, in place %d", level->name, sizes.key_dim, sizes.n_cols,
                 sizes.n_tokens, a_call, in_place);
    free(state);
    free(out);
    done(&f);
}

static void all_sizes(const struct tl_kernel *level, const void *argument)
{
    static const uint32_t key_dims[] = { 1, 2, 3, 4, 7, 16, 31, 64, 128 }, widths[] = { 1, 15, 16, 17, 32, 33, 64, 128 };
    (void)argument;
    for (size_t i = 0; i < sizeof key_dims / sizeof *key_dims; i++)
        for (size_t j = 0; j < sizeof widths / sizeof *widths; j++)
            for (uint32_t tokens = 1; tokens <= MOST_TOKENS; tokens += 2)
                for (int way = 0; way < 4; way++)
                    compare(level, (struct sizes){ key_dims[i], widths[j], tokens }, way & 1 ? 2 : tokens, way & 2);
}

static void test_levels(void **state)
{
    (void)state;
    each_level(all_sizes, NULL);
    all_sizes(tl_kernel_level("ref"), NULL);
}

/* The formula of the paper, in double, with the decay first: S <- a S; S <- S + k (b (v - S^T k))^T; o = S^T q. */
static void test_truth(void **state)
{
    enum { KEYS = 21, COLS = 19, TOKENS = 4 };
    static double s[KEYS][COLS];
    struct fixture f = make((struct sizes){ KEYS, COLS, TOKENS });
    const float *q = f.rows.at, *from = f.from.at, *out = f.out.at;
    (void)state;
    run(tl_kernel_level("ref"), &f, TOKENS, f.from.at, f.to.at, f.out.at);
    for (int i = 0; i < KEYS; i++)
        for (int j = 0; j < COLS; j++)
            s[i][j] = from[(j / 16 * KEYS + i) * 16 + j % 16];
    for (int t = 0; t < TOKENS; t++, q += 2 * KEYS + COLS, out += COLS)
        for (int j = 0; j < COLS; j++) {
            double said = 0, answer = 0;
            for (int i = 0; i < KEYS; i++)
                said += (s[i][j] *= ((float *)f.decay.at)[t]) * q[KEYS + i];
            for (int i = 0; i < KEYS; i++)
                answer += (s[i][j] += q[KEYS + i] * (q[2 * KEYS + j] - said) * ((float *)f.beta.at)[t]) * q[i];
            assert_true(fabs(answer - out[j]) < 1e-5);
        }
    done(&f);
}

static void convolutions(const struct tl_kernel *level, const void *argument)
{
    (void)argument;
    for (uint32_t n_taps = 1; n_taps <= 5; n_taps++)
        for (uint32_t n = 1; n <= 50; n += n < 34 ? 1 : 5) {
            uint64_t seed = n * 8 + n_taps;
            struct guarded weight = guarded_new(n * n_taps * 4, 4), out = guarded_new(n * 4, 4), rows[5];
            const float *taps[5];
            float *expected = take(n * 4);
            fill(weight, n * n_taps, -1, 1, &seed);
            for (uint32_t t = 0; t < n_taps; t++) {
                rows[t] = guarded_new(n * 4, 4);
                fill(rows[t], n, -3, 3, &seed);
                taps[t] = rows[t].at;
            }
            tl_kernel_level("ref")->conv_silu(taps, weight.at, n_taps, n, expected);
            level->conv_silu(taps, weight.at, n_taps, n, out.at);
            assert_int_equal(first_difference(out.at, expected, n), n);
            for (uint32_t i = 0; i < n; i++) {
                double sum = 0;
                for (uint32_t t = 0; t < n_taps; t++)
                    sum += (double)((float *)weight.at)[t * n + i] * taps[t][i];
                assert_true(fabs(expected[i] - sum / (1 + exp(-sum))) < 4e-6);
            }
            for (uint32_t t = 0; t < n_taps; t++)
                guarded_free(rows[t]);
            guarded_free(weight);
            guarded_free(out);
            free(expected);
        }
}

static void test_convolution(void **state)
{
    (void)state;
    each_level(convolutions, NULL);
    convolutions(tl_kernel_level("ref"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels), cmocka_unit_test(test_truth), cmocka_unit_test(test_convolution),
    };
    tl_pool_float_mode();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
