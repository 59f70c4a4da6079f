/* SPDX-License-Identifier: MIT */
/* Parsing of option tables: finds the row, takes the value, checks it against the row, writes the field.
 * Nothing is allocated; texts point into argv. */
#include "base/option.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"

struct parse {
    const struct tl_option *options;
    size_t n_options;
    void *fields;
    int argc, at;            /* the argument being looked at */
    char **argv;
};

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool is_word_of(const char *words, const char *text, size_t n_bytes)
{
    for (const char *word = words; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (strcspn(word, "|") == n_bytes && strncmp(word, text, n_bytes) == 0)
            return true;
    }
    return false;
}

static const char *kind_of(const struct tl_option *option)
{
    switch (option->type) {
    case TL_OPTION_U64:    return "a whole number";
    case TL_OPTION_I64:    return "a whole number";
    case TL_OPTION_F64:    return "a number";
    case TL_OPTION_BYTES:  return "a size such as 20G or 512M";
    case TL_OPTION_COUNT:  return "a number such as 500k or 20M";
    default:               return option->value_name;
    }
}

/* A text may be empty; a name of something may not: an unset variable of a script names nothing. */
static bool is_name(const struct tl_option *option)
{
    return (option->type == TL_OPTION_TEXT || option->type == TL_OPTION_FILE || option->type == TL_OPTION_LIST) &&
           strcmp(option->value_name, "TEXT") != 0;
}

static int fail_value(const struct tl_option *option, const char *text)
{
    if (option->min == 0 && option->max == 0)
        return tl_fail(TL_E_USAGE, "--%s: found \"%s\", expected %s", option->name, text, kind_of(option));
    return tl_fail(TL_E_USAGE, "--%s: found \"%s\", expected %s from %.10g to %.10g", option->name, text, kind_of(option),
                   option->min, option->max);
}

static bool in_range(const struct tl_option *option, double value)
{
    return (option->min == 0 && option->max == 0) || (value >= option->min && value <= option->max);
}

static int append_value(const struct tl_option *option, struct tl_option_list *list, const char *text)
{
    if (list->count == TL_OPTION_LIST_MAX)
        return tl_fail(TL_E_USAGE, "--%s: given more than %d times", option->name, TL_OPTION_LIST_MAX);
    list->items[list->count++] = text;
    return 0;
}

int tl_option_set(const struct tl_option *option, void *fields, const char *text)
{
    char *field = (char *)fields + option->field_offset;
    size_t n = strlen(text);
    bool good = true;
    if (!n && is_name(option))
        return tl_fail(TL_E_USAGE, "--%s: found an empty text, expected %s", option->name, option->value_name);
    switch (option->type) {
    case TL_OPTION_FLAG:
        *(bool *)(void *)field = strcmp(text, "off") != 0;
        break;
    case TL_OPTION_U64: case TL_OPTION_BYTES: {
        uint64_t value = 0;
        good = (option->type == TL_OPTION_U64 ? tl_parse_u64 : tl_parse_bytes)(text, n, &value) &&
               in_range(option, (double)value);
        if (good)
            *(uint64_t *)(void *)field = value;
        break;
    }
    case TL_OPTION_COUNT: {
        double value = 0;
        good = tl_parse_count(text, n, &value) && value < 0x1p63 && in_range(option, value);
        if (good)
            *(uint64_t *)(void *)field = (uint64_t)value;
        break;
    }
    case TL_OPTION_I64: {
        int64_t value = 0;
        good = tl_parse_i64(text, n, &value) && in_range(option, (double)value);
        if (good)
            *(int64_t *)(void *)field = value;
        break;
    }
    case TL_OPTION_F64: {
        double value = 0;
        good = tl_parse_f64(text, n, &value) && in_range(option, value);
        if (good)
            *(double *)(void *)field = value;
        break;
    }
    case TL_OPTION_CHOICE:
        good = is_word_of(option->value_name, text, n);
        /* fall through */
    case TL_OPTION_TEXT: case TL_OPTION_FILE:
        if (good)
            *(const char **)(void *)field = text;
        break;
    case TL_OPTION_LIST:
        return append_value(option, (void *)field, text);
    }
    return good ? 0 : fail_value(option, text);
}

int tl_options_default(const struct tl_option *options, size_t n_options, void *fields)
{
    for (size_t i = 0; i < n_options; i++) {
        int r = options[i].fallback ? tl_option_set(&options[i], fields, options[i].fallback) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

const struct tl_option *tl_option_find(const struct tl_option *options, size_t n_options, const char *name, size_t n_bytes)
{
    for (size_t i = 0; i < n_options; i++)
        if (strlen(options[i].name) == n_bytes && memcmp(options[i].name, name, n_bytes) == 0)
            return &options[i];
    return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

enum { NAME_BYTES = 32 };

/* Letters to insert, drop, change or swap (optimal string alignment); NAME_BYTES where a name is too long. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[NAME_BYTES + 1][NAME_BYTES + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > NAME_BYTES || m > NAME_BYTES)
        return NAME_BYTES;
    for (unsigned i = 0; i <= n; i++)
        for (unsigned j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            rows[i][j] = least(least(rows[i - 1][j], rows[i][j - 1]) + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[n][m];
}

enum { LEAST_HEAD = 3 };                 /* letters with which a name begins that is meant */

const char *tl_option_nearest(const char *name, const char *const *names, size_t n_names)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)least((unsigned)strlen(name) / 3, 2) + 1;
    for (size_t i = 0; i < n_names; i++) {
        unsigned d = distance(name, names[i]);
        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    size_t n = strlen(name);
    for (size_t i = 0; i < n_names && !nearest && n >= LEAST_HEAD; i++)
        nearest = strncmp(names[i], name, n) == 0 ? names[i] : NULL;
    return nearest;
}

int tl_option_unknown(const struct tl_option *options, size_t n_options, const char *name, size_t n_bytes)
{
    const char *names[256], *nearest = NULL;
    char typed[NAME_BYTES + 1];
    size_t n_names = n_options < 256 ? n_options : 256;
    for (size_t i = 0; i < n_names; i++)
        names[i] = options[i].name;
    if (n_bytes <= NAME_BYTES) {
        memcpy(typed, name, n_bytes);
        typed[n_bytes] = 0;
        nearest = tl_option_nearest(typed, names, n_names);
    }
    int shown = n_bytes < 200 ? (int)n_bytes : 200;
    if (nearest)
        return tl_fail(TL_E_USAGE, "unknown option --%.*s; is --%s meant?", shown, name, nearest);
    return tl_fail(TL_E_USAGE, "unknown option --%.*s", shown, name);
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

/* `attached` is a value in the same argument, or NULL: then the next argument is taken. */
static int parse_value(struct parse *parse, const struct tl_option *option, const char *attached)
{
    if (option->type == TL_OPTION_FLAG)
        return attached ? tl_fail(TL_E_USAGE, "--%s takes no value, found \"%s\"", option->name, attached)
                        : tl_option_set(option, parse->fields, "on");
    if (!attached && ++parse->at >= parse->argc)
        return tl_fail(TL_E_USAGE, "--%s: expected %s, found the end of the line", option->name, kind_of(option));
    return tl_option_set(option, parse->fields, attached ? attached : parse->argv[parse->at]);
}

static int parse_long(struct parse *parse, const char *name)
{
    size_t n = strcspn(name, "=");
    const struct tl_option *option = tl_option_find(parse->options, parse->n_options, name, n);
    if (!option)
        return tl_option_unknown(parse->options, parse->n_options, name, n);
    return parse_value(parse, option, name[n] ? name + n + 1 : NULL);
}

static int parse_brief(struct parse *parse, const char *letter)
{
    for (size_t i = 0; i < parse->n_options; i++)
        if (parse->options[i].brief == *letter)
            return parse_value(parse, &parse->options[i], letter[1] ? letter + 1 : NULL);
    return tl_fail(TL_E_USAGE, "unknown option -%.40s", letter);
}

int tl_options_parse(const struct tl_option *options, size_t n_options, int argc, char **argv, void *fields,
                     const char **ret_arguments, int *ret_n_arguments)
{
    struct parse parse = {options, n_options, fields, argc, 0, argv};
    bool ended = false;
    int n_arguments = 0, r = 0;
    for (; parse.at < argc && r >= 0; parse.at++) {
        char *text = argv[parse.at];
        if (ended || text[0] != '-' || text[1] == 0)
            ret_arguments[n_arguments++] = text;
        else if (strcmp(text, "--") == 0)
            ended = true;
        else
            r = text[1] == '-' ? parse_long(&parse, text + 2) : parse_brief(&parse, text + 1);
    }
    if (r >= 0)
        *ret_n_arguments = n_arguments;
    return r < 0 ? r : 0;
}
