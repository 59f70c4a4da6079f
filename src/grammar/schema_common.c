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

/* --- strings in one spelling -------------------------------------------------------------------------------------------- */

/* The characters that are written as an escape of one letter, and that letter. */
static const struct { uint8_t code; char letter; } escapes[] = {{'\b', 'b'}, {'\t', 't'}, {'\n', 'n'}, {'\f', 'f'}, {'\r', 'r'}, {'"', '"'}, {'\\', '\\'}};

/* Any character of the ranges (tidied), in its one spelling. Control characters without a letter are left out. */
uint32_t tl_schema_characters(struct tl_schema *schema, const struct tl_range *ranges, size_t n_ranges)
{
    struct tl_draft *draft = &schema->draft;
    TL_AUTO struct tl_range *plain = tl_alloc(n_ranges + 3, sizeof *plain);
    struct tl_range letters[TL_COUNT(escapes)];
    size_t n = 0, n_letters = 0;
    if (!plain)
        return tl_draft_fail(draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
    for (size_t i = 0; i < n_ranges; i++) {
        uint32_t lo = ranges[i].lo < 0x20 ? 0x20 : ranges[i].lo, hi = ranges[i].hi;
        for (size_t k = 0; k < TL_COUNT(escapes); k++) {
            if (escapes[k].code < ranges[i].lo || escapes[k].code > hi)
                continue;
            letters[n_letters++] = (struct tl_range){(uint8_t)escapes[k].letter, (uint8_t)escapes[k].letter};
            if (escapes[k].code >= 0x20) {
                if (lo < escapes[k].code)
                    plain[n++] = (struct tl_range){lo, escapes[k].code - 1u};
                lo = escapes[k].code + 1u;
            }
        }
        if (lo <= hi)
            plain[n++] = (struct tl_range){lo, hi};
    }
    uint32_t class = tl_draft_class(draft, plain, n);
    if (n_letters == 0)
        return class;
    uint32_t escape = tl_draft_two(draft, tl_draft_text(draft, "\\"), tl_draft_class(draft, letters, n_letters));
    return tl_draft_choice(draft, (const uint32_t[]){class, escape}, 2);
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

struct name { const char *at, *end; };

static int compare_names(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    size_t nx = (size_t)(x->end - x->at), ny = (size_t)(y->end - y->at);
    int order = memcmp(x->at, y->at, nx < ny ? nx : ny);
    return order ? order : nx < ny ? -1 : nx > ny;
}

static uint32_t take(struct name *name)
{
    uint32_t code;
    int n = tl_utf8_decode(name->at, (size_t)(name->end - name->at), &code);
    name->at += n < 0 ? -n : n;
    return code;
}

/* What may follow in a key, with its end, when it must be none of the names (sorted; what is left of them). Their own rule, as
 * names may be long. */
static uint32_t other_rest(struct tl_schema *schema, struct name *name, size_t n, unsigned depth)
{
    struct tl_draft *draft = &schema->draft;
    bool ends = n > 0 && name[0].at == name[0].end;                  /* one of the names ends here */
    TL_AUTO uint32_t *choices = tl_alloc(n + 2, sizeof *choices);
    TL_AUTO struct tl_range *range = tl_alloc(n + 2, sizeof *range);
    size_t n_choices = 0, n_ranges = 0;
    uint32_t from = 0, rule = tl_draft_rule(draft, "key", 3);
    if (!choices || !range || draft->status < 0 || depth > 256) {
        if (draft->status >= 0)
            tl_draft_fail(draft, choices && range ? tl_fail(TL_E_USAGE, "%s: a key of more than 256 characters", draft->where) : TL_E_NOMEM);
        return TL_EXPR_DEAD;
    }
    for (size_t i = 0, next; i < n; i = next) {
        next = i + 1;
        if (name[i].at == name[i].end)
            continue;
        uint32_t code = take(&name[i]);
        for (struct name peek; next < n && (peek = name[next], take(&peek)) == code; next++)
            name[next] = peek;
        if (code > from)
            range[n_ranges++] = (struct tl_range){from, code - 1};
        from = code + 1;
        uint32_t character = tl_schema_characters(schema, &(struct tl_range){code, code}, 1);
        choices[n_choices++] = tl_draft_two(draft, character, other_rest(schema, name + i, next - i, depth + 1));
    }
    range[n_ranges++] = (struct tl_range){from, 0x10FFFF};
    uint32_t other = tl_schema_characters(schema, range, n_ranges);
    choices[n_choices++] = sequence(draft, other, tl_draft_repeat(draft, schema->character, 0, TL_GRAMMAR_NO_END), schema->quote);
    if (!ends)
        choices[n_choices++] = schema->quote;
    tl_draft_define(draft, rule, tl_draft_choice(draft, choices, n_choices));
    return tl_draft_call(draft, rule);
}

uint32_t tl_schema_other_key(struct tl_schema *schema, const struct tl_schema_property *property, size_t n)
{
    TL_AUTO struct name *name = tl_alloc(n + 1, sizeof *name);
    if (!name)
        return tl_draft_fail(&schema->draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
    for (size_t i = 0; i < n; i++)
        name[i] = (struct name){property[i].name, property[i].name + property[i].n_name};
    qsort(name, n, sizeof *name, compare_names);
    uint32_t rest = n == 0 ? TL_EXPR_NONE : other_rest(schema, name, n, 0);
    uint32_t key = n == 0 ? schema->string : tl_draft_two(&schema->draft, schema->quote, rest);
    return sequence(&schema->draft, key, tl_draft_text(&schema->draft, ":"), schema->blank);
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
    schema->character = shared(draft, "character", tl_schema_characters(schema, &(struct tl_range){0, 0x10FFFF}, 1));
    write_numbers(schema);
    write_any(schema);
}
