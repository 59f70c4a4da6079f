/* SPDX-License-Identifier: MIT */
/* Fields that say the language of the answer, as OpenAI, llama.cpp and vLLM write them: a JSON schema, some JSON object, a
 * grammar, a choice of texts. One of them a request; what it says takes the place of what defaults said. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_fields.h"

static int begin(struct tl_openai_reader *reader, const char *name)
{
    struct tl_openai_request *request = reader->request;
    if (reader->bound)
        return tl_fail(TL_E_USAGE, "%s: the language of the answer is said already, by %s", name, reader->bound);
    reader->bound = name;
    tl_free(request->schema);
    tl_free(request->grammar);
    request->schema = request->grammar = NULL;
    request->any_json = false;
    return 0;
}

/* --- one value -------------------------------------------------------------------------------------------------------------- */

/* An object, or a text that holds one. */
static int keep_schema(struct tl_json *json, const char *name, char **slot)
{
    if (tl_openai_next_is(json, '"'))
        return tl_openai_text(json, slot);
    if (!tl_openai_next_is(json, '{') && !tl_openai_next_is(json, 't') && !tl_openai_next_is(json, 'f'))
        return tl_fail(TL_E_USAGE, "%s: expected a JSON schema", name);
    return tl_openai_keep(json, slot, tl_openai_raw);
}

/* A text as GBNF writes it. */
static void put_literal(struct tl_buffer *out, const char *text, size_t n_bytes)
{
    tl_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7F)
            tl_buffer_printf(out, "\\x%02X", c);
        else
            tl_buffer_printf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    tl_buffer_append(out, "\"", 1);
}

static int write_choice(struct tl_json *json, struct tl_buffer *out)
{
    bool first = true;
    int r = tl_json_next(json);
    tl_buffer_printf(out, "root ::= ");
    while (r == TL_JSON_ARRAY || r == TL_JSON_STRING) {
        if ((r = tl_json_next(json)) != TL_JSON_STRING)
            break;
        tl_buffer_printf(out, "%s", first ? "" : " | ");
        put_literal(out, json->string.data, json->string.len);
        first = false;
    }
    if (r < 0 || (r == TL_JSON_ARRAY_END && !first))
        return r;
    return tl_fail(TL_E_USAGE, "a choice is a list of strings");
}

/* --- fields ----------------------------------------------------------------------------------------------------------------- */

int tl_openai_take_schema(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = begin(reader, field->name);
    return r < 0 ? r : keep_schema(&reader->json, field->name, &reader->request->schema);
}

int tl_openai_take_grammar(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = begin(reader, field->name);
    return r < 0 ? r : tl_openai_text(&reader->json, &reader->request->grammar);
}

int tl_openai_take_choice(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = begin(reader, field->name);
    return r < 0 ? r : tl_openai_keep(&reader->json, &reader->request->grammar, write_choice);
}

/* vLLM's object of one member. */
int tl_openai_take_structured(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    struct tl_json *json = &reader->json;
    int r = begin(reader, field->name);
    if (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_openai_next_is(json, 'n'))
            r = tl_json_skip(json);
        else if (tl_json_is(json, "json"))
            r = keep_schema(&reader->json, field->name, &reader->request->schema);
        else if (tl_json_is(json, "grammar"))
            r = tl_openai_text(&reader->json, &reader->request->grammar);
        else if (tl_json_is(json, "choice"))
            r = tl_openai_keep(json, &reader->request->grammar, write_choice);
        else if (tl_json_is(json, "json_object"))
            r = tl_json_bool(json, &reader->request->any_json);
        else
            return tl_fail(TL_E_USAGE, "%s: \"%.40s\" is not supported (json, json_object, grammar and choice are)", field->name, json->string.data);
    }
    if (r >= 0 && reader->request->schema && (reader->request->grammar || reader->request->any_json))
        return tl_fail(TL_E_USAGE, "%s: expected one member", field->name);
    return r;
}

/* --- response_format -------------------------------------------------------------------------------------------------------- */

struct format { char type[24], *schema, *grammar; };

/* {"name": ..., "schema": ..., "strict": ...} */
static int take_nested(struct tl_json *json, const char *name, struct format *format)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected json_schema to be an object", name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = tl_json_is(json, "schema") && !tl_openai_next_is(json, 'n') ? keep_schema(json, name, &format->schema) : tl_json_skip(json);
    return r;
}

static int take_member(struct tl_json *json, const char *name, struct format *format)
{
    if (tl_openai_next_is(json, 'n'))
        return tl_json_skip(json);
    if (tl_json_is(json, "json_schema"))
        return take_nested(json, name, format);
    if (tl_json_is(json, "schema"))
        return keep_schema(json, name, &format->schema);
    if (tl_json_is(json, "grammar"))
        return tl_openai_text(json, &format->grammar);
    if (!tl_json_is(json, "type"))
        return tl_json_skip(json);
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING && json->string.len < sizeof(format->type))
        memcpy(format->type, json->string.data, json->string.len + 1);
    return r;
}

/* What goes with which type: a text with nothing, an object with a schema or none. */
static int check(const struct format *format, const char *name)
{
    bool text = !strcmp(format->type, "text"), object = !strcmp(format->type, "json_object"), schema = !strcmp(format->type, "json_schema");
    bool grammar = !strcmp(format->type, "grammar");
    if (!text && !object && !schema && !grammar)
        return tl_fail(TL_E_USAGE, "%s: expected a type: \"text\", \"json_object\", \"json_schema\" or \"grammar\"", name);
    if (schema && !format->schema)
        return tl_fail(TL_E_USAGE, "%s: json_schema without a schema", name);
    if (grammar && !format->grammar)
        return tl_fail(TL_E_USAGE, "%s: grammar without a grammar", name);
    if ((format->schema && !object && !schema) || (format->grammar && !grammar))
        return tl_fail(TL_E_USAGE, "%s: \"%s\" beside a %s", name, format->type, format->schema ? "schema" : "grammar");
    return 0;
}

/* OpenAI's, nested or flat. Texts leave the language to other fields. */
int tl_openai_take_format(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    struct format format = {0};
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_member(json, field->name, &format);
    if (r >= 0)
        r = check(&format, field->name);
    if (r >= 0 && strcmp(format.type, "text") != 0 && (r = begin(reader, field->name)) >= 0) {
        reader->request->schema = format.schema;
        reader->request->grammar = format.grammar;
        reader->request->any_json = !format.schema && !format.grammar;
        return 0;
    }
    tl_free(format.schema);
    tl_free(format.grammar);
    return r;
}
