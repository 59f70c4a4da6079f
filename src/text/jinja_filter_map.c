/* SPDX-License-Identifier: MIT */
/* map, select, reject, selectattr, rejectattr: generators that call a filter or a test on each value, when it is asked
 * for. Nothing happens, not even an error, for a value that is false. */
#include <string.h>

#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_text.h"

#define UNUSED (void)arg

struct pick {
    struct tl_jinja_args args;           /* a copy: what the filter or test is called with */
    const struct tl_jinja_builtin *builtin;          /* NULL: the value itself is the answer */
    struct tl_jinja_value path, fallback;            /* MISSING: none */
    bool reject, ready;
    bool attribute, map;
};

static int copy_args(struct tl_jinja *j, const struct tl_jinja_args *from, struct tl_jinja_args *to)
{
    struct tl_jinja_value *pos, *named;
    const struct tl_jinja_text **name;
    int r = tl_jinja_take(j, from->n_pos, sizeof *pos, &pos);
    if (r < 0 || (r = tl_jinja_take(j, from->n_named, sizeof *named, &named)) < 0 ||
        (r = tl_jinja_take(j, from->n_named, sizeof *name, &name)) < 0)
        return r;
    if (from->n_pos)
        memcpy(pos, from->pos, from->n_pos * sizeof *pos);
    for (size_t i = 0; i < from->n_named; i++) {
        named[i] = from->named[i];
        name[i] = from->name[i];
    }
    *to = (struct tl_jinja_args){pos, from->n_pos, name, named, from->n_named};
    return 0;
}

/* map(attribute=..., default=...): true when that is how it is called. */
static bool take_map_attribute(struct pick *p)
{
    bool found = false;
    for (size_t i = 0; i < p->args.n_named && !p->args.n_pos; i++)
        if (tl_jinja_text_is(p->args.name[i], "attribute")) {
            p->path = p->args.named[i];
            found = true;
        } else if (tl_jinja_text_is(p->args.name[i], "default")) {
            p->fallback = p->args.named[i];
        }
    return found;
}

/* Looks at the arguments, when the first value is asked for. */
static int prepare(struct tl_jinja *j, struct pick *p)
{
    p->ready = true;
    if (p->map && take_map_attribute(p))
        return p->args.n_named > 1 + (size_t)!tl_jinja_is_missing(&p->fallback) ? tl_jinja_fail(j, TL_E_USAGE, "'map' with 'attribute' takes only 'default' beside") : 0;
    if (p->attribute) {
        if (!p->args.n_pos)
            return tl_jinja_fail(j, TL_E_USAGE, "the name of the attribute is missing");
        p->path = *p->args.pos++;
        p->args.n_pos--;
    }
    if (!p->args.n_pos)
        return p->map ? tl_jinja_fail(j, TL_E_USAGE, "'map' needs the name of a filter") : 0;
    const struct tl_jinja_value *name = p->args.pos++;
    p->args.n_pos--;
    if (tl_jinja_is_string(name))
        p->builtin = p->map ? tl_jinja_builtin_filter(name->text) : tl_jinja_builtin_test(name->text);
    if (!p->builtin)
        return tl_jinja_fail(j, TL_E_FILE, "there is no such %s", p->map ? "filter" : "test");
    return 0;
}

static int next_mapped(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    struct pick *p = stream->context;
    struct tl_jinja_value item;
    int r = tl_jinja_stream_next(j, stream->from, &item);
    if (r <= 0 || (!p->ready && (r = prepare(j, p)) < 0))
        return r;
    if (p->builtin)
        return (r = tl_jinja_builtin_call(j, p->builtin, &item, &p->args, ret)) < 0 ? r : 1;
    if ((r = tl_jinja_attribute_path(j, &item, &p->path, ret)) < 0)
        return r;
    if (ret->kind == TL_JINJA_UNDEFINED && tl_jinja_builtin_given(&p->fallback))
        *ret = p->fallback;
    return 1;
}

static int next_picked(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    struct pick *p = stream->context;
    struct tl_jinja_value answer;
    int r;
    while ((r = tl_jinja_stream_next(j, stream->from, ret)) > 0) {
        if ((!p->ready && (r = prepare(j, p)) < 0) || (r = tl_jinja_attribute_path(j, ret, &p->path, &answer)) < 0 ||
            (p->builtin && (r = tl_jinja_builtin_call(j, p->builtin, &answer, &p->args, &answer)) < 0))
            return r;
        if (tl_jinja_value_truth(&answer) != p->reject)
            return 1;
    }
    return r;
}

static int make(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_args *all, struct pick kind, struct tl_jinja_value *ret)
{
    static const struct tl_jinja_value nothing = {.kind = TL_JINJA_UNDEFINED};
    struct pick *p;
    int r = tl_jinja_take(j, 1, sizeof *p, &p);
    if (r < 0)
        return r;
    *p = kind;
    if ((r = copy_args(j, all, &p->args)) < 0)
        return r;
    return tl_jinja_stream_filter(j, tl_jinja_value_truth(v) ? v : &nothing, p, kind.map ? next_mapped : next_picked, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_map)
{
    UNUSED;
    return make(j, self, all, (struct pick){.map = true}, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_select)
{
    UNUSED;
    return make(j, self, all, (struct pick){0}, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_reject)
{
    UNUSED;
    return make(j, self, all, (struct pick){.reject = true}, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_selectattr)
{
    UNUSED;
    return make(j, self, all, (struct pick){.attribute = true}, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_rejectattr)
{
    UNUSED;
    return make(j, self, all, (struct pick){.attribute = true, .reject = true}, ret);
}
