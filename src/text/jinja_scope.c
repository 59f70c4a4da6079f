/* SPDX-License-Identifier: MIT */
/* Variables. Scopes follow the template's text, not its calls: a macro sees what is around its definition. */
#include <string.h>

#include "text/jinja.h"

int tl_jinja_scope_open(struct tl_jinja *j, struct tl_jinja_scope *parent, struct tl_jinja_scope **ret)
{
    struct tl_jinja_scope *scope = j->free_scopes;
    int r = scope ? 0 : tl_jinja_take(j, 1, sizeof *scope, &scope);
    if (r < 0)
        return r;
    j->free_scopes = scope->next_free;
    scope->next_free = NULL;
    scope->parent = parent;
    scope->n = 0;
    *ret = scope;
    return 0;
}

void tl_jinja_scope_close(struct tl_jinja *j, struct tl_jinja_scope *scope)
{
    if (scope->kept)
        return;
    scope->next_free = j->free_scopes;
    j->free_scopes = scope;
}

void tl_jinja_scope_keep(struct tl_jinja_scope *scope)
{
    for (; scope && !scope->kept; scope = scope->parent)
        scope->kept = true;
}

static struct tl_jinja_value *find(const struct tl_jinja_scope *scope, uint32_t name)
{
    for (uint32_t i = 0; i < scope->n; i++)
        if (scope->variable[i].name == name)
            return &scope->variable[i].value;
    return NULL;
}

int tl_jinja_scope_set(struct tl_jinja *j, struct tl_jinja_scope *scope, uint32_t name, const struct tl_jinja_value *value)
{
    struct tl_jinja_value *slot = scope ? find(scope, name) : &j->global[name];
    if (slot) {
        *slot = *value;
        return 0;
    }
    if (scope->n == scope->cap) {
        struct tl_jinja_variable *variable;
        uint32_t cap = 2 * scope->cap + 4;
        int r = tl_jinja_take(j, cap, sizeof *variable, &variable);
        if (r < 0)
            return r;
        if (scope->n)
            memcpy(variable, scope->variable, scope->n * sizeof *variable);
        scope->variable = variable;
        scope->cap = cap;
    }
    scope->variable[scope->n++] = (struct tl_jinja_variable){name, *value};
    return 0;
}

struct tl_jinja_value tl_jinja_scope_get(const struct tl_jinja *j, const struct tl_jinja_scope *scope, uint32_t name)
{
    const struct tl_jinja_value *found = NULL;
    for (; scope && !found; scope = scope->parent)
        found = find(scope, name);
    if (!found)
        found = &j->global[name];
    return tl_jinja_is_missing(found) ? tl_jinja_undefined(j->template->name[name], TL_JINJA_MISSING) : *found;
}
