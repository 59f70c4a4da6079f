/* SPDX-License-Identifier: MIT */
/* Metadata of the output: all of the input's, the licence among them, but for what it says anew; and where the file is
 * from: trill.source.*, trill.scheme, trill.importance, trill.experts. A run that was stopped goes on where its header is the same, so
 * all that the bytes depend on stands in it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "compress/identity.h"
#include "compress/quantize_impl.h"

enum { KEY_BYTES = 128 };

static bool is_gguf(const struct tl_quantizing *q) { return tl_modelfile_format(q->file) == TL_MODELFILE_GGUF; }

enum count { NO_COUNT, EXPERTS, LAYERS, LAYERS_AHEAD };

/* Of keys behind the architecture's name: the counts that change where experts go. */
static enum count count_of(const struct tl_quantizing *q, const char *key)
{
    static const char *const names[] = {[EXPERTS] = ".expert_count", [LAYERS] = ".block_count", [LAYERS_AHEAD] = ".nextn_predict_layers"};
    for (int i = EXPERTS; i <= LAYERS_AHEAD && q->kept; i++)
        if (tl_text_ends(key, names[i]))
            return (enum count)i;
    return NO_COUNT;
}

/* What the output says anew, or of its source. */
static bool replaced(const char *key)
{
    return tl_text_begins(key, "trill.") || strcmp(key, "general.file_type") == 0 || strcmp(key, "general.quantization_version") == 0;
}

bool tl_quantize_even(const struct tl_quantizing *q, uint32_t *ret_count)
{
    uint32_t most = 0;
    bool even = true;
    for (uint32_t layer = 0; layer < tl_model_geometry(q->model)->n_layers; layer++) {
        even = even && (most == 0 || q->n_kept[layer] == 0 || q->n_kept[layer] == most);
        most = q->n_kept[layer] > most ? q->n_kept[layer] : most;
    }
    *ret_count = most;
    return even;
}

/* A number for all layers; where they differ one a layer, which programs that expect a number refuse. */
static int add_experts(struct tl_quantizing *q, const char *key)
{
    uint32_t count;
    if (tl_quantize_even(q, &count))
        return tl_writer_u64(q->writer, key, count);
    return tl_writer_i32s(q->writer, key, (const int32_t *)q->n_kept, tl_model_geometry(q->model)->n_layers);
}

static int add_count(struct tl_quantizing *q, enum count count, const char *key)
{
    if (count == EXPERTS)
        return add_experts(q, key);
    return tl_writer_u64(q->writer, key, count == LAYERS ? tl_model_geometry(q->model)->n_layers : 0);
}

const struct tl_number *tl_quantize_stored(const struct tl_quantizing *q)
{
    uint64_t elems[TL_NUMBERS] = {0};
    const struct tl_number *most = NULL;
    for (uint64_t i = 0; i < q->n_outputs; i++) {
        const struct tl_number *number = q->outputs[i].number ? q->outputs[i].number : q->outputs[i].tensor->number;
        if (number && (elems[number->id] += q->outputs[i].tensor->n_elems) > (most ? elems[most->id] : 0))
            most = number;
    }
    return most;
}

/* As llama.cpp numbers what most of a file is stored as; no key where it has no number. */
static int add_file_type(struct tl_quantizing *q)
{
    static const int types[TL_NUMBERS] = {
#define FILE_TYPE(format, type) [TL_NUMBER_##format] = (type) + 1,
#define INSTEAD(format, other)
#include "compress/schemes.def"
#undef INSTEAD
#undef FILE_TYPE
    };
    const struct tl_number *most = tl_quantize_stored(q);
    int r = most && types[most->id] ? tl_writer_u64(q->writer, "general.file_type", (uint64_t)types[most->id] - 1) : 0;
    return r < 0 ? r : tl_writer_u64(q->writer, "general.quantization_version", 2);
}

static int add_text(struct tl_quantizing *q, const char *key, const char *text)
{
    return text ? tl_writer_string(q->writer, key, text, strlen(text)) : 0;
}

/* Which experts of the source stay, layer after layer. */
static int add_kept(struct tl_quantizing *q)
{
    const struct tl_geometry *g = tl_model_geometry(q->model);
    uint64_t n = 0;
    if (!q->kept)
        return 0;
    TL_AUTO int32_t *kept = tl_alloc((uint64_t)g->n_layers * g->n_experts, sizeof(*kept));
    if (!kept)
        return TL_E_NOMEM;
    for (uint32_t layer = 0; layer < g->n_layers; n += q->n_kept[layer++])
        memcpy(kept + n, q->kept + (uint64_t)layer * g->n_experts, q->n_kept[layer] * sizeof(*kept));
    return tl_writer_i32s(q->writer, "trill.experts.kept", kept, n);
}

static int add_source(struct tl_quantizing *q)
{
    char name[256], hash[2 * TL_SHA256_BYTES + 1];
    uint8_t digest[TL_SHA256_BYTES];
    const char *path = tl_modelfile_path(q->source);
    tl_modelfile_name(path, strlen(path), name, sizeof(name));
    int r = tl_identity_of(q->source, digest);
    if (r < 0)
        return r;
    tl_sha256_hex(digest, hash);
    r = add_text(q, "trill.source.name", name);
    if (r >= 0)
        r = add_text(q, "trill.source.identity", hash);
    if (r >= 0)
        r = add_text(q, "trill.scheme", q->scheme);
    if (r >= 0)
        r = add_text(q, TL_NATIVE_KEY, q->native ? q->native->name : NULL);
    if (r >= 0)
        r = add_text(q, "trill.importance.sha256", q->importance ? tl_importance_hash(q->importance) : NULL);
    return r < 0 ? r : add_kept(q);
}

/* Where the source is from: what add_source says anew stands behind "trill.source.", the rest (of training, of distilling) as it is. */
static int carry_notes(struct tl_quantizing *q)
{
    static const char *const anew[] = {"source.", "scheme", "native", "importance.", "experts."};
    static const char prefix[] = "trill.";
    size_t skip = tl_modelfile_format(q->source) == TL_MODELFILE_GGUF ? 0 : strlen(TL_META_OF_HEADER);
    int r = 0;
    for (uint64_t i = 0; i < tl_modelfile_metas(q->source) && r >= 0; i++) {
        struct tl_meta meta = *tl_modelfile_meta_at(q->source, i);
        char key[KEY_BYTES];
        size_t k = 0;
        if (strncmp(meta.key, TL_META_OF_HEADER, skip) != 0 || !tl_text_begins(meta.key + skip, prefix))
            continue;
        const char *rest = meta.key + skip + strlen(prefix);
        while (k < TL_COUNT(anew) && !tl_text_begins(rest, anew[k]))
            k++;
        meta.key = key;
        if (snprintf(key, sizeof(key), "%s%s%s", prefix, k < TL_COUNT(anew) ? "source." : "", rest) < KEY_BYTES)
            r = tl_writer_meta(q->writer, &meta);
    }
    return r;
}

static int copy_metas(struct tl_quantizing *q)
{
    int r = 0;
    for (uint64_t i = 0; i < tl_modelfile_metas(q->file) && r >= 0; i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(q->file, i);
        const char *text;
        size_t n_bytes;
        enum count count = count_of(q, meta->key);
        if (is_gguf(q) && count != NO_COUNT)
            r = add_count(q, count, meta->key);
        else if (is_gguf(q) && !replaced(meta->key))
            r = tl_writer_meta(q->writer, meta);
        else if (!is_gguf(q) && tl_text_begins(meta->key, TL_META_OF_HEADER) && !replaced(meta->key + strlen(TL_META_OF_HEADER)) &&
                 (r = tl_meta_at_string(meta, 0, &text, &n_bytes)) >= 0)
            r = tl_writer_string(q->writer, meta->key + strlen(TL_META_OF_HEADER), text, n_bytes);
    }
    return r;
}

int tl_quantize_metadata(struct tl_quantizing *q)
{
    int r = q->conversion ? tl_conversion_metadata(q->conversion, q->n_kept, q->writer) : copy_metas(q);
    if (r >= 0 && is_gguf(q))
        r = add_file_type(q);
    if (r >= 0)
        r = add_source(q);
    return r < 0 ? r : carry_notes(q);
}
