/* SPDX-License-Identifier: MIT */
/* Products of values: f32 activations with any format, bf16 activations with bf16. Weights are vectors of 16 rows a
 * column (a pair of columns for bf16), straight from the panel where they lie so, else from scratch, where column chunks
 * are decoded once for all tokens. Two panels by six tokens of accumulators; between chunks they wait in `out`. */
#include "kernel/x86/avx512/q8.h"
#include "kernel/x86/avx512/values.h"

enum { TOKENS = 6, CHUNK_STEPS = 256, AHEAD = 4096 };

/* n_steps vectors of each panel, and the activations that belong to them. */
struct span {
    const struct tl_product *product;
    const uint8_t *w[TILE_PANELS];
    const uint8_t *x;                    /* of token 0 */
    uint64_t x_stride;
    uint32_t n_steps, panel, token;
    bool first;                          /* accumulators start at 0 */
};

/* What is done with a vector of weights and 4 bytes of activations. */
enum kind { F32, F16, BF16_PAIRS, BF16_FMA, KINDS };

INLINE uint32_t step_bytes(const enum kind kind) { return kind == F16 ? 32 : 64; }

INLINE __m512i load(const enum kind kind, const uint8_t *at)
{
    if (kind == F16)
        return _mm512_castps_si512(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at)));
    return _mm512_loadu_si512(at);
}

INLINE __m512 step(const enum kind kind, __m512 acc, __m512i w, __m512i x)
{
    if (kind == F32 || kind == F16)
        return _mm512_fmadd_ps(_mm512_castsi512_ps(w), _mm512_castsi512_ps(x), acc);
    if (kind == BF16_PAIRS) {
        __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(w), "v"(x));
        return acc;
    }
    const __m512i high = _mm512_set1_epi32((int32_t)0xffff0000);
    acc = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(w, high)), _mm512_castsi512_ps(_mm512_and_si512(x, high)), acc);
    return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(w, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(x, 16)), acc);
}

INLINE void span_of(const enum kind kind, const uint32_t panels, const uint32_t tokens, const struct span *span)
{
    const struct tl_product *product = span->product;
    float *out = product->out + span->token * product->out_stride + span->panel * TL_PANEL_ROWS;
    const uint8_t *x = span->x + span->token * span->x_stride;
    __m512 acc[TOKENS][TILE_PANELS];
    __mmask16 mask[TILE_PANELS];
    UNROLL
    for (uint32_t p = 0; p < panels; p++)
        mask[p] = row_mask(product, span->panel + p);
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            acc[t][p] = span->first ? _mm512_setzero_ps()
                                    : _mm512_maskz_loadu_ps(mask[p], out + t * product->out_stride + p * TL_PANEL_ROWS);
    for (uint32_t k = 0; k < span->n_steps; k++, x += 4) {
        __m512i w[TILE_PANELS];
        UNROLL
        for (uint32_t p = 0; p < panels; p++) {
            const uint8_t *at = span->w[p] + (uint64_t)k * step_bytes(kind);
            w[p] = load(kind, at);
            if (tokens <= 2)
                _mm_prefetch((const char *)at + AHEAD, _MM_HINT_T0);
        }
        UNROLL
        for (uint32_t t = 0; t < tokens; t++) {
            __m512i both = every4(x + t * span->x_stride);
            UNROLL
            for (uint32_t p = 0; p < panels; p++)
                acc[t][p] = step(kind, acc[t][p], w[p], both);
        }
    }
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            _mm512_mask_storeu_ps(out + t * product->out_stride + p * TL_PANEL_ROWS, mask[p], acc[t][p]);
}

#define SPAN(kind, panels, tokens) \
    static void span_##kind##_##panels##_##tokens(const struct span *span) { span_of(kind, panels, tokens, span); }
#define SPANS(kind, panels) \
    SPAN(kind, panels, 1) SPAN(kind, panels, 2) SPAN(kind, panels, 3) SPAN(kind, panels, 4) SPAN(kind, panels, 5) \
    SPAN(kind, panels, 6)
SPANS(F32, 1) SPANS(F32, 2) SPANS(F16, 1) SPANS(F16, 2)
SPANS(BF16_PAIRS, 1) SPANS(BF16_PAIRS, 2) SPANS(BF16_FMA, 1) SPANS(BF16_FMA, 2)

static void (*const spans[KINDS][TILE_PANELS][TOKENS])(const struct span *span) = {
#define ROW(kind, panels) \
    {span_##kind##_##panels##_1, span_##kind##_##panels##_2, span_##kind##_##panels##_3, span_##kind##_##panels##_4, \
     span_##kind##_##panels##_5, span_##kind##_##panels##_6}
    [F32] = {ROW(F32, 1), ROW(F32, 2)},
    [F16] = {ROW(F16, 1), ROW(F16, 2)},
    [BF16_PAIRS] = {ROW(BF16_PAIRS, 1), ROW(BF16_PAIRS, 2)},
    [BF16_FMA] = {ROW(BF16_FMA, 1), ROW(BF16_FMA, 2)},
#undef ROW
};

/* --- decoding into scratch ------------------------------------------------------------------------------------------ */

/* What is laid out in scratch: f32 vectors of a chunk for each panel, and tiles on the way there. */
struct chunk {
    float values[TILE_PANELS][CHUNK_STEPS][TL_PANEL_ROWS];
    struct tile tiles[CHUNK_STEPS / TL_ACTS_BLOCK];
};

INLINE void put_tile(const struct tl_number *number, const struct tile *tile, uint32_t side, float (*ret_values)[TL_PANEL_ROWS])
{
    const __m512i byte = _mm512_set1_epi32(255), offset = _mm512_set1_epi32((int32_t)number->offset);
    uint32_t groups = TL_ACTS_BLOCK / number->group;
    for (uint32_t k = 0; k < TL_ACTS_BLOCK; k++) {
        uint32_t group = groups == 1 ? 0 : k / 16;
        __m512i code = _mm512_and_si512(_mm512_srlv_epi32(tile->codes[k / 4][side], _mm512_set1_epi32((int)(k % 4 * 8))), byte);
        __m512 value = _mm512_mul_ps(tile->scale[group][side], _mm512_cvtepi32_ps(_mm512_sub_epi32(code, offset)));
        if (number->has_min)
            value = _mm512_add_ps(value, tile->min[group][side]);
        _mm512_store_ps(ret_values[k], value);
    }
}

/* Columns `from`.. of one panel, n of them, rounded up to what the format decodes at once. */
static void decode(const struct tl_number *number, const uint8_t *panel, uint32_t from, uint32_t n, uint32_t side,
                   struct chunk *ret_chunk)
{
    float (*values)[TL_PANEL_ROWS] = ret_chunk->values[side];
    const uint8_t *at = panel + (uint64_t)from / number->panel_elems * TL_PANEL_ROWS * tl_walk_row_block_bytes(number);
    if (number->id == TL_NUMBER_F16)
        for (uint32_t k = 0; k < n; k++, at += 32)
            _mm512_store_ps(values[k], _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at)));
    else if (number->id == TL_NUMBER_BF16)
        for (uint32_t k = 0; k < n; k += 2, at += 64) {
            __m512i pair = _mm512_loadu_si512(at);
            _mm512_store_si512(values[k], _mm512_slli_epi32(pair, 16));
            _mm512_store_si512(values[k + 1], _mm512_and_si512(pair, _mm512_set1_epi32((int32_t)0xffff0000)));
        }
    else if (number->group == 0)
        for (uint32_t row = 0; row < TL_PANEL_ROWS; row++) {
            float decoded[CHUNK_STEPS];
            tl_panel_row_decode(number, at, row, n, decoded);
            for (uint32_t k = 0; k < n; k++)
                values[k][row] = decoded[k];
        }
    else {
        uint32_t parts = number->block_elems / TL_ACTS_BLOCK, n_parts = (n + number->block_elems - 1) / number->block_elems * parts;
        tl_tile_avx512(number, panel, from / TL_ACTS_BLOCK, n_parts, side, ret_chunk->tiles);
        for (uint32_t part = 0; part < n_parts; part++)
            put_tile(number, &ret_chunk->tiles[part], side, values + part * TL_ACTS_BLOCK);
    }
}

/* --- all tokens, all chunks, all panels ------------------------------------------------------------------------------ */

/* One pass over the panels: nothing is gained by column chunks, and an f16 is widened only once anyway. */
static bool is_few(const struct tl_product *product)
{
    return product->token_to - product->token_from <= TOKENS;
}

static void all_tokens(struct span *span, enum kind kind, uint32_t n_panels)
{
    uint32_t to = span->product->token_to;
    for (uint32_t t = span->product->token_from; t < to;) {
        uint32_t n = to - t < TOKENS ? to - t : TOKENS;
        span->token = t;
        spans[kind][n_panels - 1][n - 1](span);
        t += n;
    }
}

/* direct: from the panels, without decoding. */
static void all_chunks(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to, enum kind kind, bool direct)
{
    struct chunk *chunk = product->scratch;
    uint32_t cols_a_step = product->acts->form == TL_ACTS_BF16 ? 2 : 1;
    uint32_t n_steps = (product->cols + cols_a_step - 1) / cols_a_step;
    uint32_t each = direct && is_few(product) ? n_steps : CHUNK_STEPS;
    struct span span = {.product = product, .x_stride = tl_acts_row_bytes(product->acts->form, product->cols)};
    for (uint32_t from = 0; from < n_steps; from += each)
        for (uint32_t p = panel_from; p < panel_to; p += TILE_PANELS) {
            uint32_t n_panels = panel_to - p < TILE_PANELS ? panel_to - p : TILE_PANELS;
            span.n_steps = n_steps - from < each ? n_steps - from : each;
            for (uint32_t side = 0; side < n_panels; side++) {
                const uint8_t *panel = tl_walk_panel(product, p + side);
                if (!direct)
                    decode(product->number, panel, from, span.n_steps, side, chunk);
                span.w[side] = direct ? panel + (uint64_t)from * step_bytes(kind) : (const uint8_t *)chunk->values[side];
            }
            span.x = (const uint8_t *)product->acts->data + (uint64_t)from * 4;
            span.panel = p;
            span.first = from == 0;
            all_tokens(&span, kind, n_panels);
        }
}

void tl_product_f32_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    if (product->number->id == TL_NUMBER_F16 && is_few(product))
        all_chunks(product, panel_from, panel_to, F16, true);
    else
        all_chunks(product, panel_from, panel_to, F32, product->number->id == TL_NUMBER_F32);
}

void tl_product_bf16_pairs_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    all_chunks(product, panel_from, panel_to, BF16_PAIRS, true);
}

void tl_product_bf16_fma_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    all_chunks(product, panel_from, panel_to, BF16_FMA, true);
}

/* --- may vdpbf16ps be used? ------------------------------------------------------------------------------------------ */

/* Pairs of halves whose products cancel, round, vanish and overflow, in every order of magnitude. */
bool tl_bf16_pairs_agree(void)
{
    uint32_t seed = 1;
    for (int round = 0; round < 4096; round++) {
        uint32_t words[3][16];
        for (int i = 0; i < 48; i++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t word = seed ^ seed >> 15;
            if (round % 4 == 1)                          /* exponents near 1: sums that round */
                word = (word & 0x83ff83ff) | 0x3c003c00;
            if (round % 4 == 2)                          /* small ones: products around the least normal number */
                word = (word & 0x8fff8fff) | 0x10001000;
            if (round % 4 == 3)                          /* subnormals */
                word &= i % 3 ? 0x80ff80ff : 0xbfffbfff;
            word &= (word & 0x7f80) == 0x7f80 ? 0xffffbfff : 0xffffffff;
            word &= (word & 0x7f800000) == 0x7f800000 ? 0xbfffffff : 0xffffffff;
            words[i / 16][i % 16] = word;
        }
        __m512 acc = _mm512_loadu_ps(words[0]);
        __m512i w = _mm512_loadu_si512(words[1]), x = _mm512_loadu_si512(words[2]);
        __m512i pairs = _mm512_castps_si512(step(BF16_PAIRS, acc, w, x)), fma = _mm512_castps_si512(step(BF16_FMA, acc, w, x));
        if (_mm512_cmpneq_epi32_mask(pairs, fma))
            return false;
    }
    return true;
}
