/* SPDX-License-Identifier: MIT */
/* A model without a file: a geometry and a recipe, bound and laid out by the very code that binds and lays out files. Its
 * tensors have sizes and no bytes, and all experts of a layer lie in one. It can be planned (tl_model_plan, tl_fit_make) and
 * counted; placing or loading it is refused. */
#ifndef TL_PLAN_OUTLINED_H
#define TL_PLAN_OUTLINED_H

#include "model/model.h"
#include "plan/recipe.h"

struct tl_outlined {
    struct tl_outline *outline;          /* configuration, geometry as its vendor has it, row of the table; its file has the tensors */
    enum tl_modelfile_format format;     /* as a file of this kind would have it */
    struct tl_geometry geometry;         /* in that format */
    struct tl_recipe recipe;
    struct tl_listing listing;           /* its tensors by role and format */
    struct tl_meters meters;
    struct tl_model *model;
};

/* source: as for tl_outline_open. names: formats, by name, all may be NULL. choices as for tl_model_new. */
int tl_outlined_open(const char *source, const struct tl_outline_sizes *sizes, const struct tl_recipe_names *names,
                     const struct tl_model_choices *choices, struct tl_outlined **ret_outlined);
void tl_outlined_close(struct tl_outlined *outlined);                 /* NULL is fine */

#endif
