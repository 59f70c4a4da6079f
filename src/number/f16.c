/* SPDX-License-Identifier: MIT */
/* f16: IEEE 754 binary16, little-endian. */
#include "number/formats.h"
#include "number/half.h"

static void widen(const void *from, size_t n_elems, float *ret_values)
{
    const uint8_t *bytes = from;
    for (size_t i = 0; i < n_elems; i++)
        ret_values[i] = tl_half_load(bytes + 2 * i);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *bytes = ret_bytes;
    for (size_t i = 0; i < n_elems; i++) {
        uint16_t half = tl_half_narrow(values[i]);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

const struct tl_number tl_number_f16 = {
    .id = TL_NUMBER_F16, .name = "f16", .safetensors = "F16", .gguf_type = 1,
    .block_elems = 1, .block_bytes = 2, .panel_elems = 1,
    .fields = {{2, 2}},
    .widen = widen, .encode = encode,
};
