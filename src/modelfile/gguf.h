/* SPDX-License-Identifier: MIT */
/* Private to this room: the header of one GGUF file as it is stored, everything by its place in the header region. */
#ifndef TL_MODELFILE_GGUF_H
#define TL_MODELFILE_GGUF_H

#include "modelfile/parts.h"
#include "modelfile/source.h"

enum { TL_GGUF_DIMS = 4, TL_GGUF_ALIGN = 32, TL_GGUF_MAX_ALIGN = 1 << 20, TL_GGUF_MAX_STRINGS = 1 << 22 };

struct tl_gguf_value {
    uint32_t key_at, value_at;           /* value_at: of the value, or of the first element of an array */
    enum tl_meta_type type;              /* of the value or the elements */
    bool is_array;
    uint64_t count, first_string;        /* arrays of strings: elements [first_string, + count) of strings */
};

struct tl_gguf_tensor {
    uint32_t name_at, type, n_dims;
    uint64_t dims[TL_GGUF_DIMS];         /* innermost first */
    uint64_t offset;                     /* from data_offset */
};

struct tl_gguf {
    struct tl_source source;
    uint64_t n_values, values_cap, n_tensors, tensors_cap;
    struct tl_gguf_value *values;
    struct tl_gguf_tensor *tensors;
    uint32_t *strings;                   /* places of the elements of all arrays of strings */
    uint64_t n_strings, strings_cap;
    uint64_t alignment, data_offset;
    bool lent;                           /* source.bytes and strings belong to a model by now */
};

int tl_gguf_parse(struct tl_gguf *gguf, const struct tl_file *file);  /* gguf: zeroed */
void tl_gguf_done(struct tl_gguf *gguf);

static inline const char *tl_gguf_text(const struct tl_gguf *gguf, uint32_t at)
{
    return (const char *)gguf->source.bytes + at + 4;
}

#endif
