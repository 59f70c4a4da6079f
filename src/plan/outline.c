/* SPDX-License-Identifier: MIT */
/* Makes a configuration: finds it, brings the part of the text model to the top, changes sizes. Values that are not
 * changed are copied as they stand. */
#include "plan/outline.h"

#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"

enum { MAX_CONFIG_BYTES = 16 << 20 };

/* --- sizes -------------------------------------------------------------------------------------------------------- */

static const struct { const char *key; uint64_t most; } tiny[] = {
#define TINY(key, most) {key, most},
#include "plan/tiny.def"
#undef TINY
};

/* The greatest value that a key may have; UINT64_MAX: any. */
static uint64_t most_of(const struct tl_outline_sizes *sizes, const struct tl_buffer *key)
{
    uint64_t most = UINT64_MAX;
    for (size_t i = 0; i < TL_COUNT(tiny) && sizes->tiny; i++)
        if (strcmp(tiny[i].key, key->data) == 0)
            most = tiny[i].most;
    if (sizes->layers && strcmp(key->data, "num_hidden_layers") == 0)
        most = sizes->layers;
    return most;
}

/* What says something of each layer is cut to the first ones. */
static bool is_layer_list(const struct tl_buffer *key)
{
    return strcmp(key->data, "layer_types") == 0 || strcmp(key->data, "mlp_layer_types") == 0;
}

struct config { struct tl_json json; const struct tl_outline_sizes *sizes; struct tl_buffer *to; bool first; };

static int copy_list(struct config *config, uint64_t most)
{
    struct tl_json *json = &config->json;
    int event;
    uint64_t n = 0;
    tl_buffer_append(config->to, "[", 1);
    while ((event = tl_json_next(json)) >= 0 && event != TL_JSON_ARRAY_END) {
        const char *raw = json->raw;
        if (event != TL_JSON_STRING && event != TL_JSON_NUMBER)
            return tl_json_fail(json, "a word for each layer");
        if (n < most) {
            tl_buffer_append(config->to, ",", n > 0);
            tl_buffer_append(config->to, raw, json->raw_bytes);
        }
        n++;
    }
    tl_buffer_append(config->to, "]", 1);
    return event;
}

/* Behind KEY: the value, or a lesser one. */
static int copy_value(struct config *config, uint64_t most, bool list)
{
    struct tl_json *json = &config->json;
    uint64_t value;
    int event = tl_json_next(json);
    if (event == TL_JSON_ARRAY && list)
        return copy_list(config, config->sizes->layers ? config->sizes->layers : config->sizes->tiny ? tiny[0].most : UINT64_MAX);
    if (event == TL_JSON_NUMBER && tl_parse_u64(json->raw, json->raw_bytes, &value) && value > most)
        return tl_buffer_printf(config->to, "%" PRIu64, most);
    if (event == TL_JSON_TRUE || event == TL_JSON_FALSE || event == TL_JSON_NULL)
        return tl_buffer_printf(config->to, "%s", event == TL_JSON_TRUE ? "true" : event == TL_JSON_FALSE ? "false" : "null");
    const char *from = json->raw;
    if (event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
        event = tl_json_skip(json);
    return event < 0 ? event : tl_buffer_append(config->to, from, (size_t)(json->at - from));
}

static int copy_object(struct config *config, bool inner);

/* An object that holds sizes too. */
static int copy_part(struct config *config)
{
    int event = tl_json_next(&config->json);
    if (event != TL_JSON_OBJECT)
        return event < 0 ? event : tl_json_fail(&config->json, "an object");
    tl_buffer_append(config->to, "{", 1);
    config->first = true;
    event = copy_object(config, true);
    config->first = false;
    return event < 0 ? event : tl_buffer_append(config->to, "}", 1);
}

/* The text model of one that sees too is described in an object of its own; its type is told outside. */
static int copy_key(struct config *config, bool inner)
{
    struct tl_json *json = &config->json;
    const struct tl_buffer *key = &json->string;
    bool list = is_layer_list(key);
    uint64_t most = most_of(config->sizes, key);
    bool vocab = config->sizes->vocab && tl_json_is(json, "vocab_size");
    if (!inner && tl_json_is(json, "text_config")) {
        int event = tl_json_next(json);
        return event < 0 ? event : event == TL_JSON_OBJECT ? copy_object(config, true) : tl_json_fail(json, "an object");
    }
    if ((inner && tl_json_is(json, "model_type")) || tl_json_is(json, "vision_config"))
        return tl_json_skip(json);
    tl_buffer_append(config->to, ",", !config->first);
    config->first = false;
    tl_buffer_json_string(config->to, key->data, key->len);
    tl_buffer_append(config->to, ":", 1);
    if (vocab) {
        tl_buffer_printf(config->to, "%u", config->sizes->vocab);
        return tl_json_skip(json);
    }
    return tl_json_is(json, "linear_attn_config") ? copy_part(config) : copy_value(config, most, list);
}

static int copy_object(struct config *config, bool inner)
{
    int event;
    while ((event = tl_json_next(&config->json)) == TL_JSON_KEY)
        if ((event = copy_key(config, inner)) < 0)
            break;
    return event;
}

static int make_config(const char *name, const char *text, size_t n_bytes, const struct tl_outline_sizes *sizes, struct tl_buffer *to)
{
    struct config config = {.sizes = sizes, .to = to, .first = true};
    tl_json_init(&config.json, name, text, n_bytes);
    int event = tl_json_next(&config.json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        event = tl_fail(TL_E_FILE, "%s: found no object at the top, expected one", name);
    tl_buffer_append(to, "{", 1);
    if (event >= 0)
        event = copy_object(&config, false);
    if (event >= 0)
        event = tl_json_next(&config.json);
    tl_json_done(&config.json);
    if (sizes->stored_experts)
        tl_buffer_printf(to, ",\"num_stored_experts\":%u", sizes->stored_experts);
    tl_buffer_append(to, "}", 1);
    return event < 0 ? event : to->status;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool is_text(const char *source) { return *source == '{'; }

static int read_config(const char *source, const struct tl_known **ret_known, char **ret_text, size_t *ret_bytes)
{
    if (is_text(source)) {
        *ret_bytes = strlen(source);
        return (*ret_text = tl_strdup(source)) ? 0 : TL_E_NOMEM;
    }
    if (tl_file_is_folder(source)) {
        TL_AUTO char *path = tl_file_join(source, "config.json");
        return path ? tl_file_slurp(path, MAX_CONFIG_BYTES, ret_text, ret_bytes) : TL_E_NOMEM;
    }
    if (strchr(source, '/') || tl_file_exists(source))
        return tl_file_slurp(source, MAX_CONFIG_BYTES, ret_text, ret_bytes);
    const struct tl_known *known = tl_known_find(source);
    if (!known)
        return TL_E_USAGE;
    if (!(*ret_text = tl_strdup(known->config)))
        return TL_E_NOMEM;
    *ret_bytes = strlen(known->config);
    *ret_known = known;
    return 0;
}

int tl_outline_open(const char *source, const struct tl_outline_sizes *sizes, struct tl_outline **ret_outline)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes = 0;
    const char *name = is_text(source) ? "the configuration" : source;
    struct tl_outline *outline = tl_alloc(1, sizeof(*outline));
    if (!outline)
        return TL_E_NOMEM;
    tl_buffer_init(&outline->config, 0);
    int r = read_config(source, &outline->known, &text, &n_bytes);
    if (r >= 0)
        r = make_config(name, text, n_bytes, sizes, &outline->config);
    if (r >= 0)
        r = tl_modelfile_outline(name, outline->config.data, outline->config.len, &outline->file);
    if (r >= 0)
        r = tl_geometry_read(outline->file, &outline->geometry);
    if (r < 0) {
        tl_outline_close(outline);
        return r;
    }
    *ret_outline = outline;
    return 0;
}

void tl_outline_close(struct tl_outline *outline)
{
    if (!outline)
        return;
    tl_modelfile_close(outline->file);
    tl_buffer_done(&outline->config);
    tl_free(outline);
}
