/* SPDX-License-Identifier: MIT */
/* From a geometry to a model: outline, recipe, list of tensors, these as an open file that has no bytes, and the binding of
 * room model. */
#include "plan/outlined.h"

#include "base/error.h"
#include "base/memory.h"
#include "plan/entries.h"

/* As a file has them. */
static int add_tensors(struct tl_outlined *o)
{
    struct tl_entries entries;
    int status = tl_entries_make(&o->geometry, &o->listing, true, &entries);
    if (status < 0)
        return status;
    TL_AUTO struct tl_tensor *tensors = tl_alloc(entries.n, sizeof(*tensors));
    for (uint64_t i = 0; i < entries.n && tensors; i++)
        tensors[i] = tl_entry_tensor(&entries.entry[i]);
    status = tensors ? tl_modelfile_outline_tensors(o->outline->file, o->format, tensors, entries.n) : TL_E_NOMEM;
    tl_entries_done(&entries);
    return status;
}

static int build(struct tl_outlined *o, const struct tl_recipe_names *names, const struct tl_model_choices *choices)
{
    struct tl_model_choices own = *choices;
    o->format = tl_recipe_format(names, o->outline->known);
    tl_geometry_as(&o->outline->geometry, o->format, &o->geometry);
    own.geometry = &o->geometry;
    int status = tl_recipe_make(names, o->format, o->outline->known, o->geometry.n_experts > 0, &o->recipe);
    if (status >= 0)
        status = tl_listing_make(&o->geometry, o->outline->file, &o->recipe, &o->listing);
    if (status >= 0)
        status = add_tensors(o);
    return status < 0 ? status : tl_model_new(o->outline->file, &own, &o->meters, &o->model);
}

int tl_outlined_open(const char *source, const struct tl_outline_sizes *sizes, const struct tl_recipe_names *names,
                     const struct tl_model_choices *choices, struct tl_outlined **ret_outlined)
{
    struct tl_outlined *o = tl_alloc(1, sizeof(*o));
    if (!o)
        return TL_E_NOMEM;
    int status = tl_outline_open(source, sizes, &o->outline);
    if (status >= 0)
        status = build(o, names, choices);
    if (status < 0) {
        tl_outlined_close(o);
        return status;
    }
    *ret_outlined = o;
    return 0;
}

void tl_outlined_close(struct tl_outlined *o)
{
    if (!o)
        return;
    tl_model_free(o->model);
    tl_listing_done(&o->listing);
    tl_outline_close(o->outline);
    tl_free(o);
}
