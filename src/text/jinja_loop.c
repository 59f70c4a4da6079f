/* SPDX-License-Identifier: MIT */
/* for, and its variable `loop`. The values come one by one; looking ahead takes one early, asking for the length takes
 * all, as in Jinja2. */
#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_text.h"

struct tl_jinja_loop {
    const struct tl_jinja_stmt *stmt;
    struct tl_jinja_scope *outer;
    struct tl_jinja_stream *stream;
    struct tl_jinja_value current, before, after, changed;   /* MISSING: none */
    size_t index;                        /* from 1; 0 before the first */
    size_t length;                       /* SIZE_MAX: not known */
    uint32_t depth;                      /* of a recursive loop, from 1 */
};

size_t tl_jinja_loop_index(const struct tl_jinja_loop *loop)
{
    return loop->index;
}

/* Takes the next value early: 1, or 0 at the end. */
static int peek(struct tl_jinja *j, struct tl_jinja_loop *loop)
{
    if (!tl_jinja_is_missing(&loop->after))
        return 1;
    int r = tl_jinja_stream_next(j, loop->stream, &loop->after);
    if (r <= 0)
        loop->after = (struct tl_jinja_value){.kind = TL_JINJA_MISSING};
    return r;
}

int tl_jinja_loop_length(struct tl_jinja *j, struct tl_jinja_loop *loop, size_t *ret)
{
    struct tl_jinja_value rest, stream = {.kind = TL_JINJA_STREAM};
    if (loop->length == SIZE_MAX) {
        stream.stream = loop->stream;
        int r = tl_jinja_stream_list(j, &stream, TL_JINJA_LIST, &rest);
        if (r < 0 || (r = tl_jinja_stream_open(j, &rest, &loop->stream)) < 0)
            return r;
        loop->length = rest.list->n + loop->index + !tl_jinja_is_missing(&loop->after);
    }
    *ret = loop->length;
    return 0;
}

int tl_jinja_loop_attribute(struct tl_jinja *j, struct tl_jinja_loop *loop, const struct tl_jinja_text *name, struct tl_jinja_value *ret)
{
    size_t length;
    int r = 0;
    if (tl_jinja_text_is(name, "index"))
        *ret = tl_jinja_int((int64_t)loop->index);
    else if (tl_jinja_text_is(name, "index0"))
        *ret = tl_jinja_int((int64_t)loop->index - 1);
    else if (tl_jinja_text_is(name, "first"))
        *ret = tl_jinja_bool(loop->index == 1);
    else if (tl_jinja_text_is(name, "last")) {
        r = peek(j, loop);
        *ret = tl_jinja_bool(r == 0);
    } else if (tl_jinja_text_is(name, "previtem"))
        *ret = loop->index > 1 ? loop->before : tl_jinja_undefined(name, TL_JINJA_LOOP);
    else if (tl_jinja_text_is(name, "nextitem")) {
        r = peek(j, loop);
        *ret = r > 0 ? loop->after : tl_jinja_undefined(name, TL_JINJA_LOOP);
    } else if (tl_jinja_text_is(name, "depth") || tl_jinja_text_is(name, "depth0"))
        *ret = tl_jinja_int((int64_t)loop->depth - (name->n == 6));
    else if ((r = tl_jinja_loop_length(j, loop, &length)) < 0)
        return r;
    else if (tl_jinja_text_is(name, "length"))
        *ret = tl_jinja_int((int64_t)length);
    else if (tl_jinja_text_is(name, "revindex") || tl_jinja_text_is(name, "revindex0"))
        *ret = tl_jinja_int((int64_t)length - (int64_t)loop->index + (name->n == 8));
    else
        return 0;
    return r < 0 ? r : 1;
}

TL_JINJA_FUNCTION(tl_jinja_method_cycle)
{
    (void)arg;
    if (!all->n_pos)
        return tl_jinja_fail(j, TL_E_USAGE, "'cycle' needs items");
    *ret = all->pos[(self->loop->index - 1) % all->n_pos];
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_method_changed)
{
    (void)arg;
    struct tl_jinja_value values;
    int r = tl_jinja_list_new(j, TL_JINJA_TUPLE, all->n_pos, &values);
    for (size_t i = 0; i < all->n_pos && r >= 0; i++)
        r = tl_jinja_list_push(j, &values, &all->pos[i]);
    if (r < 0 || (r = tl_jinja_value_equal(j, &self->loop->changed, &values)) < 0)
        return r;
    self->loop->changed = values;
    *ret = tl_jinja_bool(!r);
    return 0;
}

/* --- running ---------------------------------------------------------------------------------------------------------- */

struct filtered { const struct tl_jinja_stmt *stmt; struct tl_jinja_scope *outer; };

/* Values that pass the loop's `if`. */
static int next_filtered(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    const struct filtered *f = stream->context;
    struct tl_jinja_scope *scope;
    struct tl_jinja_value test;
    int r;
    while ((r = tl_jinja_stream_next(j, stream->from, ret)) > 0) {
        if ((r = tl_jinja_scope_open(j, f->outer, &scope)) < 0 || (r = tl_jinja_execute_assign(j, f->stmt->target, scope, ret)) < 0 ||
            (r = tl_jinja_evaluate(j, f->stmt->filter, scope, &test)) < 0)
            return r;
        tl_jinja_scope_close(j, scope);
        if (tl_jinja_value_truth(&test))
            return 1;
    }
    return r;
}

static int open_values(struct tl_jinja *j, struct tl_jinja_loop *loop, const struct tl_jinja_value *values)
{
    struct tl_jinja_value stream;
    struct filtered *f;
    int r;
    loop->length = SIZE_MAX;
    if (!loop->stmt->filter) {
        if ((r = tl_jinja_stream_open(j, values, &loop->stream)) < 0 || values->kind == TL_JINJA_STREAM)
            return r;
        return tl_jinja_value_length(j, values, &loop->length);
    }
    if ((r = tl_jinja_take(j, 1, sizeof *f, &f)) < 0)
        return r;
    *f = (struct filtered){loop->stmt, loop->outer};
    r = tl_jinja_stream_filter(j, values, f, next_filtered, &stream);
    loop->stream = stream.stream;
    return r;
}

/* One turn: a FLOW. */
static int run_turn(struct tl_jinja *j, struct tl_jinja_loop *loop)
{
    const struct tl_jinja_value variable = {.kind = TL_JINJA_LOOP, .loop = loop};
    struct tl_jinja_scope *scope;
    int r = tl_jinja_scope_open(j, loop->outer, &scope);
    if (r < 0 || (r = tl_jinja_execute_assign(j, loop->stmt->target, scope, &loop->current)) < 0 ||
        (r = tl_jinja_scope_set(j, scope, j->template->loop, &variable)) < 0 || (r = tl_jinja_execute(j, loop->stmt->body, scope)) < 0)
        return r;
    tl_jinja_scope_close(j, scope);
    return r;
}

/* All turns. *ret_empty: no turn came to the end of its body, and the else is due. */
static int run_turns(struct tl_jinja *j, struct tl_jinja_loop *loop, bool *ret_empty)
{
    int r;
    *ret_empty = true;
    while ((r = peek(j, loop)) > 0) {
        loop->before = loop->current;
        loop->current = loop->after;
        loop->after = (struct tl_jinja_value){.kind = TL_JINJA_MISSING};
        loop->index++;
        if ((r = run_turn(j, loop)) < 0)
            return r;
        if (r == TL_JINJA_FLOW_ON)
            *ret_empty = false;
        if (r == TL_JINJA_FLOW_BREAK)
            return TL_JINJA_FLOW_ON;
    }
    return r;
}

static int run_loop(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *outer, const struct tl_jinja_value *values,
                    uint32_t depth)
{
    struct tl_jinja_scope *scope;
    struct tl_jinja_loop *loop;
    bool empty;
    int r = tl_jinja_take(j, 1, sizeof *loop, &loop);
    if (r < 0)
        return r;
    *loop = (struct tl_jinja_loop){.stmt = stmt, .outer = outer, .depth = depth};
    if ((r = open_values(j, loop, values)) < 0 || (r = run_turns(j, loop, &empty)) < 0 || !empty || !stmt->otherwise)
        return r;
    if ((r = tl_jinja_scope_open(j, outer, &scope)) < 0 || (r = tl_jinja_execute(j, stmt->otherwise, scope)) < 0)
        return r;
    tl_jinja_scope_close(j, scope);
    return r;
}

int tl_jinja_loop_run(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope)
{
    struct tl_jinja_value values;
    int r = tl_jinja_evaluate(j, stmt->expr, scope, &values);
    if (r < 0)
        return r;
    j->line = stmt->line;
    if (stmt->recursive)
        tl_jinja_scope_keep(scope);
    return run_loop(j, stmt, scope, &values, 1);
}

int tl_jinja_loop_call(struct tl_jinja *j, struct tl_jinja_loop *loop, const struct tl_jinja_args *args, struct tl_jinja_value *ret)
{
    size_t mark = j->output.n;
    if (!loop->stmt->recursive || args->n_pos != 1 || args->n_named)
        return tl_jinja_fail(j, TL_E_USAGE, "only a recursive loop can be called, with one list");
    int r = tl_jinja_enter(j);
    if (r < 0 || (r = run_loop(j, loop->stmt, loop->outer, &args->pos[0], loop->depth + 1)) < 0)
        return r;
    j->depth--;
    return tl_jinja_output_take(j, mark, false, ret);
}
