/* SPDX-License-Identifier: MIT */
/* Numbers between bounds, and multiples, as automata of their digits. Bounds are taken as they are written, digit by digit. Bounded
 * numbers have no exponent and at most six digits behind the point, so that as doubles they stay on their side of a bound. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "grammar/decimal.h"
#include "grammar/schema.h"

enum { MULTIPLES = 4000 };

struct bounds { struct tl_bound least, most; struct tl_decimal multiple; bool has_multiple; };

static const struct { const char *name, *least, *most; } formats[] = {
#define FORMAT(name, pattern)
#define NUMBER_FORMAT(name, least, most) {name, least, most},
#define NOTE_FORMAT(name)
#include "grammar/formats.def"
#undef FORMAT
#undef NUMBER_FORMAT
#undef NOTE_FORMAT
};

/* --- reading --------------------------------------------------------------------------------------------------------------------- */

static void tighten(struct tl_bound *bound, const struct tl_decimal *at, bool strict, bool most)
{
    int order = bound->set ? tl_decimal_compare(at, &bound->at) : 0;
    if (most)
        order = -order;
    if (!bound->set || order > 0)
        *bound = (struct tl_bound){true, strict, *at};
    else if (order == 0)
        bound->strict = bound->strict || strict;
}

static int read_bound(struct tl_schema *schema, const struct tl_json_node *place, const char *keyword, bool strict, bool most, struct tl_bound *bound)
{
    const struct tl_json_node *node = tl_schema_member(schema, place, keyword);
    struct tl_decimal at;
    if (!node || node->kind == TL_JSON_TRUE || node->kind == TL_JSON_FALSE)              /* draft 4: said of minimum and maximum */
        return 0;
    if (node->kind != TL_JSON_NUMBER)
        return tl_schema_fail(schema, node, "expected a number");
    if (!tl_decimal_read(schema->tree.text.data + node->text, node->n_text, &at)) {
        double value = 0;
        tl_parse_f64(schema->tree.text.data + node->text, node->n_text, &value);
        return most ? value > 0 ? 0 : tl_schema_drop(schema, node, keyword) : value < 0 ? 0 : tl_schema_drop(schema, node, keyword);
    }
    tighten(bound, &at, strict, most);
    return 0;
}

static int read_multiple(struct tl_schema *schema, const struct tl_json_node *place, struct bounds *b)
{
    const struct tl_json_node *node = tl_schema_member(schema, place, "multipleOf");
    struct tl_decimal m;
    if (!node)
        return 0;
    if (node->kind != TL_JSON_NUMBER)
        return tl_schema_fail(schema, node, "expected a number");
    if (b->has_multiple || !tl_decimal_read(schema->tree.text.data + node->text, node->n_text, &m) || m.negative || (m.whole == 0 && !*m.fraction) ||
        m.whole > MULTIPLES || strlen(m.fraction) > 6)
        return b->has_multiple && tl_decimal_read(schema->tree.text.data + node->text, node->n_text, &m) && tl_decimal_compare(&m, &b->multiple) == 0 ? 0 :
               tl_schema_drop(schema, node, "multipleOf");
    b->multiple = m;
    b->has_multiple = true;
    return 0;
}

static int read_format(struct tl_schema *schema, const struct tl_json_node *place, struct bounds *b)
{
    const struct tl_json_node *format = tl_schema_member(schema, place, "format");
    for (size_t i = 0; format && i < TL_COUNT(formats); i++)
        if (tl_json_tree_is(&schema->tree, format, formats[i].name)) {
            struct tl_decimal least, most;
            if (tl_decimal_read(formats[i].least, strlen(formats[i].least), &least) && tl_decimal_read(formats[i].most, strlen(formats[i].most), &most)) {
                tighten(&b->least, &least, false, false);
                tighten(&b->most, &most, false, true);
            }
        }
    return 0;
}

static int read_bounds(struct tl_schema *schema, const struct tl_conjunction *c, struct bounds *b)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct tl_json_node *place = tl_schema_node(schema, c->item[i].node);
        bool strict_least = tl_json_tree_bool(&schema->tree, place, "exclusiveMinimum", false);
        bool strict_most = tl_json_tree_bool(&schema->tree, place, "exclusiveMaximum", false);
        if (read_bound(schema, place, "minimum", strict_least, false, &b->least) < 0 || read_bound(schema, place, "maximum", strict_most, true, &b->most) < 0 ||
            read_bound(schema, place, "exclusiveMinimum", true, false, &b->least) < 0 || read_bound(schema, place, "exclusiveMaximum", true, true, &b->most) < 0 ||
            read_multiple(schema, place, b) < 0 || read_format(schema, place, b) < 0)
            return schema->draft.status;
    }
    return 0;
}

/* --- the automaton --------------------------------------------------------------------------------------------------------------------- */

/* Multiples of a decimal with k digits behind the point: the remainder of what is read so far, in units of the last digit. States: the
 * start, behind a minus, then remainders by the digits behind the point, -1 (before it) to k. */
static int multiples(const struct tl_decimal *m, struct tl_language *ret_language)
{
    struct tl_language made = {.state = NULL};
    uint32_t k = (uint32_t)strlen(m->fraction), p = (uint32_t)m->whole, state, scale = 1;
    for (uint32_t i = 0; i < k; i++)
        p = p > MULTIPLES ? p : 10 * p + (uint32_t)(m->fraction[i] - '0');
    int r = p > MULTIPLES || (uint64_t)p * (k + 2) + 2 > TL_LANGUAGE_STATES ? TL_LANGUAGE_LARGE : 0;
    for (uint32_t i = 0; r >= 0 && i < 2 + p * (k > 0 ? k + 2 : 1); i++) {
        uint32_t seen = i < 2 ? 0 : (i - 2) / p, rest = i < 2 ? 0 : (i - 2) % p, more = seen > 0 ? k + 1 - seen : k;
        scale = 1;
        for (uint32_t d = 0; d < more; d++)
            scale = scale * 10 % p;
        r = tl_language_add_state(&made, i >= 2 && seen != 1 && (uint64_t)rest * scale % p == 0, &state);
        uint32_t first = (uint32_t)made.n_arcs, next = seen > 0 ? seen + 1 : 0;
        if (r >= 0 && i == 0)
            r = tl_language_add_arc(&made, '-', '-', 1);
        if (r >= 0 && i >= 2 && seen == 0 && k > 0)
            r = tl_language_add_arc(&made, '.', '.', 2 + p + rest);
        for (uint32_t d = 0; r >= 0 && d < 10 && next <= k + 1; d++)
            r = tl_language_add_arc(&made, '0' + d, '0' + d, 2 + next * p + (10 * rest + d) % p);
        if (r >= 0) {
            made.state[state].first = first;
            made.state[state].n = (uint32_t)made.n_arcs - first;
        }
    }
    if (r < 0)
        tl_language_done(&made);
    else
        *ret_language = made;
    return r;
}

static int from_side(const struct tl_bound *bound, bool most, bool whole, struct tl_language *ret_language)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 1 << 16);
    tl_bound_pattern(&text, bound, most, whole);
    int r = text.status < 0 ? text.status : tl_language_pattern(text.data, text.len, ret_language);
    tl_buffer_done(&text);
    return r;
}

static int build(const struct bounds *b, bool whole, struct tl_language *language)
{
    static const char any_whole[] = "^-?(0|[1-9][0-9]{0,17})$", any[] = "^-?(0|[1-9][0-9]{0,17})" TL_DECIMAL_FRACTION "$";
    struct tl_language more = {.state = NULL};
    int r = tl_language_pattern(whole ? any_whole : any, whole ? sizeof any_whole - 1 : sizeof any - 1, language);
    if (r >= 0 && b->least.set && (r = from_side(&b->least, false, whole, &more)) >= 0)
        r = tl_language_narrow(language, &more);
    if (r >= 0 && b->most.set && (r = from_side(&b->most, true, whole, &more)) >= 0)
        r = tl_language_narrow(language, &more);
    if (r >= 0 && b->has_multiple && (r = multiples(&b->multiple, &more)) >= 0)
        r = tl_language_narrow(language, &more);
    return r;
}

int tl_schema_digits(struct tl_schema *schema, const struct tl_conjunction *c, bool whole, struct tl_language *language)
{
    TL_AUTO struct bounds *b = tl_alloc(1, sizeof *b);
    if (!b)
        return tl_draft_fail(&schema->draft, TL_E_NOMEM);
    if (read_bounds(schema, c, b) < 0)
        return schema->draft.status;
    if (!b->least.set && !b->most.set && !b->has_multiple)
        return 0;
    int r = build(b, whole, language);
    if (tl_schema_spend(schema, tl_schema_node(schema, c->item[0].node), r < 0 ? TL_LANGUAGE_STATES : language->n_states + 64) < 0) {
        tl_language_done(language);
        return schema->draft.status;
    }
    if (r < 0)
        tl_language_done(language);
    if (r <= TL_LANGUAGE_LARGE)
        return tl_schema_drop(schema, tl_schema_node(schema, c->item[0].node), b->has_multiple ? "multipleOf" : "minimum");
    return r < 0 ? tl_draft_fail(&schema->draft, r) : 1;
}

uint32_t tl_schema_number(struct tl_schema *schema, const struct tl_conjunction *c, bool whole)
{
    static const char *const members[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"};
    struct tl_language language = {.state = NULL};
    struct tl_buffer key;
    uint32_t rule, expr = whole ? schema->integer : schema->number;
    tl_buffer_init(&key, 0);
    tl_buffer_append(&key, whole ? "i" : "n", 1);
    if (tl_schema_recall(schema, c, members, TL_COUNT(members), &key, &rule))
        expr = tl_draft_call(&schema->draft, rule);
    else if (tl_schema_digits(schema, c, whole, &language) > 0) {
        rule = tl_language_rule(&schema->draft, &language, false);
        tl_schema_remember(schema, &key, rule);
        expr = tl_draft_call(&schema->draft, rule);
    }
    tl_language_done(&language);
    tl_buffer_done(&key);
    return expr;
}
