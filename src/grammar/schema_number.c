/* SPDX-License-Identifier: MIT */
/* Numbers between bounds, and multiples, as automata of their digits. Bounds are taken as they are written, digit by digit. Bounded
 * numbers have no exponent and at most six digits behind the point, so that as doubles they stay on their side of a bound. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "grammar/schema.h"

enum { WHOLE_DIGITS = 18, FRACTION_DIGITS = 40, MULTIPLES = 4000 };
#define MOST UINT64_C(999999999999999999)
#define USUAL UINT64_C(999999999999999)
#define FRACTION "(\\.[0-9]{1,6})?"

/* A number as it is written: the sign, the whole part, and digits behind the point without zeros at the end. */
struct decimal { bool negative; uint64_t whole; char fraction[FRACTION_DIGITS + 1]; };

struct bound { bool set, strict; struct decimal at; };

struct bounds { struct bound least, most; struct decimal multiple; bool has_multiple; };

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

/* Where the point stands among the digits, the exponent counted; false: too large to be of use. */
static bool find_point(const char *text, size_t n, char *digits, size_t *ret_n, int64_t *ret_point)
{
    int64_t point = -1, exponent = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '.')
            point = (int64_t)count;
        else if (text[i] == 'e' || text[i] == 'E') {
            size_t plus = i + 1 < n && text[i + 1] == '+';
            if (!tl_parse_i64(text + i + 1 + plus, n - i - 1 - plus, &exponent) || exponent > 400 || exponent < -400)
                return false;
            break;
        } else if (count == 64)
            return false;
        else
            digits[count++] = text[i];
    }
    *ret_point = (point < 0 ? (int64_t)count : point) + exponent;
    *ret_n = count;
    return true;
}

static bool read_decimal(const char *text, size_t n, struct decimal *ret)
{
    char digits[64];
    size_t count;
    int64_t point;
    struct decimal d = {.negative = n > 0 && *text == '-'};
    if (n == 0 || (text[d.negative] < '0' || text[d.negative] > '9') || !find_point(text + d.negative, n - d.negative, digits, &count, &point))
        return false;
    while (count > 0 && digits[count - 1] == '0' && (int64_t)count > point)
        count--;
    if (point > 400 || point < -(FRACTION_DIGITS - 1) + (int64_t)count)
        return false;
    for (int64_t i = 0; i < point; i++) {
        if (d.whole > MOST / 10)
            return false;
        d.whole = 10 * d.whole + (uint64_t)(i < (int64_t)count ? digits[i] - '0' : 0);
    }
    size_t k = 0;
    for (int64_t i = point; i < (int64_t)count; i++)
        d.fraction[k++] = i < 0 ? '0' : digits[i];
    while (k > 0 && d.fraction[k - 1] == '0')
        k--;
    d.fraction[k] = 0;
    d.negative = d.negative && (d.whole > 0 || k > 0);
    *ret = d;
    return true;
}

static int compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    int order = a->whole != b->whole ? (a->whole < b->whole ? -1 : 1) : strcmp(a->fraction, b->fraction);
    return a->negative ? -order : order;
}

static void tighten(struct bound *bound, const struct decimal *at, bool strict, bool most)
{
    int order = bound->set ? compare(at, &bound->at) : 0;
    if (most)
        order = -order;
    if (!bound->set || order > 0)
        *bound = (struct bound){true, strict, *at};
    else if (order == 0)
        bound->strict = bound->strict || strict;
}

static int read_bound(struct tl_schema *schema, const struct tl_json_node *place, const char *keyword, bool strict, bool most, struct bound *bound)
{
    const struct tl_json_node *node = tl_schema_member(schema, place, keyword);
    struct decimal at;
    if (!node || node->kind == TL_JSON_TRUE || node->kind == TL_JSON_FALSE)              /* draft 4: said of minimum and maximum */
        return 0;
    if (node->kind != TL_JSON_NUMBER)
        return tl_schema_fail(schema, node, "expected a number");
    if (!read_decimal(schema->tree.text.data + node->text, node->n_text, &at)) {
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
    struct decimal m;
    if (!node)
        return 0;
    if (node->kind != TL_JSON_NUMBER)
        return tl_schema_fail(schema, node, "expected a number");
    if (b->has_multiple || !read_decimal(schema->tree.text.data + node->text, node->n_text, &m) || m.negative || (m.whole == 0 && !*m.fraction) ||
        m.whole > MULTIPLES || strlen(m.fraction) > 6)
        return b->has_multiple && read_decimal(schema->tree.text.data + node->text, node->n_text, &m) && compare(&m, &b->multiple) == 0 ? 0 :
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
            struct decimal least, most;
            if (read_decimal(formats[i].least, strlen(formats[i].least), &least) && read_decimal(formats[i].most, strlen(formats[i].most), &most)) {
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

/* --- patterns of digits ------------------------------------------------------------------------------------------------------------ */

static void digits_from(struct tl_buffer *out, const char *s)        /* as many digits, not less than s */
{
    size_t n = strlen(s);
    tl_buffer_append(out, "(", 1);
    for (size_t i = 0; i < n; i++)
        if (s[i] < '9')
            tl_buffer_printf(out, "%.*s[%c-9][0-9]{%zu}|", (int)i, s, s[i] + 1, n - i - 1);
    tl_buffer_printf(out, "%s)", s);
}

static void digits_to(struct tl_buffer *out, const char *s)
{
    size_t n = strlen(s);
    tl_buffer_append(out, "(", 1);
    for (size_t i = 0; i < n; i++)
        if (s[i] > '0')
            tl_buffer_printf(out, "%.*s[0-%c][0-9]{%zu}|", (int)i, s, s[i] - 1, n - i - 1);
    tl_buffer_printf(out, "%s)", s);
}

/* Whole numbers from a to b, both of n digits. */
static void between(struct tl_buffer *out, const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] && a[same] == b[same])
        same++;
    tl_buffer_printf(out, "%.*s", (int)same, a);
    if (!a[same])
        return;
    tl_buffer_printf(out, "(%c", a[same]);
    digits_from(out, a + same + 1);
    tl_buffer_printf(out, "|%c", b[same]);
    digits_to(out, b + same + 1);
    if (b[same] - a[same] > 1)
        tl_buffer_printf(out, "|[%c-%c][0-9]{%zu}", a[same] + 1, b[same] - 1, strlen(a + same + 1));
    tl_buffer_append(out, ")", 1);
}

/* Whole numbers from a to b without leading zeros; nothing where there are none. */
static void whole_between(struct tl_buffer *out, uint64_t a, uint64_t b)
{
    char low[24], high[24];
    tl_buffer_append(out, "(", 1);
    for (uint64_t end, power = 10; a <= b; a = end + 1, power *= 10, tl_buffer_append(out, a <= b ? "|" : "", a <= b)) {
        while (a >= power)
            power *= 10;
        end = power - 1 < b ? power - 1 : b;
        snprintf(low, sizeof low, "%" PRIu64, a);
        snprintf(high, sizeof high, "%" PRIu64, end);
        between(out, low, high);
    }
    tl_buffer_append(out, ")", 1);
}

/* Digits behind the point up to s (below it where strict), which has no zeros at its end. */
static void fraction_to(struct tl_buffer *out, const char *s, bool strict)
{
    bool first = true;
    for (size_t i = 0; s[i]; i++) {
        if (s[i] > '0') {
            tl_buffer_printf(out, "%s%.*s[0-%c][0-9]{0,5}", first ? "" : "|", (int)i, s, s[i] - 1);
            first = false;
        }
        if (i > 0)
            tl_buffer_printf(out, "%s%.*s", first ? "" : "|", (int)i, s), first = false;
    }
    if (!strict)
        tl_buffer_printf(out, "%s%s0{%d,6}", first ? "" : "|", s, *s ? 0 : 1);
}

static void fraction_from(struct tl_buffer *out, const char *s, bool strict)
{
    bool first = true;
    for (size_t i = 0; s[i]; i++)
        if (s[i] < '9') {
            tl_buffer_printf(out, "%s%.*s[%c-9][0-9]{0,5}", first ? "" : "|", (int)i, s, s[i] + 1);
            first = false;
        }
    tl_buffer_printf(out, "%s%s%s", first ? "" : "|", s, strict ? "0{0,5}[1-9][0-9]{0,5}" : *s ? "[0-9]{0,6}" : "[0-9]{1,6}");
}

/* Numbers that are not negative and at most (strict: below) `at`; `whole` ones have no point. */
static void up_to(struct tl_buffer *out, const struct decimal *at, bool strict, bool whole)
{
    bool fraction = *at->fraction;
    tl_buffer_append(out, "(", 1);
    if (at->whole > 0) {
        whole_between(out, 0, at->whole - 1);
        tl_buffer_printf(out, "%s|", whole ? "" : FRACTION);
    }
    if (strict && !fraction)
        tl_buffer_append(out, "[]", 2);                              /* nothing */
    else {
        tl_buffer_printf(out, "%" PRIu64, at->whole);
        if (!whole) {
            tl_buffer_append(out, "(\\.(", 4);
            fraction_to(out, at->fraction, strict);
            tl_buffer_append(out, "))?", 3);
        }
    }
    tl_buffer_append(out, ")", 1);
}

static void from(struct tl_buffer *out, const struct decimal *at, bool strict, bool whole)
{
    bool fraction = *at->fraction;
    tl_buffer_append(out, "(", 1);
    if (at->whole < MOST) {
        whole_between(out, at->whole + 1, at->whole < USUAL ? USUAL : MOST);
        tl_buffer_printf(out, "%s|", whole ? "" : FRACTION);
    }
    if (whole && (strict || fraction))
        tl_buffer_append(out, "[]", 2);
    else {
        tl_buffer_printf(out, "%" PRIu64, at->whole);
        if (!whole) {
            tl_buffer_append(out, "(\\.(", 4);
            fraction_from(out, at->fraction, strict);
            tl_buffer_append(out, strict || fraction ? "))" : "))?", strict || fraction ? 2 : 3);
        }
    }
    tl_buffer_append(out, ")", 1);
}

/* ^ numbers on one side of a bound $ */
static void write_side(struct tl_buffer *out, const struct bound *bound, bool most, bool whole)
{
    static const struct decimal zero = {.whole = 0};
    bool negative = bound->at.negative;
    tl_buffer_append(out, "^(", 2);
    if (negative == most) {                                          /* only that side of zero */
        tl_buffer_append(out, negative ? "-" : "", negative);
        from(out, &bound->at, bound->strict, whole);
    } else {
        tl_buffer_append(out, negative ? "-" : "", negative);
        up_to(out, &bound->at, bound->strict, whole);
        tl_buffer_append(out, negative ? "|" : "|-", negative ? 1 : 2);
        from(out, &zero, !negative, whole);
    }
    tl_buffer_append(out, ")$", 2);
}

/* --- the automaton --------------------------------------------------------------------------------------------------------------------- */

/* Multiples of a decimal with k digits behind the point: the remainder of what is read so far, in units of the last digit. States: the
 * start, behind a minus, then remainders by the digits behind the point, -1 (before it) to k. */
static int multiples(const struct decimal *m, struct tl_language *ret_language)
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

static int from_side(const struct bound *bound, bool most, bool whole, struct tl_language *ret_language)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 1 << 16);
    write_side(&text, bound, most, whole);
    int r = text.status < 0 ? text.status : tl_language_pattern(text.data, text.len, ret_language);
    tl_buffer_done(&text);
    return r;
}

static int join(struct tl_language *language, struct tl_language *more)
{
    struct tl_language both = {.state = NULL};
    int r = tl_language_both(language, more, &both);
    tl_language_done(more);
    if (r >= 0) {
        tl_language_done(language);
        *language = both;
    }
    return r;
}

static int build(const struct bounds *b, bool whole, struct tl_language *language)
{
    static const char any_whole[] = "^-?(0|[1-9][0-9]{0,17})$", any[] = "^-?(0|[1-9][0-9]{0,17})" FRACTION "$";
    struct tl_language more = {.state = NULL};
    int r = tl_language_pattern(whole ? any_whole : any, whole ? sizeof any_whole - 1 : sizeof any - 1, language);
    if (r >= 0 && b->least.set && (r = from_side(&b->least, false, whole, &more)) >= 0)
        r = join(language, &more);
    if (r >= 0 && b->most.set && (r = from_side(&b->most, true, whole, &more)) >= 0)
        r = join(language, &more);
    if (r >= 0 && b->has_multiple && (r = multiples(&b->multiple, &more)) >= 0)
        r = join(language, &more);
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
