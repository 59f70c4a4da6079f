/* SPDX-License-Identifier: MIT */
/* How numbers are stored. A format is one file and one row of numbers.def.
 *
 * Two kinds. Plain formats (f32, f16, bf16) hold one value an element; fp8_b128 is one of them whose values have one scale
 * for 128. Block formats hold unsigned codes with a scale,
 * and in some a minimum, for every group of 16 or 32 elements:
 *
 *     value[i] = scale[i / group] * (float)(code[i] - offset) + min[i / group]       (two roundings; no min: one)
 *
 * where scale and min are the exact f32 products of what the block stores (for example d * sc of q4_k; the stored
 * minimum enters with its sign, so q4_k's min is -(dmin * m)). Codes are at most 255, offset at most 128.
 * Everything else in the program (decode, the kernels of every ISA level) works from these codes, so a new block format
 * runs everywhere as soon as its file exists; a level may then add a faster unpacking.
 * Formats follow the definitions of ggml's quantised blocks (gguf-py, quants.py) and the safetensors format. */
#ifndef TL_NUMBER_NUMBER_H
#define TL_NUMBER_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tl_number_id {
#define NUMBER(id, name) TL_NUMBER_##id,
#include "number/numbers.def"
#undef NUMBER
    TL_NUMBERS
};

enum { TL_NUMBER_MAX_BLOCK = 256, TL_NUMBER_MAX_BLOCK_BYTES = 512, TL_NUMBER_MAX_FIELDS = 8 };

/* A run of bytes of a block, cut into granules; panels interleave granule by granule over their 16 rows. */
struct tl_number_field { uint16_t bytes, granule; };

/* How files hold a format's codes and scales where these are tensors of their own: codes [rows, cols] of code_bits, scales
 * [rows / apart.rows, cols / apart.cols], both rounded up. */
struct tl_number_apart {
    uint32_t code_bits;
    uint32_t rows, cols;                 /* that share a scale */
    uint32_t scale_bytes;
    enum tl_number_id scale;             /* of the scales: F32, BF16; TL_NUMBERS: bytes of a kind of their own */
    /* One row: codes and scales -> blocks; elements missing from the last block become 0. */
    void (*join)(const void *codes, const void *scales, size_t n_elems, void *ret_blocks);
    /* The reverse, of whole blocks; NULL: such files are not written. */
    void (*split)(const void *blocks, size_t n_elems, void *ret_codes, void *ret_scales);
};

/* A format whose blocks can say the same as those of another one, for kinds of files that store the one and not the other. */
struct tl_number_restated {
    enum tl_number_id as;
    bool partly;                         /* a matrix that has no equal becomes f32; else that is refused */
    /* Of n scales as f32: how many come before the first of a block that may have no equal; n: all blocks have one. */
    size_t (*holds)(const float *scales, size_t n);
    /* n elements (whole blocks of both) -> blocks of `as` with the very same values. Returns how many elements came before the
     * first block that has none such: n_elems where all have one. NULL: the format's `encode` of the values is them. */
    size_t (*restate)(const void *blocks, size_t n_elems, void *ret_blocks);
};

struct tl_number {
    enum tl_number_id id;
    const char *name;                    /* "q4_k" */
    const char *safetensors;             /* dtype there, "BF16"; NULL: not stored there */
    int32_t gguf_type;                   /* ggml_type there; -1: not stored there */
    uint32_t block_elems, block_bytes;   /* plain formats: 1 element; fp8_b128: 128 */
    uint32_t group;                      /* elements a scale: 16 or 32; 0: plain */
    uint32_t offset;                     /* subtracted from every code */
    bool has_min;
    uint32_t panel_elems;                /* elements a row gives to one panel block: block_elems; bf16: 2 */
    struct tl_number_field fields[TL_NUMBER_MAX_FIELDS];     /* of one panel block, in stored order; bytes 0 ends */

    /* Block formats: one block -> codes[block_elems], scale and min [block_elems / group] (min untouched without has_min). */
    void (*unpack)(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min);
    /* Plain formats: n elements -> f32, exactly. NULL for block formats. */
    void (*widen)(const void *from, size_t n_elems, float *ret_values);
    /* Plain formats with a scale: one block -> values without it (exact in bf16), and it. widen: their product. Else NULL. */
    void (*part)(const void *block, float *ret_values, float *ret_scale);
    /* n f32 (a multiple of block_elems) -> stored form, round to nearest even where the format is plain. */
    void (*encode)(const float *values, size_t n_elems, void *ret_bytes);
    /* Block formats: the same with more care, for files: the sum of weights[i] * error^2 is made small. weights >= 0; NULL: all 1. */
    void (*fit)(const float *values, const float *weights, size_t n_elems, void *ret_bytes);
    const struct tl_number_apart *apart; /* NULL: files hold whole blocks */
    const struct tl_number_restated *restated;           /* NULL: no other format says the same */
};

const struct tl_number *tl_number(enum tl_number_id id);              /* never NULL for a valid id */
const struct tl_number *tl_number_by_gguf(int64_t gguf_type);         /* NULL: unknown */
const struct tl_number *tl_number_by_safetensors(const char *dtype);  /* NULL: unknown */
const struct tl_number *tl_number_by_name(const char *name);          /* NULL: unknown */

/* Bytes of `n_elems` elements in rows of whole blocks; false: not a multiple of the block, or it wraps. */
bool tl_number_bytes(const struct tl_number *number, uint64_t n_elems, uint64_t *ret_bytes);

/* Decodes n elements (a multiple of block_elems), exactly as the format is defined. */
void tl_number_decode(const struct tl_number *number, const void *bytes, size_t n_elems, float *ret_values);

/* Is `as` the format, or the one that its blocks can be restated as? */
bool tl_number_says(const struct tl_number *as, const struct tl_number *number);

/* Can they be stored? f32 and bf16 hold all that a float is; others, whose values or scales are f16, what is finite and rounds to 65504 at most. */
bool tl_number_holds(const struct tl_number *number, const float *values, size_t n_elems);

/* Encodes n elements for a file: the format's fit, or its encoding where it has none. weights as there. */
void tl_number_fit(const struct tl_number *number, const float *values, const float *weights, size_t n_elems, void *ret_bytes);

/* Scalar conversions, round to nearest even, NaN kept quiet. */
float tl_f16_to_f32(uint16_t half);
uint16_t tl_f32_to_f16(float value);
static inline float tl_bf16_to_f32(uint16_t half)
{
    union { uint32_t u; float f; } bits = { .u = (uint32_t)half << 16 };
    return bits.f;
}
uint16_t tl_f32_to_bf16(float value);

#endif
