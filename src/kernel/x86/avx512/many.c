/* SPDX-License-Identifier: MIT */
/* Products of codes for many tokens: two panels by five tokens, integer and f32 accumulators in registers, weights from
 * tiles in the first cache. Between column chunks the f32 accumulators wait in `out`, which changes no bits. */
#include "kernel/x86/avx512/q8.h"

/* How groups look; constants wherever it is used. */
struct groups {
    uint32_t count;                      /* in 32 columns: 1 or 2 */
    bool has_offset, has_min;
};

struct block {
    const struct many *many;
    __m512i offset[2];                   /* of each group: see offset_of */
    uint32_t token;
    const uint8_t *x;                    /* codes of the first token, at the chunk's first column */
    uint64_t x_stride;
    bool first;                          /* accumulators start at 0 */
};

/* -offset * (sum of codes of activations), in every lane: `offset` has -offset in the 16-bit halves whose sums count. */
INLINE __m512i offset_of(const struct tl_acts_block *block, __m512i offset)
{
    return _mm512_madd_epi16(every4(block->sums), offset);
}

/* scale * (float)(sum of codes of activations) over the group, in every lane. */
INLINE __m512 scaled_sum(const struct groups groups, const struct tl_acts_block *block, uint32_t g)
{
    if (groups.count == 1)
        return _mm512_set1_ps(block->scale_sum);
    __m512i sum = every4(block->sums);
    if (g == 0)
        sum = _mm512_slli_epi32(sum, 16);
    return _mm512_mul_ps(_mm512_set1_ps(block->scale), _mm512_cvtepi32_ps(_mm512_srai_epi32(sum, 16)));
}

/* The g-th group of 32 columns: `panels` x `tokens` integer sums, each used at once. Offsets are added behind the
 * products, not before: that is what keeps both multipliers busy. */
INLINE void group(const struct groups groups, const uint32_t panels, const uint32_t tokens, const struct tile *tile,
                  const uint8_t *x, uint64_t x_stride, uint32_t g, __m512i offset, __m512 acc[MANY_TOKENS][TILE_PANELS])
{
    const uint32_t vectors = PARTS / groups.count;
    __m512i s[MANY_TOKENS][TILE_PANELS];
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            s[t][p] = _mm512_setzero_si512();
    UNROLL
    for (uint32_t i = g * vectors; i < (g + 1) * vectors; i++)
        UNROLL
        for (uint32_t t = 0; t < tokens; t++) {
            const struct tl_acts_block *block = (const struct tl_acts_block *)(x + t * x_stride);
            __m512i codes = every4(block->codes + 4 * i);
            UNROLL
            for (uint32_t p = 0; p < panels; p++)
                s[t][p] = _mm512_dpbusd_epi32(s[t][p], tile->codes[i][p], codes);
        }
    UNROLL
    for (uint32_t t = 0; t < tokens; t++) {
        const struct tl_acts_block *block = (const struct tl_acts_block *)(x + t * x_stride);
        __m512 scale = _mm512_set1_ps(block->scale);
        UNROLL
        for (uint32_t p = 0; p < panels; p++) {
            if (groups.has_offset)
                s[t][p] = _mm512_add_epi32(s[t][p], offset_of(block, offset));
            acc[t][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(s[t][p]), _mm512_mul_ps(tile->scale[g][p], scale), acc[t][p]);
            if (groups.has_min)
                acc[t][p] = _mm512_fmadd_ps(tile->min[g][p], scaled_sum(groups, block, g), acc[t][p]);
        }
    }
}

INLINE void block_of(const struct groups groups, const uint32_t panels, const uint32_t tokens, const struct block *block)
{
    const struct many *many = block->many;
    const struct tl_product *product = many->product;
    float *out = product->out + block->token * product->out_stride + many->panel * TL_PANEL_ROWS;
    __mmask16 mask[TILE_PANELS];
    __m512 acc[MANY_TOKENS][TILE_PANELS];
    UNROLL
    for (uint32_t p = 0; p < panels; p++)
        mask[p] = row_mask(product, many->panel + p);
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            acc[t][p] = block->first ? _mm512_setzero_ps()
                                     : _mm512_maskz_loadu_ps(mask[p], out + t * product->out_stride + p * TL_PANEL_ROWS);
    const uint8_t *x = block->x;
    const __m512i offset[2] = {block->offset[0], block->offset[1]};
    for (uint32_t k = 0; k < many->n_parts; k++, x += sizeof(struct tl_acts_block))
        UNROLL
        for (uint32_t g = 0; g < groups.count; g++)
            group(groups, panels, tokens, &many->tiles[k], x, block->x_stride, g, offset[g], acc);
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            _mm512_mask_storeu_ps(out + t * product->out_stride + p * TL_PANEL_ROWS, mask[p], acc[t][p]);
}

#define BLOCK(kind, panels, tokens, ...) \
    static void block_##kind##_##panels##_##tokens(const struct block *block) \
    { \
        block_of((struct groups){__VA_ARGS__}, panels, tokens, block); \
    }
#define BLOCKS(kind, panels, ...) \
    BLOCK(kind, panels, 1, __VA_ARGS__) BLOCK(kind, panels, 2, __VA_ARGS__) BLOCK(kind, panels, 3, __VA_ARGS__) \
    BLOCK(kind, panels, 4, __VA_ARGS__) BLOCK(kind, panels, 5, __VA_ARGS__)
#define KINDS(KIND) \
    KIND(offset32, 1, true, false) KIND(min32, 1, false, true) KIND(both32, 1, true, true) \
    KIND(offset16, 2, true, false) KIND(min16, 2, false, true) KIND(both16, 2, true, true)
#define KIND(kind, ...) BLOCKS(kind, 1, __VA_ARGS__) BLOCKS(kind, 2, __VA_ARGS__)
KINDS(KIND)

/* [groups in 32 columns - 1][has_offset][has_min][panels - 1][tokens - 1]. Formats with neither go as an offset of 0. */
static void (*const blocks[2][2][2][TILE_PANELS][MANY_TOKENS])(const struct block *block) = {
#define TOKENS(kind, panels) \
    {block_##kind##_##panels##_1, block_##kind##_##panels##_2, block_##kind##_##panels##_3, \
     block_##kind##_##panels##_4, block_##kind##_##panels##_5}
#define ROW(kind, count, has_offset, has_min) [(count) - 1][has_offset][has_min] = {TOKENS(kind, 1), TOKENS(kind, 2)},
    KINDS(ROW)
#undef ROW
};

void tl_many_avx512(const struct many *many)
{
    const struct tl_product *product = many->product;
    const struct tl_number *number = product->number;
    bool has_offset = number->offset != 0 || !number->has_min;
    void (*const *make)(const struct block *) =
        blocks[TL_ACTS_BLOCK / number->group - 1][has_offset][number->has_min][many->n_panels - 1];
    struct block block = {
        .many = many, .first = many->part_from == 0,
        .x_stride = tl_acts_row_bytes(product->acts->form, product->acts->cols),
    };
    int32_t minus = -(int32_t)number->offset, low = minus & 0xffff, high = minus * 0x10000;
    block.offset[0] = _mm512_set1_epi32(number->group == 16 ? low : low | high);
    block.offset[1] = _mm512_set1_epi32(high);
    for (uint32_t t = product->token_from; t < product->token_to;) {
        uint32_t n = product->token_to - t < MANY_TOKENS ? product->token_to - t : MANY_TOKENS;
        block.token = t;
        block.x = (const uint8_t *)((const struct tl_acts_block *)tl_acts_row(product->acts, t) + many->part_from);
        make[n - 1](&block);
        t += n;
    }
}
