/* SPDX-License-Identifier: MIT */
/* Products of codes for few tokens: each panel block is unpacked in registers and used at once, so that decoding runs
 * at the speed of memory. One function a format and number of tokens, made from one body by constant arguments. */
#include "kernel/x86/avx512/q8.h"

/* What a format of this level looks like; constants wherever it is used. */
struct shape {
    enum tl_number_id id;
    uint32_t elems, bytes, group, offset_bits;
    bool has_min;
};

/* acc after 32 columns: one or two groups of `part` with the codes at x. */
INLINE __m512 dot_part(const struct shape shape, const struct part *part, const struct tl_acts_block *x, __m512 acc)
{
    const uint32_t groups = TL_ACTS_BLOCK / shape.group, vectors = PARTS / groups;
    UNROLL
    for (uint32_t g = 0; g < groups; g++) {
        int32_t sum = groups == 1 ? -x->minus_sum : x->sums[g];
        __m512i s = _mm512_setzero_si512();
        if (shape.offset_bits)
            s = _mm512_set1_epi32(-sum * (1 << shape.offset_bits));
        UNROLL
        for (uint32_t i = 0; i < vectors; i++)
            s = _mm512_dpbusd_epi32(s, part->codes[g * vectors + i], every4(x->codes + 4 * (g * vectors + i)));
        acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(s), _mm512_mul_ps(part->scale[g], _mm512_set1_ps(x->scale)), acc);
        if (shape.has_min)
            acc = _mm512_fmadd_ps(part->min[g], _mm512_set1_ps(groups == 1 ? x->scale_sum : x->scale * (float)sum), acc);
    }
    return acc;
}

enum { AHEAD = 7 * 1024 };               /* measured: memory stays busy, the first cache keeps the activations */

INLINE void prefetch(const uint8_t *at, uint32_t n_bytes)
{
    UNROLL
    for (uint32_t i = 0; i < n_bytes; i += 64)
        _mm_prefetch((const char *)at + AHEAD + i, _MM_HINT_T0);
}

INLINE void few_panel(const struct shape shape, const struct tl_product *product, uint32_t panel, uint32_t token,
                      const uint32_t n_tokens)
{
    const uint8_t *block = tl_walk_panel(product, panel);
    uint32_t blocks = (product->cols + shape.elems - 1) / shape.elems;
    const uint32_t part_bytes = TL_PANEL_ROWS * shape.bytes / (shape.elems / TL_ACTS_BLOCK);
    const struct tl_acts_block *x[FEW_TOKENS];
    __m512 acc[FEW_TOKENS];
    UNROLL
    for (uint32_t t = 0; t < n_tokens; t++) {
        x[t] = tl_acts_row(product->acts, token + t);
        acc[t] = _mm512_setzero_ps();
    }
    for (uint32_t b = 0; b < blocks; b++, block += TL_PANEL_ROWS * shape.bytes) {
        UNROLL
        for (uint32_t j = 0; j < shape.elems / TL_ACTS_BLOCK; j++) {
            struct part part;
            prefetch(block + j * part_bytes, part_bytes);
            unpack(shape.id, block, j, &part);
            UNROLL
            for (uint32_t t = 0; t < n_tokens; t++)
                acc[t] = dot_part(shape, &part, x[t]++, acc[t]);
        }
    }
    UNROLL
    for (uint32_t t = 0; t < n_tokens; t++)
        _mm512_mask_storeu_ps(product->out + (token + t) * product->out_stride + panel * TL_PANEL_ROWS,
                              row_mask(product, panel), acc[t]);
}

#define FEW(ID, elems, bytes, group, offset_bits, has_min, n_tokens) \
    static void few_##ID##_##n_tokens(const struct tl_product *product, uint32_t panel, uint32_t token) \
    { \
        const struct shape shape = {TL_NUMBER_##ID, elems, bytes, group, offset_bits, has_min}; \
        few_panel(shape, product, panel, token, n_tokens); \
    }
#define FEWS(ID, ...) FEW(ID, __VA_ARGS__, 1) FEW(ID, __VA_ARGS__, 2) FEW(ID, __VA_ARGS__, 3) FEW(ID, __VA_ARGS__, 4)
AVX512_FORMATS(FEWS)

static void (*const few[TL_NUMBERS][FEW_TOKENS])(const struct tl_product *product, uint32_t panel, uint32_t token) = {
#define ROW(ID, ...) [TL_NUMBER_##ID] = {few_##ID##_1, few_##ID##_2, few_##ID##_3, few_##ID##_4},
    AVX512_FORMATS(ROW)
#undef ROW
};

bool tl_few_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to, uint32_t token, uint32_t n_tokens)
{
    enum tl_number_id id = product->number->id;
    if (id >= TL_NUMBERS || !few[id][0])
        return false;
    for (uint32_t p = panel_from; p < panel_to; p++)
        few[id][n_tokens - 1](product, p, token);
    return true;
}
