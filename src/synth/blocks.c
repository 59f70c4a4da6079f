/* SPDX-License-Identifier: MIT */
/* Patterns of scales come from the format's own encoder, given evenly distributed values whose width varies over an octave;
 * then all widths are corrected until what random codes decode to has the deviation that is asked for. */
#include "synth/blocks.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

enum { PASSES = 18, DRAWS = 8 };

static const struct { enum tl_number_id id; uint32_t at[2], n[2]; int sign[2]; } formats[] = {
#define BLOCK(id, at, n, at2, n2, sign, sign2) {TL_NUMBER_##id, {at, at2}, {n, n2}, {sign, sign2}},
#include "synth/blocks.def"
#undef BLOCK
};
enum { FORMATS = TL_COUNT(formats) };

static int index_of(const struct tl_number *number)
{
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].id == number->id)
            return i;
    return -1;
}

bool tl_blocks_known(const struct tl_number *number) { return index_of(number) >= 0; }

static void put_scales(const struct tl_blocks *blocks, uint32_t pattern, uint8_t *block)
{
    for (int run = 0; run < 2; run++)
        memcpy(block + blocks->at[run], blocks->patterns[pattern] + blocks->at[run], blocks->n[run]);
}

/* What has values of one byte is given their evenly spaced codes, which need not be all bit patterns. */
static void make_codes(struct tl_blocks *blocks)
{
    const struct tl_number *number = blocks->number;
    float values[256] = {0};
    uint8_t stored[2 * TL_NUMBER_MAX_BLOCK_BYTES];
    uint32_t elems = number->block_elems, scale_bytes = number->block_bytes - elems;
    blocks->mapped = number->part != NULL;
    if (!blocks->mapped)
        return;
    for (uint32_t i = 0; i < 2 * elems; i++)             /* the largest values of both blocks are about the same */
        values[i] = (float)((i % 2 ? 1 : -1) * (int)(255 - i % elems / 2 * 4 - i / elems * 2));
    number->encode(values, 2 * elems, stored);
    for (uint32_t i = 0; i < 2 * elems; i++)
        blocks->codes[i] = stored[i / elems * number->block_bytes + scale_bytes + i % elems];
}

/* Every other pattern has its sign turned: where codes do not lie evenly about zero, values still do. */
static void turn(uint8_t *pattern, const int sign[2], bool negative)
{
    bool is_negative = sign[0] >= 0 && pattern[sign[0]] & 0x80;
    for (int i = 0; i < 2 && is_negative != negative; i++)
        if (sign[i] >= 0)
            pattern[sign[i]] ^= 0x80;
}

static void make_patterns(struct tl_blocks *blocks, double width, const int sign[2])
{
    const struct tl_stream_key key = {0, 1};
    for (uint32_t p = 0; p < TL_PATTERNS; p++) {
        float values[TL_NUMBER_MAX_BLOCK];
        double own = width * exp2((p + 0.5) / TL_PATTERNS - 0.5);
        for (uint32_t i = 0; i < blocks->number->block_elems; i++)
            values[i] = (float)(own * (2 * tl_random_number(key, (uint64_t)p * TL_NUMBER_MAX_BLOCK + i) - 1));
        blocks->number->encode(values, blocks->number->block_elems, blocks->patterns[p]);
        turn(blocks->patterns[p], sign, p % 2);
    }
}

static double deviation(const struct tl_blocks *blocks)
{
    const struct tl_stream_key key = {0, 2};
    double squares = 0;
    for (uint32_t p = 0; p < TL_PATTERNS * DRAWS; p++) {
        uint8_t block[TL_NUMBER_MAX_BLOCK_BYTES + TL_RANDOM_UNIT];
        float values[TL_NUMBER_MAX_BLOCK];
        tl_random_bytes(key, (uint64_t)p * TL_NUMBER_MAX_BLOCK_BYTES, block, TL_NUMBER_MAX_BLOCK_BYTES);
        for (uint32_t i = 0; i < blocks->number->block_bytes && blocks->mapped; i++)
            block[i] = blocks->codes[block[i]];
        put_scales(blocks, p % TL_PATTERNS, block);
        tl_number_decode(blocks->number, block, blocks->number->block_elems, values);
        for (uint32_t i = 0; i < blocks->number->block_elems; i++)
            squares += (double)values[i] * (double)values[i];
    }
    return sqrt(squares / (TL_PATTERNS * DRAWS * blocks->number->block_elems));
}

int tl_blocks_init(struct tl_blocks *blocks, const struct tl_number *number, double sigma)
{
    int format = index_of(number);
    if (format < 0)
        return tl_fail(TL_E_USAGE, "random blocks of %s cannot be made", number->name);
    *blocks = (struct tl_blocks){.number = number};
    memcpy(blocks->at, formats[format].at, sizeof blocks->at);
    memcpy(blocks->n, formats[format].n, sizeof blocks->n);
    make_codes(blocks);
    double low = sigma * sqrt(3.0) / 2, high = low * 4;
    for (int pass = 0; pass < PASSES; pass++) {          /* scales that are powers of two change in steps */
        double middle = sqrt(low * high);
        make_patterns(blocks, middle, formats[format].sign);
        double found = deviation(blocks);
        if (!(found > 0))
            return tl_fail(TL_E_FAIL, "%s cannot hold values as small as %g", number->name, sigma);
        *(found < sigma ? &low : &high) = middle;
    }
    return 0;
}

void tl_blocks_fill(const struct tl_blocks *blocks, struct tl_stream_key key, uint64_t first, size_t n, uint8_t *ret_blocks)
{
    uint32_t bytes = blocks->number->block_bytes;
    tl_random_bytes(key, first * bytes, ret_blocks, n * bytes);
    for (size_t i = 0; i < n; i++, ret_blocks += bytes) {
        uint32_t pattern = ret_blocks[blocks->at[0]] % TL_PATTERNS;
        for (uint32_t k = 0; k < bytes && blocks->mapped; k++)
            ret_blocks[k] = blocks->codes[ret_blocks[k]];
        put_scales(blocks, pattern, ret_blocks);
    }
}

void tl_blocks_codes(const struct tl_blocks *blocks, struct tl_stream_key key, uint64_t from, size_t n_bytes, uint8_t *ret_codes)
{
    tl_random_bytes(key, from, ret_codes, n_bytes);
    for (size_t i = 0; i < n_bytes && blocks->mapped; i++)
        ret_codes[i] = blocks->codes[ret_codes[i]];
}

void tl_blocks_scales(const struct tl_blocks *blocks, struct tl_stream_key key, uint64_t first, size_t n, uint8_t *ret_scales)
{
    uint8_t random[TL_RANDOM_UNIT];
    for (size_t i = 0; i < n; i++, ret_scales += blocks->n[0]) {
        if (i % TL_RANDOM_UNIT == 0)
            tl_random_bytes(key, first + i, random, sizeof random);
        memcpy(ret_scales, blocks->patterns[random[i % TL_RANDOM_UNIT] % TL_PATTERNS] + blocks->at[0], blocks->n[0]);
    }
}
