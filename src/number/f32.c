/* SPDX-License-Identifier: MIT */
/* f32: IEEE 754 binary32, little-endian. Values pass bit for bit, NaN payloads included. */
#include <string.h>

#include "number/formats.h"

static void widen(const void *from, size_t n_elems, float *ret_values)
{
    memcpy(ret_values, from, n_elems * 4);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    memcpy(ret_bytes, values, n_elems * 4);
}

const struct tl_number tl_number_f32 = {
    .id = TL_NUMBER_F32, .name = "f32", .safetensors = "F32", .gguf_type = 0,
    .block_elems = 1, .block_bytes = 4, .panel_elems = 1,
    .fields = {{4, 4}},
    .widen = widen, .encode = encode,
};
