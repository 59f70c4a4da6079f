/* SPDX-License-Identifier: MIT */
/* Number formats: the facts of every row, decoding and encoding against gguf-py's bits (tests/golden/number, made by
 * tests/golden/number_formats.py), error bounds of every encoder, hostile values, and all halves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "golden_file.h"
#include "number/number.h"

/* A file of golden/number; NULL: there is none. */
static void *golden(const char *name, const char *kind, size_t *ret_bytes)
{
    FILE *file = fopen(golden_file("number/%s.%s", name, kind), "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *ret_bytes = (size_t)ftell(file);
    rewind(file);
    void *bytes = malloc(*ret_bytes);
    assert_int_equal(fread(bytes, 1, *ret_bytes, file), *ret_bytes);
    fclose(file);
    return bytes;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static void assert_same(const char *name, size_t at, float found, float expected)
{
    if (bits_of(found) == bits_of(expected) || (isnan(found) && isnan(expected)))
        return;
    fail_msg("%s: element %zu is %a, expected %a", name, at, (double)found, (double)expected);
}

static void test_facts(void **state)
{
    (void)state;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        assert_non_null(n);
        assert_int_equal(n->id, id);
        assert_ptr_equal(tl_number_by_name(n->name), n);
        if (n->gguf_type >= 0)
            assert_ptr_equal(tl_number_by_gguf(n->gguf_type), n);
        if (n->safetensors)
            assert_ptr_equal(tl_number_by_safetensors(n->safetensors), n);
        assert_true(n->block_elems >= 1 && n->block_elems <= TL_NUMBER_MAX_BLOCK);
        assert_true(n->panel_elems >= 1 && n->panel_elems % n->block_elems == 0);
        assert_true(n->offset <= 128);
        uint32_t bytes = 0;
        for (const struct tl_number_field *field = n->fields; field->bytes; field++) {
            assert_true(field->granule == 1 || field->granule == 2 || field->granule == 4);
            assert_int_equal(field->bytes % field->granule, 0);
            bytes += field->bytes;
        }
        assert_int_equal(bytes, n->panel_elems / n->block_elems * n->block_bytes);
        assert_true(bytes <= TL_NUMBER_MAX_BLOCK_BYTES);
        assert_non_null(n->encode);
        assert_true(n->group ? n->unpack && !n->widen && n->block_elems % n->group == 0 : n->widen && !n->unpack);
        assert_true(!n->part || (n->widen && n->block_elems > 1));
        if (n->apart)
            assert_int_equal(n->block_elems * n->apart->code_bits / 8 + n->block_elems / n->apart->cols * n->apart->scale_bytes,
                             n->block_bytes);
    }
    assert_null(tl_number_by_name("q7_7"));
    assert_null(tl_number_by_gguf(-1));
    assert_null(tl_number_by_gguf(INT64_C(1) << 32));
    assert_null(tl_number_by_safetensors("I64"));
}

/* Every scale of a half, with all codes of 4 bits; which of them other halves say, the decoder of the other format tells. */
static void check_restated(const struct tl_number *n, const struct tl_number *as)
{
    enum { ELEMS = 64 };
    static uint8_t says[1 << 16];
    uint32_t accepted = 0;
    uint8_t from[TL_NUMBER_MAX_BLOCK_BYTES], to[TL_NUMBER_MAX_BLOCK_BYTES];
    float values[ELEMS], again[ELEMS];
    memset(says, 0, sizeof says);
    for (uint32_t half = 0; half < 1 << 16; half++) {
        uint32_t bits = bits_of(tl_f16_to_f32((uint16_t)half));
        if ((bits & 0xffff) == 0)
            says[bits >> 16] = 1;
    }
    for (uint32_t scale = 0; scale < 1 << 16; scale++) {
        uint16_t one = 0x3f80, half = (uint16_t)scale;
        for (uint32_t i = 0; i < 16; i++)
            from[2 + i] = from[2 + n->block_bytes + i] = (uint8_t)(i << 4 | (15 - i));
        memcpy(from, &one, 2);
        memcpy(from + n->block_bytes, &half, 2);
        size_t done = n->restated->restate(from, ELEMS, to);
        float alone = tl_bf16_to_f32(half);
        assert_true(n->restated->holds(&alone, 1) == 0 || done == ELEMS);
        if (done != (says[scale] ? ELEMS : ELEMS / 2))
            fail_msg("%s: a scale of %a is restated in %zu elements", n->name, (double)tl_bf16_to_f32(half), done);
        if (scale >= 0x3700 && scale <= 0x477f)          /* 2^-17 to 65280 */
            assert_true(done == ELEMS && n->restated->holds(&alone, 1) == 1);
        tl_number_decode(n, from, done, values);
        tl_number_decode(as, to, done, again);
        for (size_t i = 0; i < done; i++)
            assert_same(as->name, i, again[i], values[i]);
        accepted += done == ELEMS;
    }
    assert_true(accepted > 8000);
}

/* Of zeros alone the scale may be any that is finite. */
static void check_restated_zeros(const struct tl_number *n, const struct tl_number *as)
{
    static const struct { uint16_t scale; bool says; } rows[] = {
        {0x0000, true}, {0x8000, true}, {0x0001, true}, {0x8001, true}, {0x322b, true}, {0x7f7f, true}, {0xff7f, true}, {0x7f80, true}, {0xff80, true}, {0x7f81, false},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        uint8_t from[TL_NUMBER_MAX_BLOCK_BYTES], to[TL_NUMBER_MAX_BLOCK_BYTES];
        float values[32], again[32];
        memset(from, 0x88, n->block_bytes);
        memcpy(from, &rows[k].scale, 2);
        assert_int_equal(n->restated->restate(from, 32, to), rows[k].says ? 32 : 0);
        if (!rows[k].says)
            continue;
        tl_number_decode(n, from, 32, values);
        tl_number_decode(as, to, 32, again);
        for (size_t i = 0; i < 32; i++)
            assert_same(as->name, i, again[i], values[i]);
        from[17] = 0x98;                                 /* one that is none: the scale counts */
        if (rows[k].scale == 0x322b)
            assert_int_equal(n->restated->restate(from, 32, to), 0);
    }
}

/* Scales of every exponent and the first eight bits behind the one, with all codes: those that hold are those with which all values come
 * back from the other format, as normal numbers. */
static void check_holds(const struct tl_number *n, const struct tl_number *as)
{
    float values[TL_NUMBER_MAX_BLOCK];
    uint8_t stored[4 * TL_NUMBER_MAX_BLOCK], block[TL_NUMBER_MAX_BLOCK_BYTES];
    uint32_t held = 0, half = n->block_elems / 2;
    for (uint32_t bits = 0; bits < 1u << 17; bits++) {
        bool same = true;
        float scale = float_of(bits << 15), few[3] = {1, scale, 2}, back[TL_NUMBER_MAX_BLOCK];
        memcpy(block, &scale, 4);
        for (uint32_t i = 0; i < n->block_elems; i++)
            block[4 + i] = (uint8_t)(i < half ? i : 0x80 + i - half);
        for (int page = 0; page < 2; page++) {
            for (uint32_t i = 0; i < n->block_elems && page; i++)
                block[4 + i] = (uint8_t)(block[4 + i] + half);
            block[4 + n->block_elems - 1] = block[4 + half - 1] = 0;         /* no NaN */
            tl_number_decode(n, block, n->block_elems, values);
            as->encode(values, n->block_elems, stored);
            tl_number_decode(as, stored, n->block_elems, back);
            for (uint32_t i = 0; i < n->block_elems; i++)
                same = same && bits_of(values[i]) == bits_of(back[i]) && (values[i] == 0 || (fabsf(values[i]) >= 0x1p-126f && isfinite(values[i])));
        }
        bool holds = n->restated->holds(few, 3) == 3;
        assert_int_equal(n->restated->holds(few, 3), holds ? 3 : 1);
        if (holds && !same)
            fail_msg("%s: a scale of %a does not give values of %s", n->name, (double)scale, as->name);
        if (!holds && same && fabsf(scale) > 0x1p-117f && fabsf(scale) < 0x1p118f)
            fail_msg("%s: a scale of %a gives values of %s", n->name, (double)scale, as->name);
        held += holds;
    }
    assert_true(held > 4000);
}

static void test_restated(void **state)
{
    uint32_t found = 0;
    (void)state;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        for (int other = 0; other < TL_NUMBERS; other++) {
            const struct tl_number *as = tl_number((enum tl_number_id)other);
            bool restated = n->restated && n->restated->as == as->id;
            assert_int_equal(tl_number_says(as, n), restated || as == n);
            if (!restated)
                continue;
            found++;
            assert_true(as->gguf_type >= 0 && n->gguf_type < 0 && n->apart);
            if (!n->restated->restate) {
                check_holds(n, as);
                continue;
            }
            assert_int_equal(as->block_elems, n->block_elems);
            check_restated(n, as);
            check_restated_zeros(n, as);
        }
    }
    assert_int_equal(found, 2);
}

static void test_bytes(void **state)
{
    (void)state;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        uint64_t bytes = 77;
        assert_true(tl_number_bytes(n, UINT64_C(5) * n->block_elems, &bytes));
        assert_int_equal(bytes, 5 * n->block_bytes);
        assert_true(tl_number_bytes(n, 0, &bytes));
        assert_int_equal(bytes, 0);
        if (n->block_elems > 1)
            assert_false(tl_number_bytes(n, n->block_elems - 1, &bytes));
        if (n->block_bytes > n->block_elems)
            assert_false(tl_number_bytes(n, UINT64_MAX / n->block_elems * n->block_elems, &bytes));
        assert_int_equal(bytes, 0);
    }
}

static void test_golden_decode(void **state)
{
    (void)state;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        size_t n_bytes, n_expected;
        uint8_t *blocks = golden(n->name, "blocks", &n_bytes);
        float *expected = golden(n->name, "values", &n_expected);
        if (!blocks && n->gguf_type < 0 && !n->safetensors && !n->apart)
            continue;                                    /* in no file of others: nobody else decodes it */
        if (!blocks || !expected)
            fail_msg("tests/golden/number/%s.blocks or .values is missing: add the format to number_formats.py", n->name);
        size_t n_elems = n_bytes / n->block_bytes * n->block_elems;
        assert_int_equal(n_elems * 4, n_expected);
        float *values = malloc(n_elems * 4);
        tl_number_decode(n, blocks, n_elems, values);
        for (size_t i = 0; i < n_elems; i++)
            assert_same(n->name, i, values[i], expected[i]);
        free(values);
        free(expected);
        free(blocks);
    }
}

static void test_golden_encode(void **state)
{
    (void)state;
    size_t n_values, n_expected, compared = 0;
    float *values = golden("encode", "values", &n_values);
    assert_non_null(values);
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        uint8_t *expected = golden(n->name, "encoded", &n_expected);
        if (!expected)
            continue;
        uint8_t *bytes = malloc(n_expected);
        n->encode(values, n_values / 4, bytes);
        for (size_t i = 0; i < n_expected; i++)
            if (bytes[i] != expected[i])
                fail_msg("%s: encoded byte %zu is %02x, expected %02x", n->name, i, bytes[i], expected[i]);
        compared++;
        free(bytes);
        free(expected);
    }
    assert_true(compared >= 8);
    free(values);
}

/* Blocks of values in all sizes, for formats without golden ones. */
static uint8_t *encoded(const struct tl_number *n, size_t *ret_bytes)
{
    float values[TL_NUMBER_MAX_BLOCK];
    size_t n_blocks = TL_NUMBER_MAX_BLOCK / n->block_elems;
    for (int i = 0; i < TL_NUMBER_MAX_BLOCK; i++)
        values[i] = ldexpf((float)(i * 37 % 101 - 50), i / 16 - 10);
    *ret_bytes = n_blocks * n->block_bytes;
    uint8_t *bytes = malloc(*ret_bytes);
    n->encode(values, TL_NUMBER_MAX_BLOCK, bytes);
    return bytes;
}

/* decode must be what the header says of unpack's codes, scales and minima. */
static void test_unpack(void **state)
{
    (void)state;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        uint8_t codes[TL_NUMBER_MAX_BLOCK];
        float scale[16], min[16], values[TL_NUMBER_MAX_BLOCK];
        size_t n_bytes;
        if (!n->group)
            continue;
        uint8_t *blocks = golden(n->name, "blocks", &n_bytes);
        if (!blocks)
            blocks = encoded(n, &n_bytes);
        for (const uint8_t *block = blocks; block < blocks + n_bytes; block += n->block_bytes) {
            memset(min, 0xee, sizeof min);
            n->unpack(block, codes, scale, min);
            tl_number_decode(n, block, n->block_elems, values);
            for (uint32_t i = 0; i < n->block_elems; i++) {
                float product = scale[i / n->group] * (float)((int)codes[i] - (int)n->offset);
                assert_same(n->name, i, values[i], n->has_min ? product + min[i / n->group] : product);
            }
            if (!n->has_min)
                assert_int_equal(bits_of(min[0]), 0xeeeeeeee);
        }
        free(blocks);
    }
}

static float normal(uint64_t *seed)
{
    float sum = 0;
    for (int i = 0; i < 12; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        sum += (float)(*seed >> 40) / 16777216.0f;
    }
    return sum - 6;
}

/* Root mean square error over that of the values, on normally distributed values: halves for each bit of storage. */
static void test_error_bounds(void **state)
{
    (void)state;
    enum { N = 64 * TL_NUMBER_MAX_BLOCK };
    static float values[N], back[N];
    static uint8_t bytes[N * 4];
    uint64_t seed = 1;
    for (int i = 0; i < N; i++)
        values[i] = 0.02f * normal(&seed);
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        double error = 0, power = 0, bits = 8.0 * n->block_bytes / n->block_elems;
        n->encode(values, N, bytes);
        tl_number_decode(n, bytes, N, back);
        for (int i = 0; i < N; i++) {
            error += pow((double)back[i] - (double)values[i], 2);
            power += pow((double)values[i], 2);
        }
        double found = sqrt(error / power), bound = n->group ? 2.5 * pow(2, -bits) : n->id == TL_NUMBER_BF16 ? 0x1p-8 : n->part ? 0x1p-5 : 0x1p-11;
        print_message("%-8s %6.3f bits: relative error %.6f (bound %.6f)\n", n->name, bits, found, bound);
        assert_true(found <= bound);
    }
}

/* Values that no encoder may stumble over; finite ones within half's range come back finite. */
static void test_hostile_values(void **state)
{
    (void)state;
    static const float odd[] = {0, -0.0f, 1e-45f, 1e-38f, -1e-30f, 1, -1, 65504, -65504, 1e30f, -3e38f, INFINITY, -INFINITY, NAN};
    enum { ODD = sizeof odd / sizeof odd[0] };
    float values[TL_NUMBER_MAX_BLOCK], weights[TL_NUMBER_MAX_BLOCK], back[TL_NUMBER_MAX_BLOCK];
    uint8_t bytes[4 * TL_NUMBER_MAX_BLOCK];
    for (uint32_t i = 0; i < TL_NUMBER_MAX_BLOCK; i++)
        weights[i] = i % 5 ? (float)(i % 7) : 1e20f;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        for (uint32_t a = 0; a < ODD; a++)
            for (uint32_t b = 0; b < ODD; b++) {
                for (uint32_t i = 0; i < TL_NUMBER_MAX_BLOCK; i++)
                    values[i] = i % 3 ? odd[a] : odd[b];
                for (int careful = 0; careful <= (n->fit != NULL); careful++) {
                    if (careful)
                        n->fit(values, a % 2 ? weights : NULL, TL_NUMBER_MAX_BLOCK, bytes);
                    else
                        n->encode(values, TL_NUMBER_MAX_BLOCK, bytes);
                    tl_number_decode(n, bytes, TL_NUMBER_MAX_BLOCK, back);
                    for (uint32_t i = 0; i < TL_NUMBER_MAX_BLOCK && a < 9 && b < 9; i++)
                        if (!isfinite(back[i]))
                            fail_msg("%s: %g beside %g comes back as %g", n->name, (double)odd[b], (double)odd[a], (double)back[i]);
                }
            }
    }
}

/* As files are written. */
/* Wherever in a row it is. */
static void test_holds(void **state)
{
    (void)state;
    static const struct { float value; bool by_half; } cases[] = {
        {0, true}, {-1e-40f, true}, {65519.99f, true}, {-65519.99f, true}, {65520, false}, {-1e30f, false}, {INFINITY, false}, {-INFINITY, false}, {NAN, false}, {-NAN, false},
    };
    for (unsigned i = 0; i < TL_NUMBERS; i++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
            for (size_t at = 0; at < 37; at++) {
                float values[37] = {0};
                values[at] = cases[k].value;
                bool all = i == TL_NUMBER_F32 || i == TL_NUMBER_BF16;
                assert_int_equal(tl_number_holds(tl_number(i), values, 37), all || cases[k].by_half);
                assert_true(tl_number_holds(tl_number(i), values, at));
            }
}

static void store(const struct tl_number *n, const float *values, size_t count, uint8_t *ret_bytes)
{
    if (n->fit)
        n->fit(values, NULL, count, ret_bytes);
    else
        n->encode(values, count, ret_bytes);
}

/* A fit costs no more than an encoding does, by the weights that it was given. */
static void test_fit(void **state)
{
    (void)state;
    enum { N = 16 * TL_NUMBER_MAX_BLOCK };
    static float values[N], weights[N], back[N];
    static uint8_t bytes[N * 4];
    uint64_t seed = 3;
    for (int i = 0; i < N; i++) {
        values[i] = normal(&seed);
        weights[i] = expf(normal(&seed));
    }
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        double error[2] = {0, 0};
        for (int careful = 0; careful < 2 && n->fit; careful++) {
            if (careful)
                n->fit(values, weights, N, bytes);
            else
                n->encode(values, N, bytes);
            tl_number_decode(n, bytes, N, back);
            for (int i = 0; i < N; i++)
                error[careful] += (double)weights[i] * pow((double)back[i] - (double)values[i], 2);
        }
        print_message("%-8s weighted error of a fit over that of an encoding: %.3f\n", n->name, n->fit ? error[1] / error[0] : 1);
        assert_true(!n->fit || error[1] < 0.99 * error[0]);
    }
}

/* Threads that compute flush subnormals, others do not: what is stored must not depend on it. */
static void test_float_mode(void **state)
{
    (void)state;
    enum { N = 64 * TL_NUMBER_MAX_BLOCK };
    static float values[N], back[N], flushed_back[N];
    static uint8_t bytes[N * 4], flushed[N * 4];
    uint64_t seed = 7;
    for (int i = 0; i < N; i++) {
        int block = i / TL_NUMBER_MAX_BLOCK;
        float size = ldexpf(1, block < 40 ? -160 + 4 * block : i % 9 ? -130 : -10);
        values[i] = block % 3 ? normal(&seed) * size : i % 2 ? -0.0f : size;
    }
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *n = tl_number((enum tl_number_id)id);
        size_t n_bytes = (size_t)N / n->block_elems * n->block_bytes;
        store(n, values, N, bytes);
        tl_number_decode(n, bytes, N, back);
        uint32_t mode = tl_pool_float_mode();
        store(n, values, N, flushed);
        tl_number_decode(n, flushed, N, flushed_back);
        tl_pool_float_restore(mode);
        for (size_t i = 0; i < n_bytes; i++)
            if (bytes[i] != flushed[i])
                fail_msg("%s: byte %zu of block %zu differs where subnormals are flushed", n->name, i, i / n->block_bytes);
        assert_memory_equal(back, flushed_back, sizeof back);
    }
}

static float half_by_definition(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    float size = exponent == 31 ? (mantissa ? NAN : INFINITY)
               : exponent ? ldexpf((float)(1024 + mantissa), exponent - 25) : ldexpf((float)mantissa, -24);
    return half & 0x8000 ? -size : size;
}

/* Every half, and the values exactly between, just below and just above the middle of each two neighbours. */
static void test_all_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float value = half_by_definition((uint16_t)h);
        assert_same("f16", h, tl_f16_to_f32((uint16_t)h), value);
        if (isnan(value)) {
            assert_true((tl_f32_to_f16(value) & 0x7e00) == 0x7e00);
            continue;
        }
        assert_int_equal(tl_f32_to_f16(value), h);
        if ((h & 0x7fff) >= 0x7c00)
            continue;
        float next = (h & 0x7fff) == 0x7bff ? copysignf(65536, value) : half_by_definition((uint16_t)(h + 1));
        float middle = (value + next) / 2;
        assert_int_equal(tl_f32_to_f16(middle), h + (h & 1));
        assert_int_equal(tl_f32_to_f16(nextafterf(middle, value)), h);
        assert_int_equal(tl_f32_to_f16(nextafterf(middle, next)), h + 1);
    }
    assert_int_equal(tl_f32_to_f16(3e38f), 0x7c00);
    assert_int_equal(tl_f32_to_f16(-1e-45f), 0x8000);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float value = tl_bf16_to_f32((uint16_t)h);
        if (isnan(value)) {
            assert_true(isnan(tl_bf16_to_f32(tl_f32_to_bf16(value))));
            continue;
        }
        assert_int_equal(tl_f32_to_bf16(value), h);
        if ((h & 0x7fff) >= 0x7f7f)
            continue;
        uint32_t bits = h << 16 | 0x8000;
        float middle, above;
        memcpy(&middle, &bits, 4);
        bits++;
        memcpy(&above, &bits, 4);
        assert_int_equal(tl_f32_to_bf16(middle), h + (h & 1));
        assert_int_equal(tl_f32_to_bf16(above), h + 1);
    }
    assert_int_equal(tl_f32_to_bf16(3.4e38f), 0x7f80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),         cmocka_unit_test(test_restated), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_golden_decode), cmocka_unit_test(test_golden_encode),
        cmocka_unit_test(test_unpack),        cmocka_unit_test(test_error_bounds),
        cmocka_unit_test(test_holds), cmocka_unit_test(test_fit), cmocka_unit_test(test_hostile_values), cmocka_unit_test(test_float_mode), cmocka_unit_test(test_all_halves),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
