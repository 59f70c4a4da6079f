/* SPDX-License-Identifier: MIT */
/* The names that a template uses, numbered in order of appearance, found by a hash index at most half full. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/jinja_text.h"
#include "text/jinja_tree.h"

static uint32_t *find_slot(const struct tl_template *template, const struct tl_jinja_text *name)
{
    uint32_t at = (uint32_t)(name->hash & (template->n_slots - 1));
    for (;; at = (at + 1) & (template->n_slots - 1)) {
        uint32_t number = template->slot[at];
        if (!number || tl_jinja_text_same(template->name[number - 1], name))
            return &template->slot[at];
    }
}

uint32_t tl_jinja_names_find(const struct tl_template *template, const struct tl_jinja_text *name)
{
    return template->n_slots ? *find_slot(template, name) - 1 : UINT32_MAX;
}

static int grow(struct tl_template *template)
{
    uint32_t n_slots = template->n_slots ? 2 * template->n_slots : 64;
    uint32_t *slot = tl_alloc(n_slots, sizeof *slot);
    const struct tl_jinja_text **name = tl_realloc(template->name, n_slots / 2, sizeof *name);
    if (name)
        template->name = name;
    if (!slot || !name) {
        tl_free(slot);
        return TL_E_NOMEM;
    }
    tl_free(template->slot);
    template->slot = slot;
    template->n_slots = n_slots;
    for (uint32_t i = 0; i < template->n_names; i++)
        *find_slot(template, template->name[i]) = i + 1;
    return 0;
}

int tl_jinja_names_add(struct tl_template *template, const char *bytes, size_t n, uint32_t *ret_number)
{
    struct tl_jinja_text *name;
    struct tl_jinja_text probe = {.bytes = bytes, .n = n};
    probe.hash = tl_jinja_text_hash_bytes(bytes, n);
    if (template->n_slots && *find_slot(template, &probe)) {
        *ret_number = *find_slot(template, &probe) - 1;
        return 0;
    }
    int r = 2 * template->n_names >= template->n_slots ? grow(template) : 0;
    if (r < 0 || (r = tl_jinja_text_constant(&template->memory, bytes, n, &name)) < 0)
        return r;
    template->name[template->n_names] = name;
    *find_slot(template, name) = ++template->n_names;
    *ret_number = template->n_names - 1;
    return 0;
}

void tl_jinja_names_done(struct tl_template *template)
{
    tl_free(template->name);
    tl_free(template->slot);
}
