/* SPDX-License-Identifier: MIT */
/* Strings: length, pattern and format. Length alone is counted by the grammar; with a pattern or a format everything is joined to one
 * automaton of characters first. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "grammar/schema.h"

static const struct { const char *name, *pattern; } formats[] = {
#define FORMAT(name, pattern) {name, pattern},
#define NUMBER_FORMAT(name, least, most) {name, NULL},
#define NOTE_FORMAT(name) {name, NULL},
#include "grammar/formats.def"
#undef FORMAT
#undef NUMBER_FORMAT
#undef NOTE_FORMAT
};

/* A language that is being narrowed. */
struct narrowing { struct tl_schema *schema; struct tl_language *language; bool any; };

/* Takes `more` over. What makes it too large is dropped. */
static int narrow(struct narrowing *n, struct tl_language *more, const struct tl_json_node *node, const char *keyword)
{
    if (!n->any) {
        *n->language = *more;
        n->any = true;
        return 0;
    }
    int r = tl_language_narrow(n->language, more);
    tl_schema_spend(n->schema, node, r < 0 ? TL_LANGUAGE_STATES : n->language->n_states);
    if (r <= TL_LANGUAGE_LARGE)
        return tl_schema_drop(n->schema, node, keyword);
    return r < 0 ? tl_draft_fail(&n->schema->draft, r) : 0;
}

static int narrow_by_pattern(struct narrowing *n, const char *pattern, size_t n_bytes, const struct tl_json_node *node, const char *keyword)
{
    struct tl_language more = {.state = NULL};
    int r = tl_language_pattern(pattern, n_bytes, &more);
    if (tl_schema_spend(n->schema, node, r == TL_LANGUAGE_UNKNOWN ? 16 : r < 0 ? TL_LANGUAGE_STATES : more.n_states) < 0) {
        tl_language_done(&more);
        return n->schema->draft.status;
    }
    if (r <= TL_LANGUAGE_LARGE)
        return tl_schema_drop(n->schema, node, keyword);
    return r < 0 ? tl_draft_fail(&n->schema->draft, r) : narrow(n, &more, node, keyword);
}

static int narrow_by_format(struct narrowing *n, const struct tl_json_node *node)
{
    for (size_t i = 0; i < TL_COUNT(formats); i++)
        if (tl_json_tree_is(&n->schema->tree, node, formats[i].name))
            return formats[i].pattern ? narrow_by_pattern(n, formats[i].pattern, strlen(formats[i].pattern), node, "format") : 0;
    return tl_schema_drop(n->schema, node, "format");
}

static int read_place(struct narrowing *n, const struct tl_json_node *place, uint32_t *min, uint32_t *max)
{
    struct tl_schema *schema = n->schema;
    const struct tl_json_node *pattern = tl_schema_member(schema, place, "pattern"), *format = tl_schema_member(schema, place, "format");
    uint32_t at_least, at_most;
    if (tl_schema_count(schema, place, "minLength", 0, &at_least) < 0 || tl_schema_count(schema, place, "maxLength", TL_GRAMMAR_NO_END, &at_most) < 0)
        return schema->draft.status;
    *min = at_least > *min ? at_least : *min;
    *max = at_most < *max ? at_most : *max;
    if (pattern && pattern->kind != TL_JSON_STRING)
        return tl_schema_fail(schema, pattern, "expected a string");
    if (pattern && narrow_by_pattern(n, tl_json_tree_text(&schema->tree, pattern), pattern->n_text, pattern, "pattern") < 0)
        return schema->draft.status;
    return format ? narrow_by_format(n, format) : 0;
}

static int narrow_by_length(struct narrowing *n, const struct tl_conjunction *c, uint32_t min, uint32_t max)
{
    struct tl_language more = {.state = NULL};
    const struct tl_json_node *node = tl_schema_node(n->schema, c->item[0].node);
    const char *keyword = max == TL_GRAMMAR_NO_END ? "minLength" : "maxLength";
    int r = tl_language_lengths(min, max, &more);
    if (r <= TL_LANGUAGE_LARGE)
        return tl_schema_drop(n->schema, node, keyword);
    return r < 0 ? tl_draft_fail(&n->schema->draft, r) : narrow(n, &more, node, keyword);
}

/* What patterns and formats say, 1 where there are any; lengths apart while `counted`. */
static int read_text(struct tl_schema *schema, const struct tl_conjunction *c, bool counted, struct tl_language *language, uint32_t *min, uint32_t *max)
{
    struct narrowing n = {.schema = schema, .language = language};
    int r = 0;
    *min = 0;
    *max = TL_GRAMMAR_NO_END;
    for (uint32_t i = 0; i < c->n && r >= 0; i++)
        r = read_place(&n, tl_schema_node(schema, c->item[i].node), min, max);
    if (r >= 0 && (n.any || !counted) && (*min > 0 || *max != TL_GRAMMAR_NO_END))
        r = narrow_by_length(&n, c, *min, *max);
    if (r < 0)
        tl_language_done(language);
    return r < 0 ? r : n.any;
}

int tl_schema_text(struct tl_schema *schema, const struct tl_conjunction *c, struct tl_language *language)
{
    uint32_t min, max;
    return read_text(schema, c, false, language, &min, &max);
}

/* The inside of the string. */
static uint32_t inside(struct tl_schema *schema, const struct tl_conjunction *c, bool *ret_free)
{
    struct tl_draft *draft = &schema->draft;
    struct tl_language language = {.state = NULL};
    uint32_t min, max, expr = TL_EXPR_DEAD;
    int r = read_text(schema, c, true, &language, &min, &max);
    *ret_free = r == 0 && min == 0 && max == TL_GRAMMAR_NO_END;
    if (r > 0)
        expr = tl_draft_call(draft, tl_language_rule(draft, &language, true));
    else if (r == 0 && min <= max)
        expr = tl_draft_repeat(draft, schema->character, min, max);
    tl_language_done(&language);
    return expr;
}

uint32_t tl_schema_string(struct tl_schema *schema, const struct tl_conjunction *c)
{
    static const char *const members[] = {"pattern", "format", "minLength", "maxLength"};
    struct tl_draft *draft = &schema->draft;
    struct tl_buffer key;
    uint32_t rule, expr = schema->string;
    bool free = false;
    tl_buffer_init(&key, 0);
    if (tl_schema_recall(schema, c, members, TL_COUNT(members), &key, &rule))
        expr = tl_draft_call(draft, rule);
    else if (key.len > 0 && draft->status >= 0) {
        uint32_t text = inside(schema, c, &free);
        if (!free) {
            rule = tl_draft_rule(draft, "string", 6);
            tl_draft_define(draft, rule, tl_draft_sequence(draft, (const uint32_t[]){schema->quote, text, schema->quote}, 3));
            tl_schema_remember(schema, &key, rule);
            expr = tl_draft_call(draft, rule);
        }
    }
    tl_buffer_done(&key);
    return expr;
}
