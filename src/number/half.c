/* SPDX-License-Identifier: MIT */
/* Half-precision conversions for the other rooms: half.h behind function calls. */
#include "number/half.h"

#include "number/number.h"

float tl_f16_to_f32(uint16_t half)
{
    return tl_half_widen(half);
}

uint16_t tl_f32_to_f16(float value)
{
    return tl_half_narrow(value);
}

uint16_t tl_f32_to_bf16(float value)
{
    return tl_half_narrow_bf16(value);
}
