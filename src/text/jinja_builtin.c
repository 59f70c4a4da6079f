/* SPDX-License-Identifier: MIT */
/* The tables of builtins, and how arguments come to their functions. */
#include "text/jinja_builtin.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

static const struct tl_jinja_builtin filters[] = {
#define FILTER(name, params, n_required, function) {#name, params, n_required, function},
#include "text/jinja_filters.def"
#undef FILTER
};

static const struct tl_jinja_builtin tests[] = {
#define TEST(name, params, n_required, function) {name, params, n_required, function},
#include "text/jinja_tests.def"
#undef TEST
};

static const struct tl_jinja_builtin globals[] = {
#define GLOBAL(name, params, n_required, function) {#name, params, n_required, function},
#include "text/jinja_globals.def"
#undef GLOBAL
};

static const struct { uint8_t kind, n; struct tl_jinja_builtin builtin; } methods[] = {
#define METHOD(kind, name, params, n_required, function) {TL_JINJA_##kind, sizeof #name - 1, {#name, params, n_required, function}},
#include "text/jinja_methods.def"
#undef METHOD
};

static const struct tl_jinja_builtin *find(const struct tl_jinja_builtin *table, size_t n, const struct tl_jinja_text *name)
{
    for (size_t i = 0; i < n; i++)
        if (tl_jinja_text_is(name, table[i].name))
            return &table[i];
    return NULL;
}

const struct tl_jinja_builtin *tl_jinja_builtin_filter(const struct tl_jinja_text *name)
{
    return find(filters, TL_COUNT(filters), name);
}

const struct tl_jinja_builtin *tl_jinja_builtin_test(const struct tl_jinja_text *name)
{
    return find(tests, TL_COUNT(tests), name);
}

const struct tl_jinja_builtin *tl_jinja_builtin_global(size_t number)
{
    return number < TL_COUNT(globals) ? &globals[number] : NULL;
}

const struct tl_jinja_builtin *tl_jinja_builtin_method(const struct tl_jinja_value *self, const struct tl_jinja_text *name)
{
    for (size_t i = 0; i < TL_COUNT(methods); i++)
        if (methods[i].kind == self->kind && methods[i].n == name->n && memcmp(methods[i].builtin.name, name->bytes, name->n) == 0)
            return &methods[i].builtin;
    return NULL;
}

bool tl_jinja_builtin_flag(const struct tl_jinja_value *arg, bool otherwise)
{
    return tl_jinja_is_missing(arg) ? otherwise : tl_jinja_value_truth(arg);
}

int tl_jinja_builtin_int(struct tl_jinja *j, const struct tl_jinja_value *arg, int64_t otherwise, int64_t *ret)
{
    *ret = otherwise;
    if (!tl_jinja_builtin_given(arg) || tl_jinja_as_int(arg, ret))
        return 0;
    if (arg->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, arg);
    return tl_jinja_fail(j, TL_E_USAGE, "expected an integer as argument, found a %s", tl_jinja_kind_name(arg));
}

int tl_jinja_builtin_text(struct tl_jinja *j, const struct tl_jinja_value *arg, const struct tl_jinja_text **ret)
{
    if (tl_jinja_is_string(arg)) {
        *ret = arg->text;
        return 0;
    }
    if (arg->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, arg);
    return tl_jinja_fail(j, TL_E_USAGE, "expected a string as argument, found a %s", tl_jinja_kind_name(arg));
}

/* --- binding --------------------------------------------------------------------------------------------------------- */

enum { MAX_PARAMS = 8 };

/* The number of the parameter called `name`, or -1. */
static int find_param(const char *params, const struct tl_jinja_text *name)
{
    for (int i = 0; *params; i++) {
        size_t n = strcspn(params, " ");
        if (n == name->n && memcmp(params, name->bytes, n) == 0)
            return i;
        params += n + (params[n] == ' ');
    }
    return -1;
}

static size_t count_params(const char *params)
{
    size_t n = *params != 0;
    for (; *params; params++)
        n += *params == ' ';
    return n;
}

static int bind(struct tl_jinja *j, const struct tl_jinja_builtin *b, const char *params, const struct tl_jinja_args *args,
                struct tl_jinja_value *arg)
{
    size_t n = count_params(params);
    if (args->n_pos > n)
        return tl_jinja_fail(j, TL_E_USAGE, "'%s' takes at most %zu arguments, found %zu", b->name, n, args->n_pos);
    for (size_t i = 0; i < args->n_pos; i++)
        arg[i] = args->pos[i];
    for (size_t i = 0; i < args->n_named; i++) {
        const struct tl_jinja_text *name = args->name[i];
        int at = params == b->params ? find_param(params, name) : -1;
        if (at < 0 || !tl_jinja_is_missing(&arg[at]))
            return tl_jinja_fail(j, TL_E_USAGE, "'%s' takes no%s argument '%.*s'", b->name, at < 0 ? "" : " second",
                                 name->n < 60 ? (int)name->n : 60, name->bytes);
        arg[at] = args->named[i];
    }
    for (size_t i = 0; i < b->n_required; i++)
        if (tl_jinja_is_missing(&arg[i]))
            return tl_jinja_fail(j, TL_E_USAGE, "'%s' needs at least %u arguments", b->name, b->n_required);
    return 0;
}

int tl_jinja_builtin_call(struct tl_jinja *j, const struct tl_jinja_builtin *b, const struct tl_jinja_value *self,
                          const struct tl_jinja_args *args, struct tl_jinja_value *ret)
{
    struct tl_jinja_value arg[MAX_PARAMS] = {0}, result;
    const char *params = b->params[0] == '/' ? b->params + 2 : b->params;
    int r = tl_jinja_enter(j);
    if (r < 0 || (b->params[0] != '*' && (r = bind(j, b, params, args, arg)) < 0) || (r = b->function(j, self, arg, args, &result)) < 0)
        return r;
    j->depth--;
    *ret = result;
    return 0;
}
