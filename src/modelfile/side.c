/* SPDX-License-Identifier: MIT */
/* The JSON files beside safetensors, flattened into metadata: a value's key is the path to it, joined with dots. Arrays
 * of scalars of one kind are kept as arrays; nulls and all other arrays are absent. The chat template is looked for in
 * chat_template.jinja, chat_template.json and tokenizer_config.json, in this order. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "modelfile/parts.h"

const char *const tl_side_names[] = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
                                     "tiktoken.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
                                     "chat_template.jinja", "chat_template.json", NULL};

static const char template_key[] = "tokenizer.chat_template";

struct flatten {
    struct tl_modelfile *file;
    struct tl_json json;
    bool template_only;                  /* take nothing but the value of "chat_template" */
    bool has_template;                   /* "chat_template" at the top is the template, not a value */
    unsigned depth;
    size_t lengths[TL_JSON_DEPTH + 1];   /* of path at each depth */
    char path[TL_NAME_BYTES + 1];
    uint64_t taken_bytes;
};

/* Memory for values; all side files together may take TL_MODELFILE_MAX_SIDE_BYTES. */
static int take_room(struct flatten *flatten, uint64_t n_bytes, void **ret_room)
{
    flatten->taken_bytes += n_bytes + sizeof(struct tl_meta_data) + strlen(flatten->path);
    if (flatten->taken_bytes > TL_MODELFILE_MAX_SIDE_BYTES)
        return tl_fail(TL_E_FILE, "%s: key %s: found more than %d bytes of values, expected at most that many", flatten->json.name,
                       flatten->path, TL_MODELFILE_MAX_SIDE_BYTES);
    *ret_room = tl_parts_room(flatten->file, n_bytes);
    return *ret_room ? 0 : TL_E_NOMEM;
}

static int add_value(struct flatten *flatten, enum tl_meta_type type, const void *bytes, const uint32_t *strings, bool is_array,
                     uint64_t count)
{
    struct tl_meta_data data = {.type = type, .bytes = bytes, .strings = strings};
    const char *key = tl_parts_text(flatten->file, flatten->path, strlen(flatten->path));
    return key ? tl_parts_add_meta(flatten->file, key, &data, is_array, count) : TL_E_NOMEM;
}

/* --- numbers ----------------------------------------------------------------------------------------------------------- */

static const enum tl_meta_type number_types[] = {TL_TYPE_U64, TL_TYPE_I64, TL_TYPE_F64};
enum { NUMBER_TYPES = 3 };

/* Vendors' files may hold the words for what is no finite number: no harm where nobody asks for the value. */
static bool parse_f64(const char *text, size_t n_bytes, double *ret)
{
    if (n_bytes > 1 || (n_bytes == 1 && *text != '-'))
        return tl_parse_f64(text, n_bytes, ret);
    *ret = text[n_bytes] == 'N' ? NAN : n_bytes ? -INFINITY : INFINITY;
    return true;
}

static bool parse_number(const char *text, size_t n_bytes, unsigned type, void *ret)
{
    return type == 0 ? tl_parse_u64(text, n_bytes, ret) : type == 1 ? tl_parse_i64(text, n_bytes, ret) : parse_f64(text, n_bytes, ret);
}

/* The text need not end in NUL. */
static size_t number_bytes(const char *text, const char *end)
{
    size_t n = 0;
    while (text + n < end && text[n] && strchr("+-.0123456789eE", text[n]))
        n++;
    return n;
}

/* The numbers at places[n] of the text, all in the first type that holds all of them. */
static int add_numbers(struct flatten *flatten, const uint32_t *places, uint64_t n, bool is_array)
{
    void *values = NULL;
    int r = take_room(flatten, n * 8, &values);
    for (unsigned type = 0; r >= 0 && type < NUMBER_TYPES; type++) {
        uint64_t i = 0;
        for (; i < n; i++) {
            const char *text = flatten->json.text + places[i];
            if (!parse_number(text, number_bytes(text, flatten->json.end), type, (char *)values + 8 * i))
                break;
        }
        if (i == n)
            return add_value(flatten, number_types[type], values, NULL, is_array, n);
    }
    if (r < 0)
        return r;
    return tl_fail(TL_E_FILE, "%s: key %s: found a number too large or too long, expected one that fits a double", flatten->json.name,
                   flatten->path);
}

/* --- strings and arrays ------------------------------------------------------------------------------------------------- */

static int add_bool(struct flatten *flatten, bool value)
{
    void *room = NULL;
    int r = take_room(flatten, 1, &room);
    if (r < 0)
        return r;
    *(uint8_t *)room = value;
    return add_value(flatten, TL_TYPE_BOOL, room, NULL, false, 1);
}

static int append_string(struct tl_buffer *to, const struct tl_buffer *string)
{
    uint32_t length = (uint32_t)string->len;
    tl_buffer_append(to, &length, 4);
    tl_buffer_append(to, string->data, string->len);
    return tl_buffer_append(to, "", 1);
}

static int add_string(struct flatten *flatten)
{
    void *room = NULL;
    const struct tl_buffer *string = &flatten->json.string;
    uint32_t length = (uint32_t)string->len;
    int r = take_room(flatten, string->len + 5, &room);
    if (r < 0)
        return r;
    memcpy(room, &length, 4);
    memcpy((char *)room + 4, string->data, string->len + 1);
    return add_value(flatten, TL_TYPE_STRING, room, NULL, false, 1);
}

/* The elements of an array: numbers by their places in the text, strings and truth values by their places in `bytes`. */
struct elements {
    int event;                           /* of all of them; 0: none yet; -1: of several kinds */
    uint32_t *places;
    uint64_t n, cap;
    struct tl_buffer bytes;
};

static int collect(struct flatten *flatten, struct elements *elements, int event)
{
    struct tl_json *json = &flatten->json;
    int kind = event == TL_JSON_FALSE ? TL_JSON_TRUE : event;
    uint32_t place = kind == TL_JSON_NUMBER ? (uint32_t)(json->raw - json->text) : (uint32_t)elements->bytes.len;
    if (kind != TL_JSON_STRING && kind != TL_JSON_NUMBER && kind != TL_JSON_TRUE)
        elements->event = -1;
    if (elements->event == 0)
        elements->event = kind;
    if (elements->event != kind) {
        elements->event = -1;
        return event == TL_JSON_OBJECT || event == TL_JSON_ARRAY ? tl_json_skip(json) : 0;
    }
    int r = tl_grow((void **)&elements->places, elements->n, &elements->cap, sizeof *elements->places);
    if (r < 0)
        return r;
    elements->places[elements->n++] = place;
    if (kind == TL_JSON_STRING)
        return append_string(&elements->bytes, &json->string);
    return kind == TL_JSON_TRUE ? tl_buffer_append(&elements->bytes, event == TL_JSON_TRUE ? "\1" : "", 1) : 0;
}

static int add_bytes(struct flatten *flatten, const struct elements *elements)
{
    void *bytes = NULL, *strings = NULL;
    bool string = elements->event == TL_JSON_STRING;
    int r = take_room(flatten, elements->bytes.len, &bytes);
    if (r >= 0 && string)
        r = take_room(flatten, elements->n * sizeof *elements->places, &strings);
    if (r < 0)
        return r;
    memcpy(bytes, elements->bytes.data, elements->bytes.len);
    if (string)
        memcpy(strings, elements->places, elements->n * sizeof *elements->places);
    return add_value(flatten, string ? TL_TYPE_STRING : TL_TYPE_BOOL, bytes, strings, true, elements->n);
}

static int add_elements(struct flatten *flatten, const struct elements *elements)
{
    if (elements->event < 0)
        return 0;
    if (elements->event == 0 || elements->event == TL_JSON_NUMBER)
        return add_numbers(flatten, elements->places, elements->n, true);
    return elements->bytes.status < 0 ? elements->bytes.status : add_bytes(flatten, elements);
}

static int add_array(struct flatten *flatten)
{
    struct elements elements = {0};
    tl_buffer_init(&elements.bytes, TL_MODELFILE_MAX_SIDE_BYTES);
    int event;
    while ((event = tl_json_next(&flatten->json)) >= 0 && event != TL_JSON_ARRAY_END)
        if ((event = collect(flatten, &elements, event)) < 0)
            break;
    if (event >= 0)
        event = add_elements(flatten, &elements);
    tl_buffer_done(&elements.bytes);
    tl_free(elements.places);
    return event;
}

/* --- the chat template -------------------------------------------------------------------------------------------------- */

static int add_template(struct tl_modelfile *file, const char *text, size_t n_bytes)
{
    return tl_modelfile_meta(file, template_key) ? 0 : tl_parts_add_string(file, template_key, text, n_bytes);
}

/* One {"name": ..., "template": ...} of a list; that named "default" is the template. */
static int read_named_template(struct flatten *flatten)
{
    struct tl_json *json = &flatten->json;
    struct tl_buffer text;
    bool is_default = false;
    int event;
    tl_buffer_init(&text, 0);
    while ((event = tl_json_next(json)) == TL_JSON_KEY) {
        bool name = tl_json_is(json, "name"), body = tl_json_is(json, "template");
        if ((event = tl_json_next(json)) < 0)
            break;
        if (event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
            event = tl_json_skip(json);
        else if (event == TL_JSON_STRING && name)
            is_default = tl_json_is(json, "default");
        else if (event == TL_JSON_STRING && body) {
            tl_buffer_clear(&text);
            event = tl_buffer_append(&text, json->string.data, json->string.len);
        }
        if (event < 0)
            break;
    }
    if (event >= 0 && is_default && text.data)
        event = add_template(flatten->file, text.data, text.len);
    tl_buffer_done(&text);
    return event < 0 ? event : 0;
}

static int read_template(struct flatten *flatten)
{
    struct tl_json *json = &flatten->json;
    int event = tl_json_next(json);
    if (event == TL_JSON_STRING)
        return add_template(flatten->file, json->string.data, json->string.len);
    if (event == TL_JSON_OBJECT)
        return tl_json_skip(json);
    if (event != TL_JSON_ARRAY)
        return event < 0 ? event : 0;
    while ((event = tl_json_next(json)) >= 0 && event != TL_JSON_ARRAY_END) {
        if (event == TL_JSON_OBJECT)
            event = read_named_template(flatten);
        else if (event == TL_JSON_ARRAY)
            event = tl_json_skip(json);
        if (event < 0)
            return event;
    }
    return event < 0 ? event : 0;
}

/* --- the walk ----------------------------------------------------------------------------------------------------------- */

/* The path to the key just read; false: it is no fit name, or too long. */
static bool enter_key(struct flatten *flatten)
{
    const struct tl_buffer *key = &flatten->json.string;
    size_t length = flatten->lengths[flatten->depth];
    if (!tl_name_valid(key->data, key->len) || length + 1 + key->len > TL_NAME_BYTES)
        return false;
    flatten->path[length] = '.';
    memcpy(flatten->path + length + 1, key->data, key->len + 1);
    return true;
}

static int read_value(struct flatten *flatten)
{
    struct tl_json *json = &flatten->json;
    int event = tl_json_next(json);
    uint32_t place = event == TL_JSON_NUMBER ? (uint32_t)(json->raw - json->text) : 0;
    switch (event) {
    case TL_JSON_OBJECT: flatten->lengths[++flatten->depth] = strlen(flatten->path); return 0;
    case TL_JSON_ARRAY: return add_array(flatten);
    case TL_JSON_STRING: return add_string(flatten);
    case TL_JSON_NUMBER: return add_numbers(flatten, &place, 1, false);
    case TL_JSON_TRUE: case TL_JSON_FALSE: return add_bool(flatten, event == TL_JSON_TRUE);
    default: return event < 0 ? event : 0;
    }
}

static int read_key(struct flatten *flatten)
{
    struct tl_json *json = &flatten->json;
    if (flatten->depth == 0 && flatten->has_template && tl_json_is(json, "chat_template"))
        return read_template(flatten);
    return !flatten->template_only && enter_key(flatten) ? read_value(flatten) : tl_json_skip(json);
}

static int walk(struct flatten *flatten)
{
    int event = tl_json_next(&flatten->json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        return tl_fail(TL_E_FILE, "%s: found no object at the top, expected one", flatten->json.name);
    for (;;) {
        if (event >= 0)
            event = tl_json_next(&flatten->json);
        if (event == TL_JSON_KEY)
            event = read_key(flatten);
        else if (event == TL_JSON_OBJECT_END && flatten->depth > 0)
            flatten->depth--;
        else
            return event < 0 ? event : tl_json_next(&flatten->json);
    }
}

/* --- the files ---------------------------------------------------------------------------------------------------------- */

/* The text of NAME in the model's folder; NULL where there is no such file. */
static int slurp_beside(const struct tl_modelfile *file, const char *name, char **ret_path, char **ret_text, size_t *ret_bytes)
{
    char *path = tl_file_join(file->folder, name);
    *ret_path = path;
    *ret_text = NULL;
    if (!path)
        return TL_E_NOMEM;
    return tl_file_exists(path) ? tl_file_slurp(path, TL_MODELFILE_MAX_SIDE_BYTES, ret_text, ret_bytes) : 0;
}

/* prefix NULL: only the chat template is wanted. */
static int read_text(struct tl_modelfile *file, const char *name, const char *text, size_t n_bytes, const char *prefix, bool has_template,
                     uint64_t *taken_bytes)
{
    TL_AUTO struct flatten *flatten = tl_alloc(1, sizeof *flatten);
    if (!flatten)
        return TL_E_NOMEM;
    flatten->file = file;
    flatten->template_only = !prefix;
    flatten->has_template = has_template;
    flatten->taken_bytes = *taken_bytes;
    if (prefix)
        strcpy(flatten->path, prefix);
    flatten->lengths[0] = strlen(flatten->path);
    tl_json_init(&flatten->json, name, text, n_bytes);
    int r = walk(flatten);
    tl_json_done(&flatten->json);
    *taken_bytes = flatten->taken_bytes;
    return r;
}

static int read_json(struct tl_modelfile *file, const char *name, const char *prefix, bool has_template, uint64_t *taken_bytes)
{
    TL_AUTO char *path = NULL, *text = NULL;
    size_t n_bytes = 0;
    int r = slurp_beside(file, name, &path, &text, &n_bytes);
    return r < 0 || !text ? r : read_text(file, path, text, n_bytes, prefix, has_template, taken_bytes);
}

int tl_side_read_config(struct tl_modelfile *file, const char *text, size_t n_bytes)
{
    uint64_t taken_bytes = 0;
    return read_text(file, file->path, text, n_bytes, "config", false, &taken_bytes);
}

static int read_template_file(struct tl_modelfile *file)
{
    TL_AUTO char *path = NULL, *text = NULL;
    size_t n_bytes = 0;
    int r = slurp_beside(file, "chat_template.jinja", &path, &text, &n_bytes);
    return r < 0 || !text ? r : add_template(file, text, n_bytes);
}

int tl_side_read(struct tl_modelfile *file)
{
    uint64_t taken_bytes = 0;
    int r = read_json(file, "config.json", "config", false, &taken_bytes);
    if (r >= 0)
        r = read_json(file, "generation_config.json", "generation_config", false, &taken_bytes);
    if (r >= 0)
        r = read_json(file, "adapter_config.json", "adapter_config", false, &taken_bytes);
    if (r >= 0)
        r = read_template_file(file);
    if (r >= 0)
        r = read_json(file, "chat_template.json", NULL, true, &taken_bytes);
    if (r >= 0)
        r = read_json(file, "tokenizer_config.json", "tokenizer_config", true, &taken_bytes);
    return r;
}
