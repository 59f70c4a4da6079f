/* SPDX-License-Identifier: MIT */
/* "%s" % x and "{}".format(x): strings, integers and floats with fill, width, sign, precision and grouping. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

enum { MAX_WIDTH = 1000, MAX_PRECISION = 100 };

/* [[fill]align][sign][#][0][width][,][.precision][type] of str.format; % flags are brought to the same form. */
struct spec {
    uint32_t fill;
    char align, sign, type, group;       /* 0: none */
    bool alternate;
    int width, precision;                /* precision -1: none */
};

static int fail_spec(struct tl_jinja *j, const struct tl_jinja_value *v, const struct spec *spec)
{
    return tl_jinja_fail(j, TL_E_USAGE, "a %s cannot be formatted as '%c'", tl_jinja_kind_name(v), spec->type ? spec->type : ' ');
}

static int pad(struct tl_jinja *j, const struct spec *spec, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r >= 0; i++)
        r = tl_jinja_output_code(j, spec->fill, false);
    return r;
}

/* `prefix` (sign, 0x) and body, padded to the width; '=' pads between them. */
static int write_padded(struct tl_jinja *j, const struct spec *spec, char align, const char *prefix, const struct tl_jinja_text *body)
{
    size_t chars = tl_jinja_text_chars(body) + strlen(prefix), width = (size_t)spec->width;
    size_t room = width > chars ? width - chars : 0, left = align == '>' ? room : align == '^' ? room / 2 : 0;
    size_t middle = align == '=' ? room : 0;
    int r = pad(j, spec, left);
    if (r < 0 || (r = tl_jinja_output_bytes(j, prefix, strlen(prefix), body->user)) < 0 || (r = pad(j, spec, middle)) < 0 ||
        (r = tl_jinja_output_text(j, body, 0, body->n)) < 0)
        return r;
    return pad(j, spec, room - left - middle);
}

/* Digits with a comma or underscore between groups of three before the point. */
static void group_digits(const char *digits, char comma, char *to)
{
    size_t whole = strspn(digits, "0123456789"), n = 0;
    for (size_t i = 0; i < whole; i++) {
        if (i && (whole - i) % 3 == 0 && comma)
            to[n++] = comma;
        to[n++] = digits[i];
    }
    strcpy(to + n, digits + whole);
}

static int write_number(struct tl_jinja *j, const struct spec *spec, bool negative, const char *digits, bool user)
{
    char text[1200], prefix[4] = {0};
    size_t n = 0;
    if (negative || spec->sign == '+' || spec->sign == ' ')
        prefix[n++] = negative ? '-' : spec->sign;
    if (spec->alternate && strchr("xXob", spec->type) && spec->type) {
        prefix[n++] = '0';
        prefix[n++] = spec->type;
    }
    group_digits(digits, spec->group, text);
    struct tl_jinja_text body = {.bytes = text, .n = strlen(text), .chars = SIZE_MAX, .user = user};
    return write_padded(j, spec, spec->align ? spec->align : '>', prefix, &body);
}

static int format_int(struct tl_jinja *j, const struct spec *spec, int64_t value, bool user)
{
    char digits[72];
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    size_t n = sizeof digits - 1;
    unsigned base = (spec->type | 32) == 'x' ? 16 : spec->type == 'o' ? 8 : spec->type == 'b' ? 2 : 10;
    digits[n] = 0;
    do {
        digits[--n] = (spec->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[size % base];
        size /= base;
    } while (size);
    return write_number(j, spec, value < 0, digits + n, user);
}

static int format_float(struct tl_jinja *j, const struct spec *spec, double value, bool user)
{
    char digits[900], format[] = {'%', '.', '*', spec->type ? spec->type : 'g', 0};
    int precision = spec->precision < 0 ? 6 : spec->precision;
    bool percent = spec->type == '%';
    if (percent)
        format[3] = 'f';
    double size = fabs(percent ? value * 100 : value);
    if (!spec->type && spec->precision < 0)
        tl_jinja_number_repr(size, digits);
    else
        snprintf(digits, sizeof digits, format, precision, size);
    for (char *c = digits; *c; c++)
        if (*c == ',')                               /* another locale's point */
            *c = '.';
    if (percent)
        strcat(digits, "%");
    return write_number(j, spec, signbit(value) && !isnan(value), digits, user);
}

static int format_text(struct tl_jinja *j, const struct spec *spec, const struct tl_jinja_text *text)
{
    struct tl_jinja_text cut = *text;
    if (spec->precision >= 0 && (size_t)spec->precision < tl_jinja_text_chars(text)) {
        cut.n = tl_jinja_text_offset(text, (size_t)spec->precision);
        cut.chars = SIZE_MAX;
    }
    return write_padded(j, spec, spec->align && spec->align != '=' ? spec->align : '<', "", &cut);
}

static int format_value(struct tl_jinja *j, const struct spec *spec, const struct tl_jinja_value *v)
{
    int64_t i;
    double number;
    bool real_type = spec->type && strchr("eEfFgG%", spec->type);
    if (v->kind == TL_JINJA_STRING)
        return spec->type && spec->type != 's' ? fail_spec(j, v, spec) : format_text(j, spec, v->text);
    if (tl_jinja_as_int(v, &i) && (!spec->type || strchr("dxXobn", spec->type)))
        return format_int(j, spec, i, v->user);
    if (tl_jinja_value_number(v, &number) && (v->kind == TL_JINJA_FLOAT ? !spec->type || real_type : real_type))
        return format_float(j, spec, number, v->user);
    return fail_spec(j, v, spec);
}

/* --- % --------------------------------------------------------------------------------------------------------------- */

struct percent { struct tl_jinja *j; const struct tl_jinja_value *values; size_t used; };

/* The next value; `*` widths are not known. */
static int take_value(struct percent *p, const struct tl_jinja_text *format, size_t *at, struct tl_jinja_value *ret)
{
    bool many = p->values->kind == TL_JINJA_TUPLE;
    if (*at < format->n && format->bytes[*at] == '(') {
        const char *start = format->bytes + *at + 1, *close = memchr(start, ')', format->n - *at - 1);
        struct tl_jinja_value key;
        if (!close || p->values->kind != TL_JINJA_DICT)
            return tl_jinja_fail(p->j, TL_E_USAGE, "a format with names needs a mapping");
        int r = tl_jinja_text_slice(p->j, format, *at + 1, (size_t)(close - start), &key);
        const struct tl_jinja_value *found;
        if (r < 0 || (r = tl_jinja_dict_find(p->j, p->values->dict, &key, &found)) < 0)
            return r;
        if (!r)
            return tl_jinja_fail(p->j, TL_E_USAGE, "the mapping lacks a name of the format");
        *at += (size_t)(close - start) + 2;
        *ret = *found;
        p->used = SIZE_MAX;
        return 1;
    }
    if (p->used == SIZE_MAX || p->used >= (many ? p->values->list->n : 1))
        return 0;
    *ret = many ? p->values->list->item[p->used] : *p->values;
    p->used++;
    return 1;
}

static int read_int(const struct tl_jinja_text *text, size_t *at, int max)
{
    int value = 0;
    for (; *at < text->n && text->bytes[*at] >= '0' && text->bytes[*at] <= '9'; ++*at)
        value = value * 10 + (text->bytes[*at] - '0') > max ? max : value * 10 + (text->bytes[*at] - '0');
    return value;
}

static void read_percent_spec(const struct tl_jinja_text *format, size_t *at, struct spec *spec)
{
    *spec = (struct spec){.fill = ' ', .align = '>', .precision = -1};
    for (; *at < format->n && strchr("-+ #0", format->bytes[*at]) && format->bytes[*at]; ++*at) {
        char flag = format->bytes[*at];
        if (flag == '-')
            spec->align = '<';
        else if (flag == '0' && spec->align != '<')
            spec->align = '=', spec->fill = '0';
        else if (flag == '#')
            spec->alternate = true;
        else if (flag == '+' || (flag == ' ' && !spec->sign))
            spec->sign = flag;
    }
    if (spec->align == '<')
        spec->fill = ' ';
    spec->width = read_int(format, at, MAX_WIDTH);
    if (*at < format->n && format->bytes[*at] == '.') {
        ++*at;
        spec->precision = read_int(format, at, MAX_PRECISION);
    }
}

static int format_percent_value(struct tl_jinja *j, struct spec *spec, struct tl_jinja_value *v)
{
    size_t mark = j->output.n;
    double number;
    int r = 0;
    if (spec->type == 's' || spec->type == 'r') {
        if (spec->type == 'r' ? (r = tl_jinja_print_repr(j, v)) < 0 || (r = tl_jinja_output_take(j, mark, false, v)) < 0
                              : (r = tl_jinja_print_text(j, v, v)) < 0)
            return r;
        spec->type = 's';
        spec->align = spec->align == '=' ? '>' : spec->align;
        spec->fill = ' ';
        return format_text(j, spec, v->text);
    }
    if (strchr("diu", spec->type) && tl_jinja_value_number(v, &number) && v->kind == TL_JINJA_FLOAT && fabs(number) < 0x1p63)
        *v = tl_jinja_int((int64_t)number);
    spec->type = spec->type == 'i' || spec->type == 'u' ? 'd' : spec->type;
    if (!strchr("dxXoeEfFgG", spec->type))
        return tl_jinja_fail(j, TL_E_USAGE, "'%%%c' is no format", spec->type);
    return format_value(j, spec, v);
}

/* Behind a '%': one value. */
static int format_percent_one(struct percent *p, const struct tl_jinja_text *format, size_t *at)
{
    struct tl_jinja_value value = {0};
    struct spec spec;
    int found = 0;
    if (*at < format->n && format->bytes[*at] == '(' && (found = take_value(p, format, at, &value)) < 0)
        return found;
    read_percent_spec(format, at, &spec);
    if (*at == format->n)
        return tl_jinja_fail(p->j, TL_E_USAGE, "the format ends behind a '%%'");
    spec.type = format->bytes[(*at)++];
    if (spec.type == '%')
        return tl_jinja_output_bytes(p->j, "%", 1, tl_jinja_text_user(format, *at - 1));
    if (!found && (found = take_value(p, format, &(size_t){format->n}, &value)) <= 0)
        return found < 0 ? found : tl_jinja_fail(p->j, TL_E_USAGE, "the format has more places than values");
    if (format->markup) {
        int r = spec.type == 's' ? tl_jinja_print_escape(p->j, &value, &value) : 0;
        if (r < 0)
            return r;
    }
    return format_percent_value(p->j, &spec, &value);
}

int tl_jinja_format_percent(struct tl_jinja *j, const struct tl_jinja_text *format, const struct tl_jinja_value *values, struct tl_jinja_value *ret)
{
    struct percent p = {j, values, 0};
    size_t mark = j->output.n, at = 0;
    int r = 0;
    while (at < format->n && r >= 0) {
        const char *start = format->bytes + at, *percent = memchr(start, '%', format->n - at);
        size_t n = percent ? (size_t)(percent - start) : format->n - at;
        r = tl_jinja_output_text(j, format, at, n);
        at += n + (percent != NULL);
        if (percent && r >= 0 && (r = tl_jinja_step(j, 1)) >= 0)
            r = format_percent_one(&p, format, &at);
    }
    if (r < 0)
        return r;
    bool mapping = values->kind == TL_JINJA_DICT || values->kind == TL_JINJA_LIST || values->kind == TL_JINJA_UNDEFINED;
    if (p.used != SIZE_MAX && p.used < (values->kind == TL_JINJA_TUPLE ? values->list->n : 1) && !mapping)
        return tl_jinja_fail(j, TL_E_USAGE, "the format has fewer places than values");
    return tl_jinja_output_take(j, mark, format->markup, ret);
}

/* --- {} -------------------------------------------------------------------------------------------------------------- */

struct braces { struct tl_jinja *j; const struct tl_jinja_args *args; size_t next; bool numbered, counted; };

/* What the first part of a field names: nothing (the next one), a number, or a named argument. */
static int find_argument(struct braces *b, const char *name, size_t n, struct tl_jinja_value *ret)
{
    size_t index = 0;
    bool number = true;
    for (size_t i = 0; i < n; i++) {
        number = number && name[i] >= '0' && name[i] <= '9' && i < 9;
        index = number ? index * 10 + (size_t)(name[i] - '0') : 0;
    }
    if (number) {
        if (n ? b->counted : b->numbered)
            return tl_jinja_fail(b->j, TL_E_USAGE, "a format has either numbers in all braces or in none");
        b->numbered |= n > 0;
        b->counted |= n == 0;
        index = n ? index : b->next++;
        if (index >= b->args->n_pos)
            return tl_jinja_fail(b->j, TL_E_USAGE, "the format has more places than values");
        *ret = b->args->pos[index];
        return 0;
    }
    for (size_t i = 0; i < b->args->n_named; i++)
        if (b->args->name[i]->n == n && memcmp(b->args->name[i]->bytes, name, n) == 0) {
            *ret = b->args->named[i];
            return 0;
        }
    return tl_jinja_fail(b->j, TL_E_USAGE, "the format asks for '%.*s', which is not given", (int)n, name);
}

/* name.attribute[item]... */
static int find_field(struct braces *b, const struct tl_jinja_text *format, size_t at, size_t end, struct tl_jinja_value *ret)
{
    size_t stop = at;
    while (stop < end && format->bytes[stop] != '.' && format->bytes[stop] != '[')
        stop++;
    int r = find_argument(b, format->bytes + at, stop - at, ret);
    while (r >= 0 && stop < end) {
        bool item = format->bytes[stop] == '[';
        struct tl_jinja_value key;
        int64_t index = 0;
        bool number = true;
        at = ++stop;
        while (stop < end && (item ? format->bytes[stop] != ']' : format->bytes[stop] != '.' && format->bytes[stop] != '[')) {
            number = number && format->bytes[stop] >= '0' && format->bytes[stop] <= '9' && stop - at < 9;
            index = number ? index * 10 + (format->bytes[stop] - '0') : 0;
            stop++;
        }
        if ((r = tl_jinja_text_slice(b->j, format, at, stop - at, &key)) < 0)
            return r;
        if (item && number && stop > at)
            key = tl_jinja_int(index);
        struct tl_jinja_value from = *ret;
        r = item ? tl_jinja_attribute_item(b->j, &from, &key, ret) : tl_jinja_attribute_get(b->j, &from, key.text, ret);
        stop += item && stop < end;
    }
    return r;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static int read_braces_spec(struct tl_jinja *j, const struct tl_jinja_text *format, size_t at, size_t end, struct spec *spec)
{
    struct tl_jinja_text text = {.bytes = format->bytes, .n = end};
    uint32_t code;
    *spec = (struct spec){.fill = ' ', .precision = -1};
    int n = at < end ? tl_utf8_decode(format->bytes + at, end - at, &code) : 0;
    if (n > 0 && at + (size_t)n < end && is_align(format->bytes[at + (size_t)n])) {
        spec->fill = code;
        spec->align = format->bytes[at + (size_t)n];
        at += (size_t)n + 1;
    } else if (n > 0 && is_align(format->bytes[at])) {
        spec->align = format->bytes[at++];
    }
    if (at < end && strchr("+- ", format->bytes[at]) && format->bytes[at])
        spec->sign = format->bytes[at++];
    if (at < end && format->bytes[at] == '#')
        spec->alternate = ++at;
    if (at < end && format->bytes[at] == '0') {
        if (!spec->align)
            spec->align = '=', spec->fill = '0';
        at++;
    }
    spec->width = read_int(&text, &at, MAX_WIDTH);
    if (at < end && (format->bytes[at] == ',' || format->bytes[at] == '_'))
        spec->group = format->bytes[at++];
    if (at < end && format->bytes[at] == '.') {
        at++;
        spec->precision = read_int(&text, &at, MAX_PRECISION);
    }
    if (at < end)
        spec->type = format->bytes[at++];
    return at == end ? 0 : tl_jinja_fail(j, TL_E_USAGE, "a format in braces is not understood");
}

/* [at, end) is what stands between braces. */
static int format_field(struct braces *b, const struct tl_jinja_text *format, size_t at, size_t end)
{
    struct tl_jinja_value value;
    struct spec spec;
    const char *start = format->bytes + at, *colon = memchr(start, ':', end - at);
    size_t name_end = colon ? at + (size_t)(colon - start) : end, mark = b->j->output.n;
    char convert = 0;
    if (name_end - at >= 2 && format->bytes[name_end - 2] == '!') {
        convert = format->bytes[name_end - 1];
        name_end -= 2;
    }
    int r = find_field(b, format, at, name_end, &value);
    if (r >= 0 && convert == 's')
        r = tl_jinja_print_text(b->j, &value, &value);
    else if (r >= 0 && convert && (r = tl_jinja_print_repr(b->j, &value)) >= 0)
        r = tl_jinja_output_take(b->j, mark, false, &value);
    if (r >= 0 && format->markup && !(colon && colon + 1 < format->bytes + end))
        r = tl_jinja_print_escape(b->j, &value, &value);
    if (r < 0)
        return r;
    if (!colon || colon + 1 == format->bytes + end)
        return tl_jinja_print_str(b->j, &value);
    r = read_braces_spec(b->j, format, (size_t)(colon + 1 - format->bytes), end, &spec);
    return r < 0 ? r : format_value(b->j, &spec, &value);
}

int tl_jinja_format_braces(struct tl_jinja *j, const struct tl_jinja_text *format, const struct tl_jinja_args *args, struct tl_jinja_value *ret)
{
    struct braces b = {.j = j, .args = args};
    size_t mark = j->output.n;
    int r = 0;
    for (size_t at = 0; at < format->n && r >= 0;) {
        size_t n = 0;
        while (at + n < format->n && format->bytes[at + n] != '{' && format->bytes[at + n] != '}')
            n++;
        if ((r = tl_jinja_output_text(j, format, at, n)) < 0 || (r = tl_jinja_step(j, 1)) < 0)
            return r;
        at += n;
        if (at == format->n)
            break;
        if (at + 1 < format->n && format->bytes[at + 1] == format->bytes[at]) {
            r = tl_jinja_output_text(j, format, at, 1);
            at += 2;
            continue;
        }
        const char *close = memchr(format->bytes + at, '}', format->n - at);
        size_t end = close ? (size_t)(close - format->bytes) : 0;
        if (!close || format->bytes[at] == '}' || memchr(format->bytes + at + 1, '{', end - at - 1))
            return tl_jinja_fail(j, TL_E_USAGE, "a format has a brace without its partner, or nested ones");
        r = format_field(&b, format, at + 1, end);
        at = end + 1;
    }
    return r < 0 ? r : tl_jinja_output_take(j, mark, format->markup, ret);
}
