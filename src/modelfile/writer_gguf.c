/* SPDX-License-Identifier: MIT */
/* GGUF v3 as it is written: magic number, version, counts, values, tensors, padding to 32 bytes. Values of every type
 * keep that type. Format: the GGUF specification in ggml's docs. */
#include <string.h>

#include "modelfile/gguf.h"
#include "modelfile/writer_parts.h"

static int put_u32(struct tl_buffer *to, uint32_t value)
{
    return tl_buffer_append(to, &value, 4);
}

static int put_u64(struct tl_buffer *to, uint64_t value)
{
    return tl_buffer_append(to, &value, 8);
}

static int put_string(struct tl_buffer *to, const char *text, size_t n_bytes)
{
    put_u64(to, n_bytes);
    return tl_buffer_append(to, text, n_bytes);
}

static int put_strings(struct tl_buffer *to, const struct tl_meta *meta)
{
    int r = 0;
    for (uint64_t i = 0; r >= 0 && i < meta->count; i++) {
        const char *text;
        size_t n_bytes;
        r = tl_meta_at_string(meta, i, &text, &n_bytes);
        if (r >= 0)
            r = put_string(to, text, n_bytes);
    }
    return r;
}

static int add_meta(struct tl_buffer *metas, bool first, const struct tl_meta *meta)
{
    const struct tl_meta_data *data = meta->data_;
    (void)first;
    put_string(metas, meta->key, strlen(meta->key));
    if (meta->is_array)
        put_u32(metas, TL_TYPE_ARRAY);
    int r = put_u32(metas, data->type);
    if (meta->is_array)
        r = put_u64(metas, meta->count);
    if (r < 0)
        return r;
    if (data->type == TL_TYPE_STRING)
        return put_strings(metas, meta);
    return tl_buffer_append(metas, data->bytes, meta->count * tl_meta_type_bytes(data->type));
}

static int add_header(struct tl_buffer *header, const struct tl_writer *writer)
{
    static const char zeros[TL_GGUF_ALIGN] = {0};
    tl_buffer_append(header, "GGUF", 4);
    put_u32(header, 3);
    put_u64(header, writer->n_tensors);
    put_u64(header, writer->n_metas);
    tl_buffer_append(header, writer->metas.data, writer->metas.len);
    for (uint64_t i = 0; i < writer->n_tensors; i++) {
        const struct tl_writer_tensor *tensor = &writer->tensors[i];
        put_string(header, tensor->name, strlen(tensor->name));
        put_u32(header, tensor->n_dims);
        for (uint32_t d = tensor->n_dims; d > 0; d--)
            put_u64(header, tensor->shape[d - 1]);
        put_u32(header, (uint32_t)tensor->storage.number->gguf_type);
        put_u64(header, tensor->offset);
    }
    return tl_buffer_append(header, zeros, -header->len & (TL_GGUF_ALIGN - 1));
}

static bool stores(const struct tl_writer_tensor *tensor)
{
    return tensor->storage.number && tensor->storage.number->gguf_type >= 0;
}

const struct tl_writer_format tl_writer_gguf = {"GGUF", TL_GGUF_ALIGN, TL_GGUF_DIMS, stores, add_meta, add_header};
