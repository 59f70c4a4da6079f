/* SPDX-License-Identifier: MIT */
/* Statements. */
#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

/* --- assignment ------------------------------------------------------------------------------------------------------- */

static int assign_attribute(struct tl_jinja *j, const struct tl_jinja_expr *target, struct tl_jinja_scope *scope, const struct tl_jinja_value *value)
{
    struct tl_jinja_value space = tl_jinja_scope_get(j, scope, target->name);
    if (space.kind != TL_JINJA_NAMESPACE)
        return tl_jinja_fail(j, TL_E_USAGE, "only a namespace has attributes that can be set, found a %s", tl_jinja_kind_name(&space));
    if (target->value.text->n && *target->value.text->bytes == '_')
        return tl_jinja_fail(j, TL_E_USAGE, "a namespace holds no names that begin with '_'");
    return tl_jinja_dict_put(j, space.dict, &target->value, value);
}

int tl_jinja_execute_assign(struct tl_jinja *j, const struct tl_jinja_expr *target, struct tl_jinja_scope *scope, const struct tl_jinja_value *value)
{
    struct tl_jinja_value list;
    if (target->kind == TL_JINJA_X_NAME)
        return tl_jinja_scope_set(j, scope, target->name, value);
    if (target->kind == TL_JINJA_X_ATTRIBUTE)
        return assign_attribute(j, target, scope, value);
    int r = tl_jinja_enter(j);
    if (r < 0 || (r = tl_jinja_stream_list(j, value, TL_JINJA_LIST, &list)) < 0)
        return r;
    if (list.list->n != target->n)
        return tl_jinja_fail(j, TL_E_USAGE, "expected %u values to unpack, found %zu", target->n, list.list->n);
    for (uint32_t i = 0; i < target->n && r >= 0; i++)
        r = tl_jinja_execute_assign(j, target->item[i], scope, &list.list->item[i]);
    j->depth--;
    return r;
}

/* --- statements ------------------------------------------------------------------------------------------------------- */

static int run_output(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_value value;
    int r = stmt->expr ? tl_jinja_evaluate(j, stmt->expr, scope, &value) : 0;
    return r < 0 || !stmt->expr ? r : tl_jinja_print_str(j, &value);
}

static int run_if(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    for (;; stmt = stmt->branch) {
        struct tl_jinja_value test;
        int r = tl_jinja_evaluate(j, stmt->expr, scope, &test);
        if (r < 0)
            return r;
        if (tl_jinja_value_truth(&test))
            return tl_jinja_execute(j, stmt->body, scope);
        if (!stmt->branch)
            return tl_jinja_execute(j, stmt->otherwise, scope);
    }
}

static int run_set(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_value value;
    int r = tl_jinja_evaluate(j, stmt->expr, scope, &value);
    if (r < 0)
        return r;
    j->line = stmt->line;
    return tl_jinja_execute_assign(j, stmt->target, scope, &value);
}

/* A body whose output becomes a value: {% set %} and {% filter %} blocks. A break out of it drops what it wrote. */
static int run_capture(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_scope *inner;
    struct tl_jinja_value value;
    size_t mark = j->output.n;
    int flow = tl_jinja_scope_open(j, scope, &inner), r;
    if (flow < 0 || (flow = tl_jinja_execute(j, stmt->body, inner)) < 0)
        return flow;
    if (flow != TL_JINJA_FLOW_ON) {
        j->output.n = mark;
        return flow;
    }
    if ((r = tl_jinja_output_take(j, mark, false, &value)) < 0 ||
        (stmt->filter && (r = tl_jinja_evaluate_suffixes(j, stmt->filter, inner, &value)) < 0))
        return r;
    tl_jinja_scope_close(j, inner);
    return stmt->target ? tl_jinja_execute_assign(j, stmt->target, scope, &value) : tl_jinja_print_str(j, &value);
}

static int run_macro(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_value macro;
    int r = tl_jinja_call_new_macro(j, stmt, scope, &macro);
    return r < 0 ? r : tl_jinja_scope_set(j, scope, stmt->signature->id, &macro);
}

static int run_call_block(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_value caller, value;
    int r = tl_jinja_call_new_macro(j, stmt, scope, &caller);
    if (r < 0 || (r = tl_jinja_evaluate_call(j, stmt->expr, scope, &caller, &value)) < 0)
        return r;
    return tl_jinja_print_str(j, &value);
}

static int run_with(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_scope *inner;
    struct tl_jinja_value value;
    int r = tl_jinja_scope_open(j, scope, &inner);
    for (uint32_t i = 0; i < stmt->n && r >= 0; i++)
        if ((r = tl_jinja_evaluate(j, stmt->values[i], scope, &value)) >= 0)
            r = tl_jinja_execute_assign(j, stmt->targets[i], inner, &value);
    if (r < 0 || (r = tl_jinja_execute(j, stmt->body, inner)) < 0)
        return r;
    tl_jinja_scope_close(j, inner);
    return r;
}

static int run(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    switch (stmt->kind) {
    case TL_JINJA_DATA: return tl_jinja_output_text(j, stmt->text, 0, stmt->text->n);
    case TL_JINJA_OUTPUT: return run_output(j, stmt, scope);
    case TL_JINJA_IF: return run_if(j, stmt, scope);
    case TL_JINJA_FOR: return tl_jinja_loop_run(j, stmt, scope);
    case TL_JINJA_SET: return run_set(j, stmt, scope);
    case TL_JINJA_SET_BLOCK: case TL_JINJA_FILTER_BLOCK: return run_capture(j, stmt, scope);
    case TL_JINJA_MACRO_DEF: return run_macro(j, stmt, scope);
    case TL_JINJA_CALL_BLOCK: return run_call_block(j, stmt, scope);
    case TL_JINJA_WITH: case TL_JINJA_SCOPE: return run_with(j, stmt, scope);
    case TL_JINJA_BREAK: return TL_JINJA_FLOW_BREAK;
    default: return TL_JINJA_FLOW_CONTINUE;
    }
}

int tl_jinja_execute(struct tl_jinja *j, const struct tl_jinja_stmt *block, struct tl_jinja_scope *scope)
{
    int r = block ? tl_jinja_enter(j) : 0;
    if (r < 0 || !block)
        return r;
    for (const struct tl_jinja_stmt *stmt = block; stmt && r == TL_JINJA_FLOW_ON; stmt = stmt->next) {
        j->line = stmt->line;
        if ((r = tl_jinja_step(j, 1)) >= 0)
            r = run(j, stmt, scope);
    }
    j->depth--;
    return r;
}
