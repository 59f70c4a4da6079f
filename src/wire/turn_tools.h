/* SPDX-License-Identifier: MIT */
/* The tools of a request: their names and the schemas of their arguments. Private to turn*.c. */
#ifndef TL_WIRE_TURN_TOOLS_H
#define TL_WIRE_TURN_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TL_TURN_TOOLS = 1024, TL_TURN_NAME_BYTES = 256, TL_TURN_PROPERTIES = 1024 };

/* Types that a schema allows, as bits. */
enum { TL_TURN_STRING = 1, TL_TURN_NUMBER = 2, TL_TURN_BOOLEAN = 4, TL_TURN_NULL = 8, TL_TURN_OBJECT = 16, TL_TURN_ARRAY = 32, TL_TURN_ANY = 63 };

struct tl_turn_tool {
    char *name;
    size_t n_name;
    const char *schema;                  /* JSON in the text; NULL: it has none */
    size_t n_schema;
};

struct tl_turn_tools { struct tl_turn_tool *tool; size_t count; };

/* A list as chat completions write it, or of bare functions. The text is borrowed. What is no function is left out. */
int tl_turn_tools_init(struct tl_turn_tools *ret_tools, const char *json, size_t n_bytes);
void tl_turn_tools_done(struct tl_turn_tools *tools);
int32_t tl_turn_tools_find(const struct tl_turn_tools *tools, const char *name, size_t n_bytes);     /* -1: none */
/* Types of a property by the tool's schema; TL_TURN_ANY where it says nothing. */
unsigned tl_turn_tools_types(const struct tl_turn_tool *tool, const char *key, size_t n_bytes);

struct tl_turn_property {
    char *name;
    size_t n_name;
    const char *schema;                  /* borrowed from the text of the tools */
    size_t n_schema;
    unsigned types;
    bool required;
};

/* In their order; none where the schema has none. Dropped with tl_turn_tools_drop. */
int tl_turn_tools_properties(const struct tl_turn_tool *tool, struct tl_turn_property **ret_properties, size_t *ret_count);
void tl_turn_tools_drop(struct tl_turn_property *properties, size_t n);

#endif
