/* SPDX-License-Identifier: MIT */
/* Expressions. */
#include <string.h>

#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_text.h"

/* --- arguments -------------------------------------------------------------------------------------------------------- */

enum { FEW = 6 };

/* Arguments of one call; few of them need no memory of the rendering. */
struct arguments {
    struct tl_jinja_args args;
    struct tl_jinja_value few[FEW];
};

static int evaluate_all(struct tl_jinja *j, struct tl_jinja_expr *const *expr, uint32_t n, struct tl_jinja_scope *scope, struct tl_jinja_value *to)
{
    int r = 0;
    for (uint32_t i = 0; i < n && r >= 0; i++)
        r = tl_jinja_evaluate(j, expr[i], scope, &to[i]);
    return r;
}

static int add_dict(struct tl_jinja *j, const struct tl_jinja_value *dict, struct tl_jinja_value *named, const struct tl_jinja_text **name)
{
    for (size_t i = 0; i < dict->dict->n; i++) {
        const struct tl_jinja_pair *pair = &dict->dict->pair[i];
        if (!tl_jinja_is_string(&pair->key))
            return tl_jinja_fail(j, TL_E_USAGE, "'**' needs strings as keys, found a %s", tl_jinja_kind_name(&pair->key));
        named[i] = pair->value;
        name[i] = pair->key.text;
    }
    return 0;
}

/* With *list, **dict or a caller: everything is put together in the rendering's memory. */
static int gather(struct tl_jinja *j, const struct tl_jinja_call *call, struct tl_jinja_scope *scope, const struct tl_jinja_value *caller,
                  struct tl_jinja_args *ret)
{
    struct tl_jinja_value list = {0}, dict = {0}, *pos, *named;
    const struct tl_jinja_text **name;
    int r = 0;
    if (call->list && ((r = tl_jinja_evaluate(j, call->list, scope, &list)) < 0 || (r = tl_jinja_stream_list(j, &list, TL_JINJA_LIST, &list)) < 0))
        return r;
    if (call->dict && ((r = tl_jinja_evaluate(j, call->dict, scope, &dict)) < 0 || dict.kind != TL_JINJA_DICT))
        return r < 0 ? r : tl_jinja_fail(j, TL_E_USAGE, "'**' needs a mapping, found a %s", tl_jinja_kind_name(&dict));
    size_t n_list = call->list ? list.list->n : 0, n_dict = call->dict ? dict.dict->n : 0, n_named = call->n_named + n_dict + (caller != NULL);
    if ((r = tl_jinja_take(j, call->n_pos + n_list, sizeof *pos, &pos)) < 0 || (r = tl_jinja_take(j, n_named, sizeof *named, &named)) < 0 ||
        (r = tl_jinja_take(j, n_named, sizeof *name, &name)) < 0 || (r = evaluate_all(j, call->pos, call->n_pos, scope, pos)) < 0 ||
        (r = evaluate_all(j, call->named, call->n_named, scope, named)) < 0)
        return r;
    if (n_list)
        memcpy(pos + call->n_pos, list.list->item, n_list * sizeof *pos);
    for (uint32_t i = 0; i < call->n_named; i++)
        name[i] = call->name[i];
    if (n_dict && (r = add_dict(j, &dict, named + call->n_named, name + call->n_named)) < 0)
        return r;
    if (caller) {
        named[n_named - 1] = *caller;
        name[n_named - 1] = j->template->name[j->template->caller];
    }
    *ret = (struct tl_jinja_args){pos, call->n_pos + n_list, name, named, n_named};
    return 0;
}

static int evaluate_arguments(struct tl_jinja *j, const struct tl_jinja_call *call, struct tl_jinja_scope *scope,
                              const struct tl_jinja_value *caller, struct arguments *ret)
{
    if (call->list || call->dict || caller || call->n_pos + call->n_named > FEW)
        return gather(j, call, scope, caller, &ret->args);
    int r = evaluate_all(j, call->pos, call->n_pos, scope, ret->few);
    ret->args = (struct tl_jinja_args){ret->few, call->n_pos, call->name, ret->few + call->n_pos, call->n_named};
    return r < 0 ? r : evaluate_all(j, call->named, call->n_named, scope, ret->few + call->n_pos);
}

/* --- suffixes --------------------------------------------------------------------------------------------------------- */

static int apply_builtin(struct tl_jinja *j, const struct tl_jinja_suffix *suffix, struct tl_jinja_scope *scope, struct tl_jinja_value *value)
{
    struct arguments arguments;
    bool test = suffix->kind == TL_JINJA_S_TEST;
    if (!suffix->builtin)
        return tl_jinja_fail(j, TL_E_FILE, "there is no %s named '%.*s'", test ? "test" : "filter",
                             suffix->name->n < 60 ? (int)suffix->name->n : 60, suffix->name->bytes);
    int r = evaluate_arguments(j, &suffix->call, scope, NULL, &arguments);
    if (r < 0)
        return r;
    j->line = suffix->line;
    r = tl_jinja_builtin_call(j, suffix->builtin, value, &arguments.args, value);
    if (r >= 0 && suffix->negate)
        *value = tl_jinja_bool(!tl_jinja_value_truth(value));
    return r;
}

static int apply_call(struct tl_jinja *j, const struct tl_jinja_suffix *suffix, struct tl_jinja_scope *scope,
                      const struct tl_jinja_value *caller, struct tl_jinja_value *value)
{
    struct arguments arguments;
    struct tl_jinja_value callee = *value;
    int r = evaluate_arguments(j, &suffix->call, scope, caller, &arguments);
    if (r < 0)
        return r;
    j->line = suffix->line;
    return tl_jinja_call_value(j, &callee, &arguments.args, value);
}

static int apply_slice(struct tl_jinja *j, const struct tl_jinja_suffix *suffix, struct tl_jinja_scope *scope, struct tl_jinja_value *value)
{
    struct tl_jinja_value part[3] = {{0}}, whole = *value;
    int r = 0;
    for (int i = 0; i < 3 && r >= 0; i++)
        if (suffix->part[i])
            r = tl_jinja_evaluate(j, suffix->part[i], scope, &part[i]);
    j->line = suffix->line;
    return r < 0 ? r : tl_jinja_attribute_slice(j, &whole, part, value);
}

static int apply(struct tl_jinja *j, const struct tl_jinja_suffix *suffix, struct tl_jinja_scope *scope, struct tl_jinja_value *value)
{
    struct tl_jinja_value key, whole = *value;
    int r;
    switch (suffix->kind) {
    case TL_JINJA_S_ATTRIBUTE:
        j->line = suffix->line;
        return tl_jinja_attribute_get(j, &whole, suffix->name, value);
    case TL_JINJA_S_ITEM:
        if ((r = tl_jinja_evaluate(j, suffix->part[0], scope, &key)) < 0)
            return r;
        j->line = suffix->line;
        return tl_jinja_attribute_item(j, &whole, &key, value);
    case TL_JINJA_S_SLICE: return apply_slice(j, suffix, scope, value);
    case TL_JINJA_S_CALL: return apply_call(j, suffix, scope, NULL, value);
    default: return apply_builtin(j, suffix, scope, value);
    }
}

int tl_jinja_evaluate_suffixes(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *value)
{
    int r = 0;
    for (uint32_t i = 0; i < expr->n_suffix && r >= 0; i++)
        if ((r = tl_jinja_step(j, 1)) >= 0)
            r = apply(j, expr->suffix[i], scope, value);
    return r;
}

int tl_jinja_evaluate_call(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope,
                           const struct tl_jinja_value *caller, struct tl_jinja_value *ret)
{
    struct tl_jinja_expr callee = *expr;
    callee.n_suffix--;
    int r = tl_jinja_evaluate(j, expr->item[0], scope, ret);
    if (r < 0 || (r = tl_jinja_evaluate_suffixes(j, &callee, scope, ret)) < 0)
        return r;
    return apply_call(j, expr->suffix[callee.n_suffix], scope, caller, ret);
}

/* --- operators and literals --------------------------------------------------------------------------------------------- */

static int evaluate_math(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value left, right;
    int r = tl_jinja_evaluate(j, expr->item[0], scope, ret);
    for (uint32_t i = 1; i < expr->n && r >= 0; i++) {
        left = *ret;
        if ((r = tl_jinja_evaluate(j, expr->item[i], scope, &right)) < 0)
            return r;
        j->line = expr->item[i]->line;
        r = tl_jinja_operator_binary(j, expr->op[i], &left, &right, ret);
    }
    return r;
}

/* a < b < c: each with the next, until one fails. */
static int evaluate_compare(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value left, right;
    int r = tl_jinja_evaluate(j, expr->item[0], scope, &left), truth = 1;
    for (uint32_t i = 1; i < expr->n && r >= 0 && truth > 0; i++) {
        if ((r = tl_jinja_evaluate(j, expr->item[i], scope, &right)) < 0)
            return r;
        j->line = expr->item[i]->line;
        truth = tl_jinja_operator_compare(j, expr->op[i], &left, &right);
        left = right;
    }
    *ret = tl_jinja_bool(truth > 0);
    return r < 0 ? r : truth < 0 ? truth : 0;
}

static int evaluate_concat(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value joined, item;
    int r = tl_jinja_evaluate(j, expr->item[0], scope, &item);
    if (r < 0 || (r = tl_jinja_print_text(j, &item, &joined)) < 0 || (r = tl_jinja_text_mark(j, joined.text, false, &joined)) < 0)
        return r;
    for (uint32_t i = 1; i < expr->n && r >= 0; i++)
        if ((r = tl_jinja_evaluate(j, expr->item[i], scope, &item)) >= 0 && (r = tl_jinja_print_text(j, &item, &item)) >= 0)
            r = tl_jinja_text_concat(j, joined.text, item.text, &joined);
    *ret = joined;
    return r;
}

static int evaluate_logic(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    int r = 0;
    for (uint32_t i = 0; i < expr->n && r >= 0; i++) {
        r = tl_jinja_evaluate(j, expr->item[i], scope, ret);
        if (r >= 0 && tl_jinja_value_truth(ret) == (expr->kind == TL_JINJA_X_OR))
            break;
    }
    return r;
}

static int evaluate_list(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value item;
    int r = tl_jinja_list_new(j, expr->kind == TL_JINJA_X_LIST ? TL_JINJA_LIST : TL_JINJA_TUPLE, expr->n, ret);
    for (uint32_t i = 0; i < expr->n && r >= 0; i++)
        if ((r = tl_jinja_evaluate(j, expr->item[i], scope, &item)) >= 0)
            r = tl_jinja_list_push(j, ret, &item);
    return r;
}

static int evaluate_dict(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value key, value;
    int r = tl_jinja_dict_new(j, TL_JINJA_DICT, expr->n / 2, ret);
    for (uint32_t i = 0; i < expr->n && r >= 0; i += 2)
        if ((r = tl_jinja_evaluate(j, expr->item[i], scope, &key)) >= 0 && (r = tl_jinja_evaluate(j, expr->item[i + 1], scope, &value)) >= 0)
            r = tl_jinja_dict_put(j, ret->dict, &key, &value);
    return r;
}

static int evaluate_unary(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value value;
    int r = tl_jinja_evaluate(j, expr->item[0], scope, &value);
    if (r < 0)
        return r;
    if (expr->kind != TL_JINJA_X_NOT)
        return tl_jinja_operator_sign(j, expr->kind == TL_JINJA_X_MINUS, &value, ret);
    *ret = tl_jinja_bool(!tl_jinja_value_truth(&value));
    return 0;
}

static int evaluate_if(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    struct tl_jinja_value test;
    int r = tl_jinja_evaluate(j, expr->item[0], scope, &test);
    bool truth = r >= 0 && tl_jinja_value_truth(&test);
    if (r >= 0 && (truth || expr->n > 2))
        return tl_jinja_evaluate(j, expr->item[truth ? 1 : 2], scope, ret);
    *ret = tl_jinja_undefined(NULL, TL_JINJA_MISSING);
    return r;
}

static int evaluate_nested(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    int r;
    switch (expr->kind) {
    case TL_JINJA_X_SUFFIX:
        r = tl_jinja_evaluate(j, expr->item[0], scope, ret);
        return r < 0 ? r : tl_jinja_evaluate_suffixes(j, expr, scope, ret);
    case TL_JINJA_X_MATH: return evaluate_math(j, expr, scope, ret);
    case TL_JINJA_X_COMPARE: return evaluate_compare(j, expr, scope, ret);
    case TL_JINJA_X_CONCAT: return evaluate_concat(j, expr, scope, ret);
    case TL_JINJA_X_AND: case TL_JINJA_X_OR: return evaluate_logic(j, expr, scope, ret);
    case TL_JINJA_X_LIST: case TL_JINJA_X_TUPLE: return evaluate_list(j, expr, scope, ret);
    case TL_JINJA_X_DICT: return evaluate_dict(j, expr, scope, ret);
    case TL_JINJA_X_IF: return evaluate_if(j, expr, scope, ret);
    default: return evaluate_unary(j, expr, scope, ret);
    }
}

int tl_jinja_evaluate(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret)
{
    if (expr->kind == TL_JINJA_X_CONST) {
        *ret = expr->value;
        return tl_jinja_step(j, 1);
    }
    if (expr->kind == TL_JINJA_X_NAME) {
        *ret = tl_jinja_scope_get(j, scope, expr->name);
        return tl_jinja_step(j, 1);
    }
    int r = tl_jinja_enter(j);
    if (r < 0)
        return r;
    j->line = expr->line;
    r = evaluate_nested(j, expr, scope, ret);
    j->depth--;
    return r;
}
