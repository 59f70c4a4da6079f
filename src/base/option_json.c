/* SPDX-License-Identifier: MIT */
/* Option tables as JSON objects. A value is turned into the text that would have been typed and goes the same way from
 * there, so that ranges and sentences are the rows' own. */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/option.h"

struct reader {
    struct tl_json json;
    const struct tl_option *options;
    size_t n_options;
    void *fields;
    char *text;              /* where the next text goes: unescaped and with a NUL none is longer than in the object */
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

static const char *keep(struct reader *reader, const char *text, size_t n_bytes)
{
    char *kept = reader->text;
    memcpy(kept, text, n_bytes);
    kept[n_bytes] = 0;
    reader->text += n_bytes + 1;
    return kept;
}

static bool is_number(enum tl_option_type type)
{
    return type == TL_OPTION_U64 || type == TL_OPTION_I64 || type == TL_OPTION_F64 || type == TL_OPTION_BYTES ||
           type == TL_OPTION_COUNT;
}

static int fail_kind(const struct tl_option *option)
{
    const char *expected = option->type == TL_OPTION_FLAG ? "true or false" : option->type == TL_OPTION_LIST ? "a list of texts"
                         : is_number(option->type) ? "a number" : "a text";
    return tl_fail(TL_E_USAGE, "option %s: expected %s", option->name, expected);
}

static int set_text(struct reader *reader, const struct tl_option *option)
{
    const struct tl_buffer *string = &reader->json.string;
    if (memchr(string->data, 0, string->len))
        return tl_fail(TL_E_USAGE, "option %s: a text with a NUL character", option->name);
    return tl_option_set(option, reader->fields, keep(reader, string->data, string->len));
}

static int set_list(struct reader *reader, const struct tl_option *option)
{
    int event;
    while ((event = tl_json_next(&reader->json)) == TL_JSON_STRING) {
        int r = set_text(reader, option);
        if (r < 0)
            return r;
    }
    return event < 0 || event == TL_JSON_ARRAY_END ? event : fail_kind(option);
}

static int set_option(struct reader *reader, const struct tl_option *option)
{
    int event = tl_json_next(&reader->json);
    if (event < 0 || event == TL_JSON_NULL)
        return event;
    if (event == TL_JSON_NUMBER && is_number(option->type))
        return tl_option_set(option, reader->fields, keep(reader, reader->json.raw, reader->json.raw_bytes));
    if (event == TL_JSON_STRING && option->type != TL_OPTION_FLAG && option->type != TL_OPTION_LIST)
        return set_text(reader, option);
    if ((event == TL_JSON_TRUE || event == TL_JSON_FALSE) && option->type == TL_OPTION_FLAG)
        return tl_option_set(option, reader->fields, event == TL_JSON_TRUE ? "on" : "off");
    if (event == TL_JSON_ARRAY && option->type == TL_OPTION_LIST)
        return set_list(reader, option);
    return fail_kind(option);
}

static int read_object(struct reader *reader)
{
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "options: expected a JSON object");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        const struct tl_option *option = tl_option_find(reader->options, reader->n_options, json->string.data, json->string.len);
        r = option ? set_option(reader, option)
                   : tl_option_unknown(reader->options, reader->n_options, json->string.data, json->string.len);
    }
    return r < 0 ? r : tl_json_next(json);
}

int tl_options_read_json(const struct tl_option *options, size_t n_options, const char *json, size_t n_bytes, void *fields,
                         char **ret_texts)
{
    char *texts = tl_alloc(n_bytes + 1, 1);
    struct reader reader = {.options = options, .n_options = n_options, .fields = fields, .text = texts};
    if (!texts)
        return TL_E_NOMEM;
    int r = tl_options_default(options, n_options, fields);
    tl_json_init(&reader.json, "options", json, n_bytes);
    if (r >= 0)
        r = read_object(&reader);
    tl_json_done(&reader.json);
    if (r < 0) {
        tl_free(texts);
        return r == TL_E_FILE ? TL_E_USAGE : r;
    }
    *ret_texts = texts;
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static bool is_set(const struct tl_option *option, const void *field)
{
    switch (option->type) {
    case TL_OPTION_FLAG:
        return *(const bool *)field || option->fallback;
    case TL_OPTION_U64: case TL_OPTION_BYTES: case TL_OPTION_COUNT: case TL_OPTION_I64:
        return *(const uint64_t *)field || option->fallback;
    case TL_OPTION_F64:
        return *(const double *)field != 0 || option->fallback;
    case TL_OPTION_LIST:
        return ((const struct tl_option_list *)field)->count > 0;
    default:
        return *(const char *const *)field != NULL;
    }
}

static void write_texts(const char *const *texts, size_t count, struct tl_buffer *json)
{
    for (size_t i = 0; i < count; i++) {
        tl_buffer_append(json, ",", i > 0);
        tl_buffer_json_string(json, texts[i], strlen(texts[i]));
    }
}

static void write_value(const struct tl_option *option, const void *field, struct tl_buffer *json)
{
    switch (option->type) {
    case TL_OPTION_FLAG:
        tl_buffer_printf(json, *(const bool *)field ? "true" : "false");
        break;
    case TL_OPTION_U64: case TL_OPTION_BYTES: case TL_OPTION_COUNT:
        tl_buffer_printf(json, "%" PRIu64, *(const uint64_t *)field);
        break;
    case TL_OPTION_I64:
        tl_buffer_printf(json, "%" PRId64, *(const int64_t *)field);
        break;
    case TL_OPTION_F64:
        tl_buffer_printf(json, "%.17g", *(const double *)field);
        break;
    case TL_OPTION_LIST:
        tl_buffer_append(json, "[", 1);
        write_texts(((const struct tl_option_list *)field)->items, ((const struct tl_option_list *)field)->count, json);
        tl_buffer_append(json, "]", 1);
        break;
    default:
        write_texts(field, 1, json);
    }
}

int tl_options_write_json(const struct tl_option *options, size_t n_options, const void *fields, struct tl_buffer *json)
{
    const char *separator = "{";
    for (size_t i = 0; i < n_options; i++) {
        const void *field = (const char *)fields + options[i].field_offset;
        if (!is_set(&options[i], field))
            continue;
        tl_buffer_printf(json, "%s\"%s\":", separator, options[i].name);
        write_value(&options[i], field, json);
        separator = ",";
    }
    return tl_buffer_append(json, *separator == '{' ? "{}" : "}", *separator == '{' ? 2 : 1);
}
