/* SPDX-License-Identifier: MIT */
/* Looks a stored type up: first among the formats of number, then in storage.def. */
#include "modelfile/storage.h"

#include <string.h>

#include "base/array.h"
#include "base/checked.h"

static bool of_number(const struct tl_number *number, struct tl_storage *ret_storage)
{
    if (number)
        *ret_storage = (struct tl_storage){number->name, number, number->block_elems, number->block_bytes};
    return number;
}

bool tl_storage_by_gguf(uint32_t ggml_type, struct tl_storage *ret_storage)
{
    static const struct { uint32_t type; struct tl_storage storage; } others[] = {
#define STORAGE_GGUF(type, name, elems, bytes) {type, {name, NULL, elems, bytes}},
#define STORAGE_SAFETENSORS(dtype, name, elems, bytes)
#include "modelfile/storage.def"
#undef STORAGE_GGUF
#undef STORAGE_SAFETENSORS
    };
    if (of_number(tl_number_by_gguf(ggml_type), ret_storage))
        return true;
    for (unsigned i = 0; i < TL_COUNT(others); i++)
        if (others[i].type == ggml_type) {
            *ret_storage = others[i].storage;
            return true;
        }
    return false;
}

static const struct { const char *dtype; struct tl_storage storage; } of_safetensors[] = {
#define STORAGE_GGUF(type, name, elems, bytes)
#define STORAGE_SAFETENSORS(dtype, name, elems, bytes) {dtype, {name, NULL, elems, bytes}},
#include "modelfile/storage.def"
#undef STORAGE_GGUF
#undef STORAGE_SAFETENSORS
};

bool tl_storage_by_safetensors(const char *dtype, struct tl_storage *ret_storage)
{
    if (of_number(tl_number_by_safetensors(dtype), ret_storage))
        return true;
    for (unsigned i = 0; i < TL_COUNT(of_safetensors); i++)
        if (strcmp(of_safetensors[i].dtype, dtype) == 0) {
            *ret_storage = of_safetensors[i].storage;
            return true;
        }
    return false;
}

const char *tl_storage_dtype(const char *name, struct tl_storage *ret_storage)
{
    for (unsigned i = 0; i < TL_COUNT(of_safetensors); i++)
        if (strcmp(of_safetensors[i].storage.name, name) == 0) {
            *ret_storage = of_safetensors[i].storage;
            return of_safetensors[i].dtype;
        }
    return NULL;
}

bool tl_storage_bytes(const struct tl_storage *storage, uint64_t n_elems, uint64_t *ret_bytes)
{
    return n_elems % storage->block_elems == 0 && tl_checked_mul(n_elems / storage->block_elems, storage->block_bytes, ret_bytes);
}
