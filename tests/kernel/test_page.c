/* SPDX-License-Identifier: MIT */
/* KV pages: what tl_page_put stores lies where kernel.h says, encoded as the format encodes it, and nothing else of the
 * page changes. The places are written out here once more, independently of page.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guarded.h"
#include "kernels.h"

static const enum tl_number_id formats[] = { TL_NUMBER_F32, TL_NUMBER_F16, TL_NUMBER_BF16, TL_NUMBER_Q8_0 };
static const struct { uint32_t head_dim, v_dim; } shapes[] = {
    { 16, 16 }, { 32, 64 }, { 64, 64 }, { 80, 80 }, { 128, 96 }, { 256, 256 }, { 576, 512 }, { 48, 17 }, { 576, 0 }, { 40, 0 },
};

enum { MAX_DIM = 576 + 32 };

static uint32_t blocks(uint32_t dim)
{
    return (dim + 31) / 32;
}

/* Encodes `dim` numbers, the last block of q8_0 filled up with zeros. */
static void encode(const struct tl_number *format, const float *values, uint32_t dim, uint8_t *ret_bytes)
{
    float padded[MAX_DIM] = { 0 };
    memcpy(padded, values, dim * sizeof(float));
    format->encode(padded, format->id == TL_NUMBER_Q8_0 ? blocks(dim) * 32 : dim, ret_bytes);
}

static void put_expected(const struct tl_number *format, uint32_t head_dim, uint32_t v_dim, uint8_t *page, uint32_t slot,
                         const float *key, const float *value)
{
    uint8_t stored[MAX_DIM * 4];
    uint32_t tile = slot / 16, lane = slot % 16, width = format->id == TL_NUMBER_F32 ? 4 : 2;
    encode(format, key, head_dim, stored);
    if (format->id == TL_NUMBER_Q8_0) {
        uint32_t scales = blocks(head_dim) * 32, tile_bytes = scales + head_dim * 16;
        for (uint32_t b = 0; b < blocks(head_dim); b++)
            memcpy(page + tile * tile_bytes + b * 32 + lane * 2, stored + b * 34, 2);
        for (uint32_t d = 0; d < head_dim; d++)
            page[tile * tile_bytes + scales + d * 16 + lane] = stored[d / 32 * 34 + 2 + d % 32];
        encode(format, value, v_dim, page + 4 * tile_bytes + slot * blocks(v_dim) * 34);
        return;
    }
    for (uint32_t d = 0; d < head_dim; d++)
        memcpy(page + ((tile * head_dim + d) * 16 + lane) * width, stored + d * width, width);
    if (v_dim > 0)
        encode(format, value, v_dim, stored);
    memcpy(page + (64 * head_dim + slot * v_dim) * width, stored, v_dim * width);
}

static void test_layout(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const struct tl_number *format = tl_number(formats[f]);
            uint32_t head_dim = shapes[s].head_dim, v_dim = shapes[s].v_dim;
            uint64_t bytes = tl_page_bytes(format, head_dim, v_dim);
            struct guarded page = guarded_new(bytes, 64);
            uint8_t *expected = take(bytes);
            float key[MAX_DIM], value[MAX_DIM];
            memset(expected, 0xff, bytes);
            for (uint32_t i = 0; i < 40; i++) {
                uint32_t slot = i == 0 ? 63 : (uint32_t)(next_random(&seed) % 64);
                for (uint32_t d = 0; d < MAX_DIM; d++) {
                    key[d] = next_float(&seed) * 3;
                    value[d] = next_float(&seed);
                }
                put_expected(format, head_dim, v_dim, expected, slot, key, value);
                tl_page_put(format, head_dim, v_dim, page.at, slot, key, v_dim > 0 ? value : NULL);
                assert_memory_equal(page.at, expected, bytes);
            }
            free(expected);
            guarded_free(page);
        }
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_F32), 64, 64), 64 * 128 * 4);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_F16), 64, 64), 64 * 128 * 2);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_BF16), 576, 512), 64 * 1088 * 2);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_BF16), 576, 0), 64 * 576 * 2);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_Q8_0), 576, 0), 64 * 18 * 34);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_Q8_0), 64, 64), 64 * 4 * 34);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_Q8_0), 80, 80), 64 * (6 + 80) + 64 * 3 * 34);
    assert_int_equal(tl_page_bytes(tl_number(TL_NUMBER_F16), 16, 17) % 64, 0);
    assert_true(tl_attend_scratch_bytes(3, 1) >= 3 * 32 * 4);
    assert_true(tl_attend_scratch_bytes(UINT32_MAX, UINT32_MAX) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_layout), cmocka_unit_test(test_sizes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
