/* SPDX-License-Identifier: MIT */
/* What a file says besides its tensors: metadata of GGUF; of safetensors the JSON files beside the weights. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "compress/convert_impl.h"
#include "model/arch.h"
#include "model/geometry_config.h"
#include "model/geometry_gguf.h"
#include "text/tokenizer_write.h"

static const char template_key[] = "tokenizer.chat_template", padding_key[] = "tokenizer.ggml.padding_token_id";

static bool to_gguf(const struct tl_conversion *c) { return c->to.format == TL_MODELFILE_GGUF; }

/* Names, authors, licences: strings under general.*, which safetensors keep in their header. */
static int copy_general(const struct tl_conversion *c, bool *named, struct tl_writer *writer)
{
    static const char *const anew[] = {"general.architecture", "general.file_type", "general.quantization_version", "general.alignment"};
    size_t skip = to_gguf(c) ? strlen(TL_META_OF_HEADER) : 0;
    int r = 0;
    for (uint64_t i = 0; i < tl_modelfile_metas(c->source) && r >= 0; i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(c->source, i);
        const char *key = meta->key + skip, *text;
        size_t n_bytes, k = 0;
        if (strncmp(meta->key, TL_META_OF_HEADER, skip) != 0 || !tl_text_begins(key, "general.") || meta->kind != TL_META_STRING || meta->is_array)
            continue;
        while (k < TL_COUNT(anew) && strcmp(anew[k], key) != 0)
            k++;
        if (k < TL_COUNT(anew))
            continue;
        *named = *named || strcmp(key, "general.name") == 0;
        r = tl_meta_at_string(meta, 0, &text, &n_bytes);
        if (r >= 0)
            r = tl_writer_string(writer, key, text, n_bytes);
    }
    return r;
}

/* --- GGUF --------------------------------------------------------------------------------------------------------- */

static int32_t padding_id(const struct tl_conversion *c)
{
    static const char *const keys[] = {"tokenizer_config.pad_token.content", "tokenizer_config.pad_token"};
    uint64_t id = 0;
    const char *name;
    size_t n_bytes;
    if (!to_gguf(c))
        return tl_meta_u64(c->source, padding_key, INT32_MAX, &id) > 0 ? (int32_t)id : -1;
    for (size_t i = 0; i < TL_COUNT(keys); i++) {
        const struct tl_meta *meta = tl_modelfile_meta(c->source, keys[i]);
        if (meta && meta->kind == TL_META_STRING && !meta->is_array && tl_meta_at_string(meta, 0, &name, &n_bytes) >= 0)
            return tl_tokenizer_id(c->tokenizer, name, n_bytes);
    }
    return -1;
}

static void keep_experts(struct tl_geometry *g, const uint32_t *n_kept)
{
    g->n_experts = 0;
    for (uint32_t i = 0; i < g->n_layers; i++) {
        g->layer_experts[i] = n_kept[i];
        g->n_experts = n_kept[i] > g->n_experts ? n_kept[i] : g->n_experts;
    }
    for (uint32_t i = 0; i < g->n_layers; i++)           /* of layers without any */
        g->layer_experts[i] = n_kept[i] ? n_kept[i] : g->n_experts;
    g->n_stored = g->n_experts;
}

static int write_gguf(const struct tl_conversion *c, const uint32_t *n_kept, struct tl_writer *writer)
{
    struct tl_geometry geometry = c->from;
    char name[256];
    const char *path = tl_modelfile_path(c->source), *text = NULL;
    size_t n_bytes;
    bool named = false;
    int32_t padding = padding_id(c);
    if (n_kept)
        keep_experts(&geometry, n_kept);
    int r = tl_geometry_write_gguf(&geometry, c->source, c->ahead && !n_kept, writer);
    if (r >= 0)
        r = copy_general(c, &named, writer);
    tl_modelfile_name(path, strlen(path), name, sizeof(name));
    if (r >= 0 && !named)
        r = tl_writer_string(writer, "general.name", name, strlen(name));
    if (r >= 0 && (r = tl_tokenizer_write_gguf(c->tokenizer, c->to.vocab, writer)) < 0)
        return tl_fail_in(r, "%s", path);
    if (r >= 0 && padding >= 0 && (uint32_t)padding < c->to.vocab)
        r = tl_writer_u64(writer, padding_key, (uint64_t)padding);
    if (r >= 0 && (r = tl_meta_string(c->source, template_key, &text, &n_bytes)) > 0)
        r = tl_writer_string(writer, template_key, text, n_bytes);
    return r;
}

int tl_conversion_metadata(const struct tl_conversion *c, const uint32_t *n_kept, struct tl_writer *writer)
{
    bool named = false;
    if (to_gguf(c))
        return write_gguf(c, n_kept, writer);
    int r = tl_writer_string(writer, "format", "pt", 2);             /* transformers asks for it */
    return r < 0 ? r : copy_general(c, &named, writer);
}

/* --- beside safetensors ------------------------------------------------------------------------------------------- */

/* Codes of mxfp4 are named for those who read them. */
static bool is_mxfp4(const struct tl_conversion *c)
{
    for (uint64_t i = 0; i < c->entries.n; i++)
        if (c->entries.entry[i].kind == TL_ENTRY_CODES)
            return true;
    return false;
}

static void put_id(struct tl_buffer *to, const char *key, int32_t id)
{
    if (id >= 0)
        tl_buffer_printf(to, ",\"%s\":%" PRId32, key, id);
}

static int write_config(const struct tl_conversion *c, const struct tl_number *stored, struct tl_buffer *to)
{
    static const struct { enum tl_number_id number; const char *name; } types[] = {{TL_NUMBER_BF16, "bfloat16"}, {TL_NUMBER_F16, "float16"}};
    const char *type = "float32";
    for (size_t i = 0; i < TL_COUNT(types); i++)
        type = stored && stored->id == types[i].number ? types[i].name : type;
    tl_buffer_printf(to, "{");
    int r = tl_geometry_write_config(&c->to, c->source, to);
    if (is_mxfp4(c))
        tl_buffer_printf(to, ",\"quantization_config\":{\"quant_method\":\"mxfp4\",\"modules_to_not_convert\":[\"model.layers.*.self_attn\","
                             "\"model.layers.*.mlp.router\",\"model.embed_tokens\",\"lm_head\"]}");
    put_id(to, "bos_token_id", tl_tokenizer_bos(c->tokenizer));
    put_id(to, "eos_token_id", tl_tokenizer_eos(c->tokenizer));
    put_id(to, "pad_token_id", padding_id(c));
    tl_buffer_printf(to, ",\"dtype\":\"%s\"}\n", is_mxfp4(c) ? "bfloat16" : type);
    return r < 0 ? r : to->status;
}

/* All ends of generation, EOS first. */
static int write_generation(const struct tl_conversion *c, struct tl_buffer *to)
{
    int32_t eos = tl_tokenizer_eos(c->tokenizer);
    tl_buffer_printf(to, "{\"do_sample\":false");
    put_id(to, "bos_token_id", tl_tokenizer_bos(c->tokenizer));
    put_id(to, "pad_token_id", padding_id(c));
    if (eos >= 0) {
        tl_buffer_printf(to, ",\"eos_token_id\":[%" PRId32, eos);
        for (uint32_t id = 0; id < tl_tokenizer_size(c->tokenizer); id++)
            if ((int32_t)id != eos && tl_tokenizer_ends(c->tokenizer, (int32_t)id))
                tl_buffer_printf(to, ",%" PRIu32, id);
        tl_buffer_printf(to, "]");
    }
    return tl_buffer_printf(to, "}\n");
}

static int write_tokenizer_config(const struct tl_conversion *c, struct tl_buffer *to)
{
    const struct { const char *key; int32_t id; } tokens[] = {
        {"bos_token", tl_tokenizer_bos(c->tokenizer)}, {"eos_token", tl_tokenizer_eos(c->tokenizer)}, {"pad_token", padding_id(c)},
    };
    tl_buffer_printf(to, "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"clean_up_tokenization_spaces\":false,\"model_max_length\":%" PRIu32
                         ",\"add_bos_token\":%s", c->to.context, tl_tokenizer_adds_bos(c->tokenizer) ? "true" : "false");
    for (size_t i = 0; i < TL_COUNT(tokens); i++)
        if (tokens[i].id >= 0)
            tl_buffer_json_member(to, tokens[i].key, tl_tokenizer_name(c->tokenizer, tokens[i].id));
    return tl_buffer_printf(to, "}\n");
}

enum side { CONFIG, GENERATION, TOKENIZER, TOKENIZER_CONFIG, TEMPLATE, SIDES };

static int write_side(const struct tl_conversion *c, enum side side, const struct tl_number *stored, struct tl_buffer *to)
{
    const char *text = NULL;
    size_t n_bytes = 0;
    int r;
    switch (side) {
    case CONFIG: return write_config(c, stored, to);
    case GENERATION: return write_generation(c, to);
    case TOKENIZER: return tl_tokenizer_write_json(c->tokenizer, to);
    case TOKENIZER_CONFIG: return write_tokenizer_config(c, to);
    default: r = tl_meta_string(c->source, template_key, &text, &n_bytes); return r <= 0 ? r : tl_buffer_append(to, text, n_bytes);
    }
}

int tl_conversion_check(const struct tl_conversion *c)
{
    struct tl_buffer config;
    tl_buffer_init(&config, 0);
    int r = to_gguf(c) ? tl_geometry_check_gguf(&c->from, c->source) : write_config(c, NULL, &config);
    tl_buffer_done(&config);
    return r;
}

int tl_conversion_beside(const struct tl_conversion *c, const struct tl_number *stored, struct tl_writer *writer)
{
    static const char *const names[SIDES] = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"};
    int r = 0;
    for (int side = 0; side < SIDES && r >= 0 && !to_gguf(c); side++) {
        struct tl_buffer text;
        tl_buffer_init(&text, 0);
        r = write_side(c, (enum side)side, stored, &text);
        if (r >= 0 && text.len)
            r = tl_writer_beside(writer, names[side], text.data, text.len);
        tl_buffer_done(&text);
    }
    return r;
}
