/* SPDX-License-Identifier: MIT */
/* Activations of every level against ref, all bytes of their rows, at odd sizes and with numbers that are hard: zeros,
 * subnormals, huge, infinite and NaN; poison behind the rows has to survive. And the reference against the definition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pool.h"
#include "kernel/acts.h"
#include "kernels.h"

enum { MAX_TOKENS = 9, X_PAD = 3, POISON = 64 };

static const uint32_t all_cols[] = {1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 255, 256, 257, 576, 1100};

struct trial {
    enum tl_acts_form form;
    uint32_t cols, from, to;
    const float *x;
};

static uint8_t *fill(const struct tl_kernel *level, const struct trial *trial, uint64_t *ret_bytes)
{
    uint64_t bytes = tl_acts_bytes(trial->form, MAX_TOKENS, trial->cols);
    struct tl_acts acts = {.form = trial->form, .cols = trial->cols, .max_tokens = MAX_TOKENS, .data = take(bytes + POISON)};
    memset(acts.data, 0xa5, bytes + POISON);
    level->acts_fill[trial->form](trial->x, trial->cols + X_PAD, trial->from, trial->to, &acts);
    *ret_bytes = bytes + POISON;
    return acts.data;
}

static void compare(const struct tl_kernel *level, const void *argument)
{
    const struct trial *trial = argument;
    uint64_t bytes;
    uint8_t *expected = fill(tl_kernel_level("ref"), trial, &bytes), *found = fill(level, trial, &bytes);
    for (uint64_t i = 0; i < bytes; i++)
        if (expected[i] != found[i])
            fail_msg("%s form %d cols %u tokens %u-%u: byte %llu of token %llu is %02x, not %02x", level->name, trial->form,
                     trial->cols, trial->from, trial->to, (unsigned long long)(i % tl_acts_row_bytes(trial->form, trial->cols)),
                     (unsigned long long)(i / tl_acts_row_bytes(trial->form, trial->cols)), found[i], expected[i]);
    free(expected);
    free(found);
}

/* Token t has its own kind of numbers. */
static float number_of(uint32_t t, uint32_t k, uint64_t *seed)
{
    static const float hard[] = {0, -0.0f, 1, -1, 1e-45f, 1.1754942e-38f, 1.1754944e-38f, 3e38f, -3.4028235e38f, 0.5f, 1.5f, 2.5f};
    static const float odd[] = {INFINITY, -INFINITY, 1, 2};
    float value = next_float(seed);
    switch (t) {
    case 1: return hard[next_random(seed) % (sizeof hard / sizeof *hard)];
    case 2: return value * 1e-35f;
    case 3: return value * 1e-30f;
    case 4: return k % 2 ? 127 : -127;
    case 5: return (float)(int)(value * 254) / 2;                    /* halves: ties */
    case 6: return k % 97 == 3 ? odd[next_random(seed) % 4] : value;
    case 7: return 0;
    default: return value;
    }
}

static void test_levels(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (size_t i = 0; i < sizeof all_cols / sizeof *all_cols; i++) {
        uint32_t cols = all_cols[i], stride = cols + X_PAD;
        float *x = take(MAX_TOKENS * stride * sizeof *x);
        for (uint32_t t = 0; t < MAX_TOKENS; t++)
            for (uint32_t k = 0; k < stride; k++)
                x[t * stride + k] = k < cols ? number_of(t, k, &seed) : NAN;
        for (enum tl_acts_form form = 0; form < TL_ACTS_FORMS; form++) {
            each_level(compare, &(struct trial){form, cols, 0, MAX_TOKENS, x});
            each_level(compare, &(struct trial){form, cols, 2, 3, x});
            each_level(compare, &(struct trial){form, cols, 4, 4, x});
        }
        free(x);
    }
}

/* NaN has no one pattern; that it reaches the scale is what counts. */
static void not_a_number(const struct tl_kernel *level, const void *argument)
{
    (void)argument;
    float x[64];
    for (int i = 0; i < 64; i++)
        x[i] = i == 7 ? -NAN : 1;
    uint64_t bytes;
    struct tl_acts_block *blocks = (struct tl_acts_block *)fill(level, &(struct trial){TL_ACTS_Q8, 61, 0, 1, x}, &bytes);
    assert_true(isnan(blocks[0].scale[0]) && isnan(blocks[0].scale_sum));
    assert_int_equal(blocks[0].sums[0], 0);
    for (int i = 0; i < 16; i++)
        assert_int_equal(blocks[0].codes[i], 0);
    assert_true(blocks[0].scale[1] == 1 / 127.0f && blocks[1].scale[0] == 1 / 127.0f);
    free(blocks);
    uint16_t *halves = (uint16_t *)fill(level, &(struct trial){TL_ACTS_BF16, 61, 0, 1, x}, &bytes);
    assert_true((halves[7] & 0x7fff) > 0x7f80);
    assert_int_equal(halves[8], 0x3f80);
    free(halves);
}

static void test_nan(void **state)
{
    (void)state;
    not_a_number(tl_kernel_level("ref"), NULL);
    each_level(not_a_number, NULL);
}

static void test_definition(void **state)
{
    (void)state;
    uint64_t seed = 1, bytes;
    float x[32], amax[2] = {0, 0};
    for (int i = 0; i < 32; i++) {
        x[i] = next_float(&seed) * (i < 16 ? 3 : 30);
        amax[i / 16] = fabsf(x[i]) > amax[i / 16] ? fabsf(x[i]) : amax[i / 16];
    }
    struct tl_acts_block *block = (struct tl_acts_block *)fill(tl_kernel_level("ref"), &(struct trial){TL_ACTS_Q8, 32, 0, 1, x}, &bytes);
    int32_t sums[2] = {0, 0};
    assert_true(block->scale[0] == amax[0] / 127 && block->scale[1] == amax[1] / 127);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(block->codes[i], (int)rintf(x[i] * (127 / amax[i / 16])));
        sums[i / 16] += block->codes[i];
    }
    assert_int_equal(block->sums[0], sums[0]);
    assert_int_equal(block->sums[1], sums[1]);
    assert_true(block->scale_sum == block->scale[0] * (float)sums[0] + block->scale[1] * (float)sums[1]);
    free(block);
    assert_int_equal(tl_acts_form_of(tl_number(TL_NUMBER_F16), false), TL_ACTS_F32);
    assert_int_equal(tl_acts_form_of(tl_number(TL_NUMBER_BF16), false), TL_ACTS_BF16);
    assert_int_equal(tl_acts_form_of(tl_number(TL_NUMBER_BF16), true), TL_ACTS_F32);
    assert_int_equal(tl_acts_form_of(tl_number(TL_NUMBER_Q6_K), false), TL_ACTS_Q8);
    assert_int_equal(tl_acts_form_of(tl_number(TL_NUMBER_Q6_K), true), TL_ACTS_F32);
}

/* Ties go to even, subnormals to zero, what is too large to infinity. */
static void test_bf16(void **state)
{
    (void)state;
    static const struct { uint32_t bits; uint16_t half; } rows[] = {
        {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x80000001, 0x8000}, {0x007fffff, 0},
        {0x00800000, 0x0080}, {0x7f7fffff, 0x7f80}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float x;
        uint64_t bytes;
        memcpy(&x, &rows[i].bits, sizeof x);
        uint16_t *halves = (uint16_t *)fill(tl_kernel_level("ref"), &(struct trial){TL_ACTS_BF16, 1, 0, 1, &x}, &bytes);
        assert_int_equal(halves[0], rows[i].half);
        assert_int_equal(halves[1], 0);
        free(halves);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_nan),
    };
    tl_pool_float_mode();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
