/* SPDX-License-Identifier: MIT */
/* The safetensors header as it is written: metadata first, then the tensors in the order of their data, padded with
 * blanks so that the data begins at a multiple of 8. Metadata there is text: numbers are written so that they read back
 * to the same value. Format: the safetensors project's description. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "modelfile/writer_parts.h"

/* One element as JSON. */
static int put_element(struct tl_buffer *to, const struct tl_meta *meta, uint64_t index)
{
    const struct tl_meta_data *data = meta->data_;
    const char *text;
    size_t n_bytes;
    int64_t integer;
    double number = 0;
    if (meta->kind == TL_META_STRING) {
        int r = tl_meta_at_string(meta, index, &text, &n_bytes);
        return r < 0 ? r : tl_buffer_json_string(to, text, n_bytes);
    }
    if (meta->kind == TL_META_BOOL)
        return tl_buffer_printf(to, "%s", data->bytes[index] ? "true" : "false");
    if (meta->kind != TL_META_FLOAT && tl_meta_at_i64(meta, index, &integer) >= 0)
        return tl_buffer_printf(to, "%" PRId64, integer);
    if (meta->kind == TL_META_UINT) {
        uint64_t large;
        memcpy(&large, data->bytes + 8 * index, 8);
        return tl_buffer_printf(to, "%" PRIu64, large);
    }
    int r = tl_meta_at_f64(meta, index, &number);
    return r < 0 ? r : tl_buffer_printf(to, data->type == TL_TYPE_F32 ? "%.9g" : "%.17g", number);
}

static int put_elements(struct tl_buffer *to, const struct tl_meta *meta)
{
    int r = tl_buffer_append(to, "[", 1);
    for (uint64_t i = 0; r >= 0 && i < meta->count; i++) {
        tl_buffer_append(to, ",", i > 0);
        r = put_element(to, meta, i);
    }
    return r < 0 ? r : tl_buffer_append(to, "]", 1);
}

static int add_text(struct tl_buffer *metas, const struct tl_meta *meta)
{
    const char *string;
    size_t n_bytes;
    if (meta->kind == TL_META_STRING && !meta->is_array) {
        int r = tl_meta_at_string(meta, 0, &string, &n_bytes);
        return r < 0 ? r : tl_buffer_json_string(metas, string, n_bytes);
    }
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    int r = meta->is_array ? put_elements(&text, meta) : put_element(&text, meta, 0);
    if (r >= 0)
        r = tl_buffer_json_string(metas, text.data, text.len);
    tl_buffer_done(&text);
    return r;
}

static int add_meta(struct tl_buffer *metas, bool first, const struct tl_meta *meta)
{
    tl_buffer_append(metas, ",", !first);
    tl_buffer_json_string(metas, meta->key, strlen(meta->key));
    int r = tl_buffer_append(metas, ":", 1);
    return r < 0 ? r : add_text(metas, meta);
}

static int put_tensor(struct tl_buffer *header, const struct tl_writer_tensor *tensor)
{
    tl_buffer_json_string(header, tensor->name, strlen(tensor->name));
    tl_buffer_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", tensor->dtype);
    for (uint32_t d = 0; d < tensor->n_dims; d++)
        tl_buffer_printf(header, "%s%" PRIu64, d ? "," : "", tensor->shape[d]);
    return tl_buffer_printf(header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", tensor->offset, tensor->offset + tensor->n_bytes);
}

static int add_header(struct tl_buffer *header, const struct tl_writer *writer)
{
    uint64_t length = 0;
    tl_buffer_append(header, &length, sizeof length);
    tl_buffer_append(header, "{", 1);
    if (writer->n_metas) {
        tl_buffer_printf(header, "\"__metadata__\":{");
        tl_buffer_append(header, writer->metas.data, writer->metas.len);
        tl_buffer_append(header, "}", 1);
    }
    for (uint64_t i = 0; i < writer->n_tensors; i++) {
        tl_buffer_append(header, ",", i > 0 || writer->n_metas > 0);
        put_tensor(header, &writer->tensors[i]);
    }
    tl_buffer_append(header, "}", 1);
    int r = tl_buffer_append(header, "       ", -header->len & 7);
    if (r < 0)
        return r;
    length = header->len - sizeof length;
    memcpy(header->data, &length, sizeof length);
    return 0;
}

static bool stores(const struct tl_writer_tensor *tensor)
{
    return tensor->dtype;
}

const struct tl_writer_format tl_writer_safetensors = {"safetensors", 1, TL_TENSOR_DIMS, stores, add_meta, add_header};
