/* SPDX-License-Identifier: MIT */
/* Calls of values, and macros: how arguments come to their parameters and the output becomes a string. */
#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

int tl_jinja_call_new_macro(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_macro *macro;
    int r = tl_jinja_take(j, 1, sizeof *macro, &macro);
    if (r < 0)
        return r;
    *macro = (struct tl_jinja_macro){stmt, scope};
    tl_jinja_scope_keep(scope);
    *ret = (struct tl_jinja_value){.kind = TL_JINJA_MACRO, .macro = macro};
    return 0;
}

/* The named argument called `name` that is not `used` yet, as a number, or SIZE_MAX. */
static size_t find_named(const struct tl_jinja_args *args, const struct tl_jinja_text *name, uint64_t used)
{
    for (size_t i = 0; i < args->n_named; i++)
        if (!(used >> i & 1) && tl_jinja_text_same(args->name[i], name))
            return i;
    return SIZE_MAX;
}

/* kwargs: named arguments that no parameter took. */
static int collect_named(struct tl_jinja *j, const struct tl_jinja_args *args, uint64_t used, struct tl_jinja_value *ret)
{
    int r = tl_jinja_dict_new(j, TL_JINJA_DICT, args->n_named, ret);
    for (size_t i = 0; i < args->n_named && r >= 0; i++)
        if (!(used >> i & 1)) {
            struct tl_jinja_value key = tl_jinja_string(args->name[i]);
            r = tl_jinja_dict_put(j, ret->dict, &key, &args->named[i]);
        }
    return r;
}

static int collect_rest(struct tl_jinja *j, const struct tl_jinja_args *args, size_t from, struct tl_jinja_value *ret)
{
    int r = tl_jinja_list_new(j, TL_JINJA_TUPLE, args->n_pos, ret);
    for (size_t i = from; i < args->n_pos && r >= 0; i++)
        r = tl_jinja_list_push(j, ret, &args->pos[i]);
    return r;
}

/* caller, kwargs and varargs, where the body uses them; what is left over elsewhere is an error. */
static int bind_special(struct tl_jinja *j, const struct tl_jinja_signature *s, const struct tl_jinja_args *args, uint64_t used,
                        struct tl_jinja_scope *scope)
{
    const struct tl_template *t = j->template;
    struct tl_jinja_value value = tl_jinja_undefined(t->name[t->caller], TL_JINJA_MISSING);
    size_t at = s->uses & TL_JINJA_USES_CALLER ? find_named(args, t->name[t->caller], used) : SIZE_MAX;
    int r = 0;
    if (at != SIZE_MAX) {
        value = args->named[at];
        used |= UINT64_C(1) << at;
    }
    if (s->uses & TL_JINJA_USES_CALLER && (r = tl_jinja_scope_set(j, scope, t->caller, &value)) < 0)
        return r;
    for (at = 0; at < args->n_named && used >> at & 1;)
        at++;
    if (s->uses & TL_JINJA_USES_KWARGS) {
        if ((r = collect_named(j, args, used, &value)) < 0 || (r = tl_jinja_scope_set(j, scope, t->kwargs, &value)) < 0)
            return r;
    } else if (at < args->n_named) {
        return tl_jinja_fail(j, TL_E_USAGE, "the macro takes no argument '%.*s'", args->name[at]->n < 60 ? (int)args->name[at]->n : 60,
                             args->name[at]->bytes);
    }
    if (s->uses & TL_JINJA_USES_VARARGS) {
        if ((r = collect_rest(j, args, args->n_pos < s->n ? args->n_pos : s->n, &value)) < 0)
            return r;
        return tl_jinja_scope_set(j, scope, t->varargs, &value);
    }
    return args->n_pos > s->n ? tl_jinja_fail(j, TL_E_USAGE, "the macro takes at most %u arguments, found %zu", s->n, args->n_pos) : 0;
}

/* Parameters that were not given: their defaults, which may use parameters before them. */
static int bind_defaults(struct tl_jinja *j, const struct tl_jinja_signature *s, struct tl_jinja_scope *scope)
{
    int r = 0;
    for (uint32_t i = 0; i < s->n && r >= 0; i++) {
        uint32_t from = s->n - s->n_defaults;
        struct tl_jinja_value value = tl_jinja_undefined(j->template->name[s->param[i]], TL_JINJA_MISSING);
        if (scope->variable[i].value.kind != TL_JINJA_MISSING)
            continue;
        if (i >= from)
            r = tl_jinja_evaluate(j, s->fallback[i - from], scope, &value);
        scope->variable[i].value = value;
    }
    return r;
}

static int bind(struct tl_jinja *j, const struct tl_jinja_signature *s, const struct tl_jinja_args *args, struct tl_jinja_scope *scope)
{
    uint64_t used = 0;
    int r = 0;
    if (args->n_named > 64)
        return tl_jinja_fail(j, TL_E_USAGE, "a call has more than 64 named arguments");
    for (uint32_t i = 0; i < s->n && r >= 0; i++) {
        struct tl_jinja_value value = {.kind = TL_JINJA_MISSING};
        size_t at = i < args->n_pos ? SIZE_MAX : find_named(args, j->template->name[s->param[i]], used);
        if (i < args->n_pos)
            value = args->pos[i];
        else if (at != SIZE_MAX) {
            value = args->named[at];
            used |= UINT64_C(1) << at;
        }
        r = tl_jinja_scope_set(j, scope, s->param[i], &value);
    }
    if (r < 0 || (r = bind_special(j, s, args, used, scope)) < 0)
        return r;
    return scope->n >= s->n ? bind_defaults(j, s, scope) : tl_jinja_fail(j, TL_E_FILE, "a macro has two parameters of one name");
}

static int call_macro(struct tl_jinja *j, const struct tl_jinja_macro *macro, const struct tl_jinja_args *args, struct tl_jinja_value *ret)
{
    struct tl_jinja_scope *scope;
    size_t mark = j->output.n;
    int r = tl_jinja_enter(j);
    if (r < 0 || (r = tl_jinja_scope_open(j, macro->scope, &scope)) < 0 ||
        (r = bind(j, macro->stmt->signature, args, scope)) < 0 || (r = tl_jinja_execute(j, macro->stmt->body, scope)) < 0)
        return r;
    tl_jinja_scope_close(j, scope);
    j->depth--;
    return tl_jinja_output_take(j, mark, false, ret);
}

int tl_jinja_call_value(struct tl_jinja *j, const struct tl_jinja_value *callee, const struct tl_jinja_args *args, struct tl_jinja_value *ret)
{
    static const struct tl_jinja_value missing = {.kind = TL_JINJA_MISSING};
    switch (callee->kind) {
    case TL_JINJA_MACRO: return call_macro(j, callee->macro, args, ret);
    case TL_JINJA_BUILTIN: return tl_jinja_builtin_call(j, callee->builtin, &missing, args, ret);
    case TL_JINJA_METHOD: return tl_jinja_builtin_call(j, callee->method->builtin, &callee->method->self, args, ret);
    case TL_JINJA_LOOP: return tl_jinja_loop_call(j, callee->loop, args, ret);
    case TL_JINJA_UNDEFINED: return tl_jinja_fail_undefined(j, callee);
    default: return tl_jinja_fail(j, TL_E_USAGE, "a %s cannot be called", tl_jinja_kind_name(callee));
    }
}
