/* SPDX-License-Identifier: MIT */
/* Attention, the scalar truth: one row at a time, two passes over its positions (kernel.h gives the formula).
 * Only positions first..last of a row are read. */
#include "kernel/fill.h"

#include <math.h>

#include "kernel/page.h"

static const uint8_t *page_at(const struct tl_attend *attend, uint32_t position)
{
    return (const uint8_t *)attend->pages[position / TL_PAGE_TOKENS] + attend->page_offset;
}

/* An element of a plain format. */
static float plain_at(enum tl_number_id id, const void *elems, size_t index)
{
    if (id == TL_NUMBER_F32)
        return ((const float *)elems)[index];
    uint16_t half = ((const uint16_t *)elems)[index];
    return id == TL_NUMBER_F16 ? tl_f16_to_f32(half) : tl_bf16_to_f32(half);
}

static float key_at(const struct tl_attend *attend, const uint8_t *page, uint32_t slot, uint32_t d)
{
    enum tl_number_id id = attend->format->id;
    uint32_t lane = slot % TL_TILE_TOKENS;
    const uint8_t *tile = page + slot / TL_TILE_TOKENS * page_tile_bytes(id, attend->head_dim);
    const uint8_t *codes = tile + page_scale_bytes(id, attend->head_dim);
    if (id != TL_NUMBER_Q8_0)
        return plain_at(id, codes, d * TL_TILE_TOKENS + lane);
    uint16_t scale = ((const uint16_t *)tile)[d / TL_PAGE_Q8_BLOCK * TL_TILE_TOKENS + lane];
    return tl_f16_to_f32(scale) * (float)(int8_t)codes[d * TL_TILE_TOKENS + lane];
}

static float value_at(const struct tl_attend *attend, const uint8_t *page, uint32_t slot, uint32_t d)
{
    enum tl_number_id id = attend->format->id;
    if (attend->latent)
        return key_at(attend, page, slot, d);
    const uint8_t *row = page + page_values_offset(id, attend->head_dim) + slot * page_value_bytes(id, attend->v_dim);
    if (id != TL_NUMBER_Q8_0)
        return plain_at(id, row, d);
    const uint8_t *block = row + d / TL_PAGE_Q8_BLOCK * TL_PAGE_Q8_BYTES;
    uint16_t scale = (uint16_t)(block[0] | block[1] << 8);
    return tl_f16_to_f32(scale) * (float)(int8_t)block[2 + d % TL_PAGE_Q8_BLOCK];
}

/* Scores of a row; returns their maximum. */
static float score_row(const struct tl_attend *attend, uint32_t row, float *ret_scores)
{
    float max = -__builtin_inff();
    for (uint32_t p = attend->first[row]; p <= attend->last[row]; p++) {
        const uint8_t *page = page_at(attend, p);
        float score = 0.0f;
        for (uint32_t d = 0; d < attend->head_dim; d++)
            score = fmaf(attend->q[row][d], key_at(attend, page, p % TL_PAGE_TOKENS, d), score);
        score *= attend->scale;
        if (attend->softcap > 0.0f)
            score = attend->softcap * tl_tanh(score / attend->softcap);
        max = score > max ? score : max;
        ret_scores[p - attend->first[row]] = score;
    }
    return max;
}

static void attend_row(const struct tl_attend *attend, uint32_t row)
{
    uint32_t first = attend->first[row], last = attend->last[row];
    float *scores = attend->scratch, *out = attend->out[row], partial[16] = { 0 };
    float max = score_row(attend, row, scores);
    if (attend->sinks && attend->sinks[row] > max)
        max = attend->sinks[row];
    for (uint32_t p = first; p <= last; p++) {
        scores[p - first] = tl_exp(scores[p - first] - max);
        partial[p % TL_TILE_TOKENS] += scores[p - first];
    }
    float sum = tl_tree16(partial);
    if (attend->sinks)
        sum += tl_exp(attend->sinks[row] - max);
    for (uint32_t d = 0; d < attend->v_dim; d++) {
        float acc = 0.0f;
        for (uint32_t p = first; p <= last; p++)
            acc = fmaf(scores[p - first], value_at(attend, page_at(attend, p), p % TL_PAGE_TOKENS, d), acc);
        out[d] = acc / sum;
    }
}

void tl_attend_ref(const struct tl_attend *attend)
{
    for (uint32_t row = 0; row < attend->n_rows; row++)
        attend_row(attend, row);
}
