/* SPDX-License-Identifier: MIT */
/* JSON's own syntax (RFC 8259) as expressions. Blank is one space or none, behind ':' and ','. Numbers have at most 15 digits before
 * and behind the point and two of the exponent, so that every number fits a double and ends.
 *
 * Strings that must be checked write each character in one way only: itself, or the escape that it must have. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "grammar/schema.h"

static uint32_t range(struct tl_draft *draft, uint32_t lo, uint32_t hi)
{
    return tl_draft_class(draft, &(struct tl_range){lo, hi}, 1);
}

static uint32_t sequence(struct tl_draft *draft, uint32_t a, uint32_t b, uint32_t c)
{
    return tl_draft_sequence(draft, (const uint32_t[]){a, b, c}, 3);
}

/* A rule of its own for what is written in many places. */
static uint32_t shared(struct tl_draft *draft, const char *name, uint32_t expr)
{
    uint32_t rule = tl_draft_rule(draft, name, strlen(name));
    tl_draft_define(draft, rule, expr);
    return tl_draft_call(draft, rule);
}

/* \uXXXX of a character, in pairs above U+FFFF; not U+0000, which many readers of strings stumble over. */
static uint32_t unicode_escape(struct tl_draft *draft)
{
    static const struct tl_range hex_digits[] = {{'0', '9'}, {'a', 'f'}, {'A', 'F'}}, not_d[] = {{'1', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}},
                                 not_zero[] = {{'1', '9'}, {'a', 'f'}, {'A', 'F'}}, d[] = {{'d', 'd'}, {'D', 'D'}},
                                 high[] = {{'8', '9'}, {'a', 'b'}, {'A', 'B'}}, low[] = {{'c', 'f'}, {'C', 'F'}};
    uint32_t hex = tl_draft_class(draft, hex_digits, 3), hex2 = tl_draft_two(draft, hex, hex), hex3 = tl_draft_two(draft, hex, hex2);
    uint32_t some = tl_draft_class(draft, not_zero, 3), zero = tl_draft_text(draft, "0"), is_d = tl_draft_class(draft, d, 2);
    uint32_t choices[] = {
        tl_draft_two(draft, tl_draft_class(draft, not_d, 5), hex3),
        sequence(draft, zero, some, hex2),
        sequence(draft, tl_draft_text(draft, "00"), some, hex),
        tl_draft_two(draft, tl_draft_text(draft, "000"), some),
        sequence(draft, is_d, range(draft, '0', '7'), hex2),
        tl_draft_sequence(draft, (const uint32_t[]){is_d, tl_draft_class(draft, high, 3), hex2, tl_draft_text(draft, "\\u"), is_d,
                                                    tl_draft_class(draft, low, 2), hex2}, 7),
    };
    return tl_draft_two(draft, tl_draft_text(draft, "u"), tl_draft_choice(draft, choices, 6));
}

static void write_strings(struct tl_schema *schema)
{
    static const struct tl_range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7F}, {0x80, 0x10FFFF}};
    static const struct tl_range letters[] = {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}};
    struct tl_draft *draft = &schema->draft;
    uint32_t escape = tl_draft_two(draft, tl_draft_text(draft, "\\"),
                                   tl_draft_choice(draft, (const uint32_t[]){tl_draft_class(draft, letters, 8), unicode_escape(draft)}, 2));
    uint32_t any = tl_draft_choice(draft, (const uint32_t[]){tl_draft_class(draft, plain, 4), escape}, 2);
    schema->quote = tl_draft_text(draft, "\"");
    schema->string = shared(draft, "string", sequence(draft, schema->quote, tl_draft_repeat(draft, any, 0, TL_GRAMMAR_NO_END), schema->quote));
}

static uint32_t digits(struct tl_draft *draft, uint32_t min, uint32_t max)
{
    return tl_draft_repeat(draft, range(draft, '0', '9'), min, max);
}

static void write_numbers(struct tl_schema *schema)
{
    struct tl_draft *draft = &schema->draft;
    uint32_t minus = tl_draft_optional(draft, tl_draft_text(draft, "-"));
    uint32_t first = range(draft, '1', '9'), zero = tl_draft_text(draft, "0");
    uint32_t large = tl_draft_two(draft, first, digits(draft, 0, 14));
    static const struct tl_range e[] = {{'e', 'e'}, {'E', 'E'}}, sign[] = {{'+', '+'}, {'-', '-'}};
    uint32_t exponent = sequence(draft, tl_draft_class(draft, e, 2), tl_draft_optional(draft, tl_draft_class(draft, sign, 2)), digits(draft, 1, 2));
    uint32_t fraction = tl_draft_two(draft, tl_draft_text(draft, "."), digits(draft, 1, 15));
    uint32_t whole = tl_draft_choice(draft, (const uint32_t[]){zero, large}, 2);
    schema->integer = shared(draft, "integer", tl_draft_choice(draft, (const uint32_t[]){zero, tl_draft_two(draft, minus, large)}, 2));
    schema->number = shared(draft, "number", tl_draft_sequence(draft, (const uint32_t[]){minus, whole, tl_draft_optional(draft, fraction),
                                                                                         tl_draft_optional(draft, exponent)}, 4));
}

/* Items of a list or of an object, a comma and a blank between them: any number, none too. */
static uint32_t some(struct tl_schema *schema, uint32_t item)
{
    struct tl_draft *draft = &schema->draft;
    uint32_t more = tl_draft_repeat(draft, sequence(draft, tl_draft_text(draft, ","), schema->blank, item), 0, TL_GRAMMAR_NO_END);
    return tl_draft_optional(draft, tl_draft_two(draft, item, more));
}

static void write_any(struct tl_schema *schema)
{
    struct tl_draft *draft = &schema->draft;
    uint32_t value = tl_draft_rule(draft, "value", 5), call = tl_draft_call(draft, value);
    uint32_t member = tl_draft_sequence(draft, (const uint32_t[]){schema->string, tl_draft_text(draft, ":"), schema->blank, call}, 4);
    schema->any = call;
    schema->any_object = shared(draft, "object", sequence(draft, tl_draft_text(draft, "{"), some(schema, member), tl_draft_text(draft, "}")));
    schema->any_array = shared(draft, "array", sequence(draft, tl_draft_text(draft, "["), some(schema, call), tl_draft_text(draft, "]")));
    uint32_t choices[] = {schema->any_object, schema->any_array, schema->string, schema->number, tl_draft_text(draft, "true"),
                          tl_draft_text(draft, "false"), tl_draft_text(draft, "null")};
    tl_draft_define(draft, value, tl_draft_choice(draft, choices, 7));
}

/* One character in its one spelling. */
static void write_character(struct tl_schema *schema)
{
    struct tl_language one = {.state = NULL};
    int r = tl_language_lengths(1, 1, &one);
    if (r < 0)
        tl_draft_fail(&schema->draft, r);
    else
        schema->character = tl_draft_call(&schema->draft, tl_language_rule(&schema->draft, &one, true));
    tl_language_done(&one);
}

/* --- keys ------------------------------------------------------------------------------------------------------------------ */

uint32_t tl_schema_key(struct tl_schema *schema, const char *name, size_t n_name)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_json_string(&text, name, n_name);
    tl_draft_fail(&schema->draft, tl_buffer_append(&text, ":", 1));
    uint32_t expr = schema->draft.status < 0 ? TL_EXPR_DEAD : tl_draft_literal(&schema->draft, text.data, text.len);
    tl_buffer_done(&text);
    return tl_draft_two(&schema->draft, expr, schema->blank);
}

/* --- values as they are written ------------------------------------------------------------------------------------------------ */

int tl_schema_print(const struct tl_schema *schema, const struct tl_json_node *node, struct tl_buffer *out)
{
    const struct tl_json_tree *tree = &schema->tree;
    const char *text = tree->text.data + node->text;
    bool first = true;
    switch (node->kind) {
    case TL_JSON_STRING: return tl_buffer_json_string(out, text, node->n_text);
    case TL_JSON_NUMBER: return tl_buffer_append(out, text, node->n_text);
    case TL_JSON_TRUE:   return tl_buffer_append(out, "true", 4);
    case TL_JSON_FALSE:  return tl_buffer_append(out, "false", 5);
    case TL_JSON_OBJECT: case TL_JSON_ARRAY: break;
    default:             return tl_buffer_append(out, "null", 4);
    }
    bool object = node->kind == TL_JSON_OBJECT;
    tl_buffer_append(out, object ? "{" : "[", 1);
    for (const struct tl_json_node *child = tl_json_tree_child(tree, node); child; child = tl_json_tree_next(tree, child), first = false) {
        if (!first)
            tl_buffer_append(out, ",", 1);
        if (object) {
            tl_buffer_json_string(out, tl_json_tree_key(tree, child), child->n_key);
            tl_buffer_append(out, ":", 1);
        }
        tl_schema_print(schema, child, out);
    }
    return tl_buffer_append(out, object ? "}" : "]", 1);
}

void tl_schema_common(struct tl_schema *schema)
{
    struct tl_draft *draft = &schema->draft;
    schema->blank = tl_draft_optional(draft, tl_draft_text(draft, " "));
    write_strings(schema);
    write_character(schema);
    write_numbers(schema);
    write_any(schema);
}
