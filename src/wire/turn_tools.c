/* SPDX-License-Identifier: MIT */
/* Names and schemas of a request's tools, and the types of their arguments as far as a schema says them plainly. */
#include "wire/turn_tools.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum { MAX_DEPTH = 16 };                 /* of schemas within schemas */

/* --- tools ------------------------------------------------------------------------------------------------------------------ */

/* Behind its "{". A member "function" that is an object is the function itself. */
static int read_tool(struct tl_json *json, struct tl_turn_tool *tool)
{
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        bool name = tl_json_is(json, "name"), schema = tl_json_is(json, "parameters"), function = tl_json_is(json, "function");
        if (!name && !schema && !function) {
            r = tl_json_skip(json);
        } else if ((r = tl_json_next(json)) == TL_JSON_STRING && name && !tool->name && json->string.len <= TL_TURN_NAME_BYTES) {
            tool->n_name = json->string.len;
            r = (tool->name = tl_strndup(json->string.data, json->string.len)) ? 0 : TL_E_NOMEM;
        } else if (r == TL_JSON_OBJECT && function) {
            r = read_tool(json, tool);
        } else if (r == TL_JSON_OBJECT && schema) {
            tool->schema = json->raw;
            r = tl_json_skip(json);
            tool->n_schema = (size_t)(json->at - tool->schema);
        } else if (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY) {
            r = tl_json_skip(json);
        }
        if (r < 0)
            return r;
    }
    return r;
}

static int read_tools(struct tl_json *json, struct tl_turn_tools *tools)
{
    uint64_t cap = 0;
    int r = tl_json_next(json);
    if (r != TL_JSON_ARRAY)
        return r < 0 ? r : tl_fail(TL_E_USAGE, "tools: expected a list");
    while ((r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        if (r != TL_JSON_OBJECT)
            return tl_fail(TL_E_USAGE, "tools: expected each to be an object");
        if (tools->count == TL_TURN_TOOLS)
            return tl_fail(TL_E_USAGE, "tools: more than %d", TL_TURN_TOOLS);
        if ((r = tl_grow((void **)&tools->tool, tools->count, &cap, sizeof *tools->tool)) < 0)
            return r;
        struct tl_turn_tool *tool = &tools->tool[tools->count];
        *tool = (struct tl_turn_tool){0};
        r = read_tool(json, tool);
        if (tool->name && tool->n_name && r >= 0)
            tools->count++;
        else
            tl_free(tool->name);
        if (r < 0)
            return r;
    }
    return r;
}

int tl_turn_tools_init(struct tl_turn_tools *ret_tools, const char *json, size_t n_bytes)
{
    struct tl_json reader;
    *ret_tools = (struct tl_turn_tools){0};
    tl_json_init(&reader, "tools", json, n_bytes);
    int r = read_tools(&reader, ret_tools);
    tl_json_done(&reader);
    if (r < 0)
        tl_turn_tools_done(ret_tools);
    return r < 0 ? r : 0;
}

void tl_turn_tools_done(struct tl_turn_tools *tools)
{
    for (size_t i = 0; i < tools->count; i++)
        tl_free(tools->tool[i].name);
    tl_free(tools->tool);
    *tools = (struct tl_turn_tools){0};
}

int32_t tl_turn_tools_find(const struct tl_turn_tools *tools, const char *name, size_t n_bytes)
{
    for (size_t i = 0; i < tools->count; i++)
        if (tools->tool[i].n_name == n_bytes && memcmp(tools->tool[i].name, name, n_bytes) == 0)
            return (int32_t)i;
    return -1;
}

/* --- types ------------------------------------------------------------------------------------------------------------------ */

static unsigned type_named(const struct tl_json *json)
{
    static const struct { const char *name; unsigned type; } names[] = {
        {"string", TL_TURN_STRING}, {"number", TL_TURN_NUMBER}, {"integer", TL_TURN_NUMBER}, {"boolean", TL_TURN_BOOLEAN},
        {"null", TL_TURN_NULL}, {"object", TL_TURN_OBJECT}, {"array", TL_TURN_ARRAY}};
    for (size_t i = 0; i < TL_COUNT(names); i++)
        if (tl_json_is(json, names[i].name))
            return names[i].type;
    return 0;
}

/* Of the value that has just begun; reads it to its end. */
static int type_of_value(struct tl_json *json, unsigned *types)
{
    switch (json->event) {
    case TL_JSON_STRING: *types |= TL_TURN_STRING; return 0;
    case TL_JSON_NUMBER: *types |= TL_TURN_NUMBER; return 0;
    case TL_JSON_NULL: *types |= TL_TURN_NULL; return 0;
    case TL_JSON_OBJECT: *types |= TL_TURN_OBJECT; return tl_json_skip(json);
    case TL_JSON_ARRAY: *types |= TL_TURN_ARRAY; return tl_json_skip(json);
    default: *types |= TL_TURN_BOOLEAN; return 0;
    }
}

static int types_of_schema(struct tl_json *json, unsigned depth, unsigned *types);

/* "type": a name or a list of them. */
static int read_type(struct tl_json *json, unsigned *types)
{
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING)
        *types |= type_named(json);
    if (r == TL_JSON_OBJECT)
        return tl_json_skip(json);
    if (r == TL_JSON_ARRAY)
        while ((r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
            *types |= r == TL_JSON_STRING ? type_named(json) : 0;
            if ((r == TL_JSON_OBJECT || r == TL_JSON_ARRAY) && (r = tl_json_skip(json)) < 0)
                return r;
        }
    return r;
}

/* A list of schemas (`schemas`), or of values. */
static int read_choices(struct tl_json *json, bool schemas, unsigned depth, unsigned *types)
{
    int r = tl_json_next(json);
    if (r == TL_JSON_OBJECT)
        return tl_json_skip(json);
    if (r == TL_JSON_ARRAY)
        while ((r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
            unsigned of_one = 0;
            r = schemas && r == TL_JSON_OBJECT ? types_of_schema(json, depth + 1, &of_one) : type_of_value(json, &of_one);
            *types |= of_one;
            if (r < 0)
                return r;
        }
    return r;
}

/* Behind its "{". */
static int types_of_schema(struct tl_json *json, unsigned depth, unsigned *ret_types)
{
    unsigned types = 0;
    bool said = false;
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        bool schemas = tl_json_is(json, "anyOf") || tl_json_is(json, "oneOf");
        if (tl_json_is(json, "type")) {
            types = 0;
            said = true;
            r = read_type(json, &types);
        } else if (!said && depth < MAX_DEPTH && (schemas || tl_json_is(json, "enum"))) {
            r = read_choices(json, schemas, depth, &types);
        } else if (!said && tl_json_is(json, "const")) {
            r = tl_json_next(json) < 0 ? -1 : type_of_value(json, &types);
        } else {
            r = tl_json_skip(json);
        }
        if (r < 0)
            return r;
    }
    *ret_types = types ? types : TL_TURN_ANY;
    return r;
}

/* Behind the "{" of a schema: its property of that name. 1: found. */
static int find_property(struct tl_json *json, const char *key, size_t n_bytes, unsigned *ret_types)
{
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        if (!tl_json_is(json, "properties") || tl_json_next(json) != TL_JSON_OBJECT) {
            if ((r = tl_json_skip(json)) < 0)
                return r;
            continue;
        }
        while ((r = tl_json_next(json)) == TL_JSON_KEY) {
            bool it = json->string.len == n_bytes && memcmp(json->string.data, key, n_bytes) == 0;
            if (it && tl_json_next(json) == TL_JSON_OBJECT)
                return types_of_schema(json, 0, ret_types) < 0 ? 0 : 1;
            if (it || (r = tl_json_skip(json)) < 0)
                return 0;
        }
    }
    return 0;
}

unsigned tl_turn_tools_types(const struct tl_turn_tool *tool, const char *key, size_t n_bytes)
{
    struct tl_json json;
    unsigned types = TL_TURN_ANY;
    if (!tool->schema)
        return types;
    tl_json_init(&json, "schema", tool->schema, tool->n_schema);
    if (tl_json_next(&json) == TL_JSON_OBJECT && find_property(&json, key, n_bytes, &types) != 1)
        types = TL_TURN_ANY;
    tl_json_done(&json);
    return types;
}

/* --- properties ------------------------------------------------------------------------------------------------------------- */

void tl_turn_tools_drop(struct tl_turn_property *properties, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tl_free(properties[i].name);
    tl_free(properties);
}

struct properties { struct tl_turn_property *property; uint64_t n, cap; };

/* Behind a key of "properties". */
static int take_property(struct tl_json *json, struct properties *all)
{
    if (all->n == TL_TURN_PROPERTIES)
        return tl_fail(TL_E_USAGE, "tools: more than %d properties", TL_TURN_PROPERTIES);
    int r = tl_grow((void **)&all->property, all->n, &all->cap, sizeof *all->property);
    if (r < 0)
        return r;
    struct tl_turn_property *property = &all->property[all->n];
    *property = (struct tl_turn_property){.n_name = json->string.len, .types = TL_TURN_ANY};
    if (!(property->name = tl_strndup(json->string.data, json->string.len)))
        return TL_E_NOMEM;
    all->n++;
    if ((r = tl_json_next(json)) != TL_JSON_OBJECT)
        return r < 0 ? r : tl_json_skip(json);
    property->schema = json->raw;
    r = types_of_schema(json, 0, &property->types);
    property->n_schema = (size_t)(json->at - property->schema);
    return r;
}

static int take_required(struct tl_json *json, struct properties *all, bool mark)
{
    int r = tl_json_next(json);
    if (r != TL_JSON_ARRAY)
        return r < 0 ? r : tl_json_skip(json);
    while ((r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        for (size_t i = 0; i < all->n && mark && r == TL_JSON_STRING; i++)
            if (all->property[i].n_name == json->string.len && memcmp(all->property[i].name, json->string.data, json->string.len) == 0)
                all->property[i].required = true;
        if ((r == TL_JSON_OBJECT || r == TL_JSON_ARRAY) && (r = tl_json_skip(json)) < 0)
            return r;
    }
    return r;
}

/* Once for the properties, once for which of them are required, as that may be said first. */
static int walk_schema(const struct tl_turn_tool *tool, struct properties *all, bool mark)
{
    struct tl_json json;
    tl_json_init(&json, "parameters", tool->schema, tool->n_schema);
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        bool properties = tl_json_is(&json, "properties") && !mark;
        if (tl_json_is(&json, "required")) {
            r = take_required(&json, all, mark);
        } else if (!properties || (r = tl_json_next(&json)) != TL_JSON_OBJECT) {
            r = r < 0 ? r : tl_json_skip(&json);
        } else {
            while ((r = tl_json_next(&json)) == TL_JSON_KEY && (r = take_property(&json, all)) >= 0)
                continue;
        }
    }
    tl_json_done(&json);
    return r < 0 ? r : 0;
}

int tl_turn_tools_properties(const struct tl_turn_tool *tool, struct tl_turn_property **ret_properties, size_t *ret_count)
{
    struct properties all = {0};
    int r = tool->schema ? walk_schema(tool, &all, false) : 0;
    if (r >= 0 && tool->schema)
        r = walk_schema(tool, &all, true);
    if (r < 0) {
        tl_turn_tools_drop(all.property, all.n);
        return r;
    }
    *ret_properties = all.property;
    *ret_count = all.n;
    return 0;
}
