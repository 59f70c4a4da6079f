/* SPDX-License-Identifier: MIT */
/* Tables of 4-bit values and their nearest entries. */
#include "number/nibbles.h"

#include "number/fit.h"

const uint8_t tl_e2m1_codes[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
const uint8_t tl_iq4_codes[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

uint8_t tl_e2m1_nearest(float value)
{
    static const float middles[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
    float size = __builtin_fabsf(value);
    uint8_t nibble = 0;
    for (int i = 0; i < 7; i++)
        nibble = (uint8_t)(nibble + (size > middles[i]));
    return nibble && value < 0 ? (uint8_t)(nibble | 8) : nibble;
}

uint8_t tl_iq4_nearest(float value)
{
    uint8_t nibble = 0;
    for (int i = 0; i < 15; i++)
        nibble = (uint8_t)(nibble + (value > (float)(tl_iq4_codes[i] + tl_iq4_codes[i + 1] - 2 * TL_IQ4_OFFSET) * 0.5f));
    return nibble;
}

/* The value of greatest magnitude lies near either end of the table; then least squares over the nibbles that gives. */
float tl_iq4_scale(const float *values, uint32_t n)
{
    float unit = tl_fit_inverse(tl_fit_largest(values, n)), best_gain = 0, best_scale = 0;
    for (int32_t step = -10; step <= 22; step++) {
        float inverse = (step < 10 ? -127 + 3 * (float)step : 113 + 3 * (float)(step - 16)) * unit, with = 0, of = 0;
        for (uint32_t i = 0; i < n; i++) {
            float code = (float)(tl_iq4_codes[tl_iq4_nearest(values[i] * inverse)] - TL_IQ4_OFFSET);
            with += values[i] * code;
            of += code * code;
        }
        if (of > 0 && with * with > best_gain * of) {
            best_scale = with / of;
            best_gain = best_scale * with;
        }
    }
    return best_scale;
}
