/* SPDX-License-Identifier: MIT */
/* The table of formats, made from numbers.def, and what follows from a format's facts alone: sizes and exact decoding.
 * A format is known to the rest of the program through this table and nothing else. */
#include "number/number.h"

#include <string.h>

#include "base/checked.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/lanes.h"

static const struct tl_number *const table[TL_NUMBERS] = {
#define NUMBER(id, name) [TL_NUMBER_##id] = &tl_number_##name,
#include "number/numbers.def"
#undef NUMBER
};

const struct tl_number *tl_number(enum tl_number_id id)
{
    return (unsigned)id < TL_NUMBERS ? table[id] : NULL;
}

const struct tl_number *tl_number_by_gguf(int64_t gguf_type)
{
    for (unsigned i = 0; i < TL_NUMBERS; i++)
        if (table[i]->gguf_type >= 0 && table[i]->gguf_type == gguf_type)
            return table[i];
    return NULL;
}

const struct tl_number *tl_number_by_safetensors(const char *dtype)
{
    for (unsigned i = 0; i < TL_NUMBERS; i++)
        if (table[i]->safetensors && strcmp(table[i]->safetensors, dtype) == 0)
            return table[i];
    return NULL;
}

const struct tl_number *tl_number_by_name(const char *name)
{
    for (unsigned i = 0; i < TL_NUMBERS; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

bool tl_number_bytes(const struct tl_number *number, uint64_t n_elems, uint64_t *ret_bytes)
{
    if (n_elems % number->block_elems)
        return false;
    return tl_checked_mul(n_elems / number->block_elems, number->block_bytes, ret_bytes);
}

static void decode_block(const struct tl_number *number, const uint8_t *block, float *ret_values)
{
    uint8_t codes[TL_NUMBER_MAX_BLOCK];
    float scale[TL_NUMBER_MAX_BLOCK / 16], min[TL_NUMBER_MAX_BLOCK / 16];
    int32_t offset = (int32_t)number->offset;
    number->unpack(block, codes, scale, min);
    for (uint32_t g = 0; g < number->block_elems / number->group; g++) {
        const uint8_t *code = codes + g * number->group;
        float *value = ret_values + g * number->group;
        for (uint32_t i = 0; i < number->group; i++)
            value[i] = scale[g] * (float)(code[i] - offset);
        if (number->has_min)
            for (uint32_t i = 0; i < number->group; i++)
                value[i] += min[g];
    }
}

void tl_number_decode(const struct tl_number *number, const void *bytes, size_t n_elems, float *ret_values)
{
    if (number->widen) {
        number->widen(bytes, n_elems, ret_values);
        return;
    }
    const uint8_t *block = bytes;
    for (size_t i = 0; i < n_elems; i += number->block_elems, block += number->block_bytes)
        decode_block(number, block, ret_values + i);
}

bool tl_number_says(const struct tl_number *as, const struct tl_number *number)
{
    return as == number || (number->restated && number->restated->as == as->id);
}

/* Bits of sizes are in the order of sizes, those of NaN the greatest: what is added makes the top bit of those that are as large. */
TL_WIDE static bool below(const float *values, size_t n_elems, float limit)
{
    typedef uint32_t bits16 __attribute__((vector_size(64)));
    const uint32_t more = 0x80000000u - tl_half_bits(limit);
    bits16 sums = {0};
    uint32_t any = 0;
    size_t at = 0;
    for (; at + TL_LANES <= n_elems; at += TL_LANES)
        sums |= (bits16)tl_lanes_size(tl_lanes_load(values + at)) + more;
    for (int i = 0; i < TL_LANES; i++)
        any |= sums[i];
    for (; at < n_elems; at++)
        any |= (tl_half_bits(values[at]) & 0x7fffffff) + more;
    return !(any >> 31);
}

bool tl_number_holds(const struct tl_number *number, const float *values, size_t n_elems)
{
    bool all = number->id == TL_NUMBER_F32 || number->id == TL_NUMBER_BF16;
    return all || below(values, n_elems, 65520);
}

void tl_number_fit(const struct tl_number *number, const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    if (number->fit)
        number->fit(values, weights, n_elems, ret_bytes);
    else
        number->encode(values, n_elems, ret_bytes);
}
