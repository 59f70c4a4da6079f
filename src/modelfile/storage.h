/* SPDX-License-Identifier: MIT */
/* Private to this room: how elements of a tensor are stored, whether or not number can compute with them. */
#ifndef TL_MODELFILE_STORAGE_H
#define TL_MODELFILE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "number/number.h"

struct tl_storage {
    const char *name;
    const struct tl_number *number;      /* NULL: number does not have it */
    uint32_t block_elems, block_bytes;
};

bool tl_storage_by_gguf(uint32_t ggml_type, struct tl_storage *ret_storage);
bool tl_storage_by_safetensors(const char *dtype, struct tl_storage *ret_storage);
/* The dtype that safetensors has for a type without a number, by its name; NULL: there is none. */
const char *tl_storage_dtype(const char *name, struct tl_storage *ret_storage);
/* false: no whole blocks, or it wraps */
bool tl_storage_bytes(const struct tl_storage *storage, uint64_t n_elems, uint64_t *ret_bytes);

#endif
