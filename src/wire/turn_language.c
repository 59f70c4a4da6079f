/* SPDX-License-Identifier: MIT */
/* Grammars of calls: names to choose from, arguments by a tool's schema, as JSON or as keys and values between marks. */
#include "wire/turn_language.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/turn_marks.h"

enum { PARTS = 6 };

/* --- pieces ----------------------------------------------------------------------------------------------------------------- */

static int from_gbnf(const char *text, struct tl_grammar **ret_grammar)
{
    return tl_grammar_from_gbnf("call", text, strlen(text), ret_grammar);
}

struct join { struct tl_grammar_part part[PARTS]; size_t n; };

static void add_text(struct join *join, const char *bytes, size_t n_bytes)
{
    if (n_bytes)
        join->part[join->n++] = (struct tl_grammar_part){.literal = bytes, .n_bytes = n_bytes};
}

static void add(struct join *join, const struct tl_grammar *grammar) { join->part[join->n++] = (struct tl_grammar_part){.grammar = grammar}; }

/* Texts up to and including the first occurrence of a mark whose first character does not come again in it. */
static int until_mark(struct tl_turn_mark mark, struct tl_grammar **ret_grammar)
{
    struct tl_buffer out;
    uint32_t code[64], n = 0;
    for (size_t at = 0; at < mark.n_bytes && n < 64; n++)
        at += (size_t)tl_utf8_decode(mark.bytes + at, mark.n_bytes - at, &code[n]);
    tl_buffer_init(&out, 0);
    tl_buffer_printf(&out, "root ::= ([^\\U%08X] | begun away)* begun last\n", code[0]);
    tl_buffer_printf(&out, "begun ::= \"\\U%08X\" (", code[0]);         /* begun again, as often as it likes */
    for (uint32_t k = 1; k <= n - 1; k++) {
        tl_buffer_printf(&out, "%s", k > 1 ? " | " : "");
        for (uint32_t i = 1; i < k; i++)
            tl_buffer_printf(&out, "\"\\U%08X\" ", code[i]);
        tl_buffer_printf(&out, "\"\\U%08X\"", code[0]);
    }
    tl_buffer_printf(&out, ")*\naway ::= ");
    for (uint32_t k = 1; k < n; k++) {
        tl_buffer_printf(&out, "%s", k > 1 ? " | " : "");
        for (uint32_t i = 1; i < k; i++)
            tl_buffer_printf(&out, "\"\\U%08X\" ", code[i]);
        tl_buffer_printf(&out, "[^\\U%08X\\U%08X]", code[0], code[k]);
    }
    tl_buffer_printf(&out, "\nlast ::= ");
    for (uint32_t k = 1; k < n; k++)
        tl_buffer_printf(&out, "\"\\U%08X\" ", code[k]);
    int r = out.status < 0 ? out.status : from_gbnf(out.data, ret_grammar);
    tl_buffer_done(&out);
    return r;
}

/* --- keys of what is kept --------------------------------------------------------------------------------------------------- */

static void add_key(struct tl_sha256 *sha, const char *bytes, size_t n_bytes)
{
    uint64_t n = n_bytes;
    tl_sha256_add(sha, &n, sizeof n);
    tl_sha256_add(sha, bytes, n_bytes);
}

static void begin_key(struct tl_sha256 *sha, const char *kind, const struct tl_turn_family *family)
{
    tl_sha256_init(sha);
    add_key(sha, kind, strlen(kind));
    add_key(sha, family->name, strlen(family->name));
}

/* --- names ------------------------------------------------------------------------------------------------------------------ */

static int one_name(const struct tl_turn_family *family, const struct tl_turn_tool *tool, struct tl_turn_span lead, struct tl_turn_span behind,
                    const struct tl_grammar *blanks, const struct tl_grammar *number, struct tl_grammar **ret_grammar)
{
    struct join join = {0};
    size_t n = 0;
    while (n < lead.n_bytes && tl_turn_blank(lead.bytes[n]))
        n++;
    if (n)
        add(&join, blanks);
    add_text(&join, lead.bytes + n, lead.n_bytes - n);
    add_text(&join, tool->name, tool->n_name);
    if (family->numbered)
        add(&join, number);
    add_text(&join, behind.bytes, behind.n_bytes);
    return tl_grammar_join(join.part, join.n, ret_grammar);
}

static int of_text(struct tl_turn_span text, struct tl_grammar **ret_grammar)
{
    return tl_grammar_join(&(struct tl_grammar_part){.literal = text.bytes, .n_bytes = text.n_bytes}, 1, ret_grammar);
}

struct call { const struct tl_turn_family *family; const struct tl_turn_tools *tools; const struct tl_turn_names *names; };

static int any_name(const void *context, struct tl_grammar **ret_grammar)
{
    const struct call *call = context;
    const struct tl_turn_names *names = call->names;
    const struct tl_turn_tools *tools = call->tools;
    struct tl_grammar *blanks = NULL, *number = NULL, **choice = tl_alloc(tools->count + 1, sizeof *choice);
    size_t n = 0;
    int r = choice ? from_gbnf("root ::= [ \\n]{0,2}", &blanks) : TL_E_NOMEM;
    if (r >= 0)
        r = from_gbnf("root ::= \":\" [0-9]{1,3}", &number);
    for (size_t i = 0; i < tools->count && r >= 0; i++)
        if ((names->only < 0 || names->only == (int32_t)i) &&
            (r = one_name(call->family, &tools->tool[i], names->lead, names->behind, blanks, number, &choice[n])) >= 0)
            n++;
    if (r >= 0 && names->instead.n_bytes && (r = of_text(names->instead, &choice[n])) >= 0)
        n++;
    if (r >= 0)
        r = tl_grammar_either((const struct tl_grammar *const *)choice, n, ret_grammar);
    for (size_t i = 0; i < n; i++)
        tl_grammar_free(choice[i]);
    tl_free(choice);
    tl_grammar_free(blanks);
    tl_grammar_free(number);
    return r;
}

int tl_turn_language_name(struct tl_grammar_cache *cache, const struct tl_turn_family *family, const struct tl_turn_tools *tools,
                          const struct tl_turn_names *names, const struct tl_grammar **ret_grammar)
{
    struct tl_sha256 sha;
    uint8_t key[TL_SHA256_BYTES];
    begin_key(&sha, "name", family);
    add_key(&sha, names->lead.bytes, names->lead.n_bytes);
    add_key(&sha, names->behind.bytes, names->behind.n_bytes);
    add_key(&sha, names->instead.bytes, names->instead.n_bytes);
    for (size_t i = 0; i < tools->count; i++)
        if (names->only < 0 || names->only == (int32_t)i)
            add_key(&sha, tools->tool[i].name, tools->tool[i].n_name);
    tl_sha256_end(&sha, key);
    return tl_grammar_cache_take(cache, key, any_name, &(struct call){family, tools, names}, ret_grammar);
}

/* --- arguments as JSON ------------------------------------------------------------------------------------------------------ */

static int of_schema(const char *schema, size_t n_bytes, struct tl_grammar **ret_grammar)
{
    int r = schema ? tl_grammar_from_schema("parameters", schema, n_bytes, TL_GRAMMAR_LOOSE, ret_grammar) : TL_E_USAGE;
    return r >= 0 || r == TL_E_NOMEM ? r : tl_grammar_any_json(ret_grammar);
}

/* --- arguments between marks ------------------------------------------------------------------------------------------------ */

/* A value and the mark behind it. */
static int value(const struct tl_turn_family *family, const struct tl_turn_property *property, struct tl_grammar **ret_grammar)
{
    struct tl_turn_mark mark = tl_turn_mark_of(family->value_end);
    struct tl_grammar *inner = NULL;
    struct join join = {0};
    const char *behind = strstr(family->value_end, mark.bytes) + mark.n_bytes;
    bool text = property->types & TL_TURN_STRING;
    int r = text ? until_mark(mark, &inner) : of_schema(property->schema, property->n_schema, &inner);
    if (r < 0)
        return r;
    add(&join, inner);
    if (text)
        add_text(&join, behind, strlen(behind));
    else
        add_text(&join, family->value_end, strlen(family->value_end));
    r = tl_grammar_join(join.part, join.n, ret_grammar);
    tl_grammar_free(inner);
    return r;
}

/* One key with its value; nothing where it may be left out. */
static int property(const struct tl_turn_family *family, const struct tl_turn_property *from, struct tl_grammar **ret_grammar)
{
    struct tl_grammar *of_value = NULL, *whole = NULL, *none = NULL;
    struct join join = {0};
    char typed[32] = "";
    if (family->typed)
        memcpy(typed, from->types & TL_TURN_STRING ? "\" string=\"true" : "\" string=\"false", from->types & TL_TURN_STRING ? 14 : 15);
    add_text(&join, family->key, strlen(family->key));
    add_text(&join, from->name, from->n_name);
    add_text(&join, typed, strlen(typed));
    add_text(&join, family->key_end, strlen(family->key_end));
    int r = value(family, from, &of_value);
    if (r >= 0) {
        add(&join, of_value);
        r = tl_grammar_join(join.part, join.n, &whole);
    }
    if (r >= 0 && !from->required && (r = from_gbnf("root ::= \"\"", &none)) >= 0) {
        const struct tl_grammar *choices[] = {none, whole};
        r = tl_grammar_either(choices, 2, ret_grammar);
    } else if (r >= 0) {
        *ret_grammar = whole;
        whole = NULL;
    }
    tl_grammar_free(of_value);
    tl_grammar_free(whole);
    tl_grammar_free(none);
    return r;
}

static int properties(const struct tl_turn_family *family, const struct tl_turn_tool *tool, struct tl_turn_span lead, struct tl_turn_span behind,
                      struct tl_grammar **ret_grammar)
{
    struct tl_turn_property *of_tool = NULL;
    size_t n = 0, n_parts = 0;
    int r = tl_turn_tools_properties(tool, &of_tool, &n);
    if (r < 0)
        return r;
    struct tl_grammar **made = tl_alloc(n + 1, sizeof *made);
    struct tl_grammar_part *part = tl_alloc(n + 2, sizeof *part);
    r = made && part ? 0 : TL_E_NOMEM;
    if (r >= 0 && lead.n_bytes)
        part[n_parts++] = (struct tl_grammar_part){.literal = lead.bytes, .n_bytes = lead.n_bytes};
    for (size_t i = 0; i < n && r >= 0; i++)
        if ((r = property(family, &of_tool[i], &made[i])) >= 0)
            part[n_parts++] = (struct tl_grammar_part){.grammar = made[i]};
    if (r >= 0 && behind.n_bytes)
        part[n_parts++] = (struct tl_grammar_part){.literal = behind.bytes, .n_bytes = behind.n_bytes};
    if (r >= 0)
        r = n_parts ? tl_grammar_join(part, n_parts, ret_grammar) : from_gbnf("root ::= \"\"", ret_grammar);
    for (size_t i = 0; made && i < n; i++)
        tl_grammar_free(made[i]);
    tl_free(made);
    tl_free(part);
    tl_turn_tools_drop(of_tool, n);
    return r;
}

struct arguments { const struct tl_turn_family *family; const struct tl_turn_tool *tool; struct tl_turn_span lead, behind; };

static int arguments(const void *context, struct tl_grammar **ret_grammar)
{
    const struct arguments *from = context;
    struct tl_grammar *schema = NULL;
    struct join join = {0};
    if (from->family->syntax == TL_TURN_XML)
        return properties(from->family, from->tool, from->lead, from->behind, ret_grammar);
    int r = of_schema(from->tool->schema, from->tool->n_schema, &schema);
    if (r < 0)
        return r;
    add_text(&join, from->lead.bytes, from->lead.n_bytes);
    add(&join, schema);
    add_text(&join, from->behind.bytes, from->behind.n_bytes);
    r = tl_grammar_join(join.part, join.n, ret_grammar);
    tl_grammar_free(schema);
    return r;
}

int tl_turn_language_arguments(struct tl_grammar_cache *cache, const struct tl_turn_family *family, const struct tl_turn_tool *tool,
                               struct tl_turn_span lead, struct tl_turn_span behind, const struct tl_grammar **ret_grammar)
{
    struct tl_sha256 sha;
    uint8_t key[TL_SHA256_BYTES];
    begin_key(&sha, "arguments", family);
    add_key(&sha, lead.bytes, lead.n_bytes);
    add_key(&sha, behind.bytes, behind.n_bytes);
    add_key(&sha, tool->schema, tool->n_schema);
    tl_sha256_end(&sha, key);
    return tl_grammar_cache_take(cache, key, arguments, &(struct arguments){family, tool, lead, behind}, ret_grammar);
}
