/* SPDX-License-Identifier: MIT */
/* Private to this room: a model file being written, and what differs between the formats. */
#ifndef TL_MODELFILE_WRITER_PARTS_H
#define TL_MODELFILE_WRITER_PARTS_H

#include "base/buffer.h"
#include "modelfile/names.h"
#include "modelfile/parts.h"
#include "modelfile/storage.h"
#include "modelfile/writer.h"

struct tl_writer_tensor {
    char *name;
    struct tl_storage storage;
    const char *dtype;                   /* of safetensors */
    uint32_t n_dims;
    uint64_t shape[TL_TENSOR_DIMS];
    uint64_t n_bytes, offset;            /* offset: from the beginning of the data */
};

/* A file beside the weights, complete but for its name. */
struct tl_writer_side { char *name; struct tl_outfile *out; };

struct tl_writer {
    char *path;
    const struct tl_writer_format *format;
    struct tl_outfile *out;
    struct tl_writer_side *sides;
    uint64_t n_sides, sides_cap;
    struct tl_buffer metas;              /* as the format stores them, one behind the other */
    uint64_t n_metas;
    char **keys;                         /* what meta_names points to */
    uint64_t keys_cap;
    struct tl_names meta_names, tensor_names;
    struct tl_writer_tensor *tensors;
    uint64_t n_tensors, tensors_cap;
    int status;                          /* of the first declaration that failed half-way: no header follows it */
    bool begun;
    uint64_t at, at_bytes;               /* the tensor being written, and how much of it is there */
};

struct tl_writer_format {
    const char *name;
    uint32_t align;                      /* of each tensor's offset */
    uint32_t max_dims;
    bool (*stores)(const struct tl_writer_tensor *tensor);
    int (*add_meta)(struct tl_buffer *metas, bool first, const struct tl_meta *meta);
    int (*add_header)(struct tl_buffer *header, const struct tl_writer *writer);     /* padding included */
};

/* writer_beside.c: the files beside the weights get their names, and what was there of another model goes. */
int tl_writer_replace(struct tl_writer *writer);
void tl_writer_drop_sides(struct tl_writer *writer);

extern const struct tl_writer_format tl_writer_gguf, tl_writer_safetensors;

#endif
