/* SPDX-License-Identifier: MIT */
/* Tables of 4-bit values and their nearest entries. */
#include "number/nibbles.h"

#include "number/fit.h"
#include "number/lanes.h"

const uint8_t tl_e2m1_codes[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
const uint8_t tl_iq4_codes[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

/* The values of a table that are nearest to those given: from each middle between two entries on, the next one. Of an even
 * table the sign is put back. */
#define nearest_entries(values, n_entries, entry, middle)                                                              \
    ({                                                                                                                 \
        tl_lanes of_ = (values), found_ = tl_lanes_of(entry(0));                                                       \
        for (int i_ = 0; i_ + 1 < (n_entries); i_++)                                                                   \
            found_ = tl_lanes_select(of_ > middle(i_), tl_lanes_of(entry(i_ + 1)), found_);                            \
        found_;                                                                                                        \
    })

static const float e2m1_middles[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};

/* Doubled sizes are whole below 4, even below 8, then 8 and 12: adding what has that spacing at its end rounds to it. */
TL_WIDE float tl_e2m1_cost(const float *values, const float *weights, uint32_t n, float scale)
{
    const tl_lanes ones = tl_lanes_of(12582912.0f), most = tl_lanes_of(12.0f);
    float inverse = tl_fit_inverse(scale);
    tl_lanes sum = {0};
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        tl_lanes x = tl_lanes_load(values + at), size = tl_lanes_size(x), held = size * inverse;
        held = tl_lanes_select(held < most, held, most);
        tl_lanes shift = tl_lanes_select(held < 4, ones, tl_lanes_select(held < 8, 2 * ones, 4 * ones));
        tl_lanes off = size - scale * ((held + shift) - shift);
        sum += tl_lanes_load(weights + at) * off * off;
    }
    return tl_lanes_fold(sum);
}

TL_WIDE void tl_e2m1_nibbles(const float *values, uint32_t n, float scale, uint8_t *ret_nibbles)
{
    float inverse = tl_fit_inverse(scale);
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        tl_lanes x = tl_lanes_load(values + at) * inverse, size = tl_lanes_size(x);
        tl_lane_masks nibbles = {0};
        for (int i = 0; i < 7; i++)
            nibbles -= size > e2m1_middles[i];
        nibbles |= ((tl_lane_masks)x & -nibbles) >> 31 & 8;  /* no sign of 0 */
        tl_lanes_store_bytes(nibbles, ret_nibbles + at);
    }
}

#define iq4_entry(i) ((float)(tl_iq4_codes[i] - TL_IQ4_OFFSET))
#define iq4_middle(i) (0.5f * (float)(tl_iq4_codes[i] + tl_iq4_codes[(i) + 1] - 2 * TL_IQ4_OFFSET))

TL_WIDE float tl_iq4_cost(const float *values, const float *weights, uint32_t n, float scale)
{
    float inverse = tl_fit_inverse(scale);
    tl_lanes sum = {0};
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        tl_lanes x = tl_lanes_load(values + at), off = x - scale * nearest_entries(x * inverse, 16, iq4_entry, iq4_middle);
        sum += tl_lanes_load(weights + at) * off * off;
    }
    return tl_lanes_fold(sum);
}

/* The value of greatest magnitude lies near either end of the table; then least squares over the nibbles that gives. */
TL_WIDE float tl_iq4_scale(const float *values, const float *weights, uint32_t n)
{
    float unit = tl_fit_inverse(tl_fit_largest(values, n)), best_gain = 0, best_scale = 0;
    for (int32_t step = 0; step < 16; step++) {
        float inverse = (step < 9 ? -139 + 6 * (float)step : 101 + 6 * (float)(step - 9)) * unit;
        tl_lanes with_codes = {0}, of_codes = {0};
        for (uint32_t at = 0; at < n; at += TL_LANES) {
            tl_lanes x = tl_lanes_load(values + at), code = nearest_entries(x * inverse, 16, iq4_entry, iq4_middle);
            tl_lanes weighed = tl_lanes_load(weights + at) * code;
            with_codes += x * weighed;
            of_codes += code * weighed;
        }
        float with = tl_lanes_fold(with_codes), of = tl_lanes_fold(of_codes);
        if (of > 0 && with * with > best_gain * of) {
            best_scale = with / of;
            best_gain = best_scale * with;
        }
    }
    return best_scale;
}

TL_WIDE void tl_iq4_nibbles(const float *values, uint32_t n, float scale, uint8_t *ret_nibbles)
{
    float inverse = tl_fit_inverse(scale);
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        tl_lanes x = tl_lanes_load(values + at) * inverse;
        tl_lane_masks nibbles = {0};
        for (int i = 0; i < 15; i++)
            nibbles -= x > iq4_middle(i);
        tl_lanes_store_bytes(nibbles, ret_nibbles + at);
    }
}
