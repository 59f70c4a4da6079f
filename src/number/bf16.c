/* SPDX-License-Identifier: MIT */
/* bf16: the upper half of an f32. A panel block holds two columns, so that one load brings the pairs along k that bf16
 * products take together. */
#include "number/formats.h"
#include "number/half.h"

static void widen(const void *from, size_t n_elems, float *ret_values)
{
    const uint8_t *bytes = from;
    for (size_t i = 0; i < n_elems; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, 2);
        ret_values[i] = tl_bf16_to_f32(half);
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *bytes = ret_bytes;
    for (size_t i = 0; i < n_elems; i++) {
        uint16_t half = tl_half_narrow_bf16(values[i]);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

const struct tl_number tl_number_bf16 = {
    .id = TL_NUMBER_BF16, .name = "bf16", .safetensors = "BF16", .gguf_type = 30,
    .block_elems = 1, .block_bytes = 2, .panel_elems = 2,
    .fields = {{4, 4}},
    .widen = widen, .encode = encode,
};
