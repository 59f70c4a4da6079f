/* SPDX-License-Identifier: MIT */
/* Which number formats a model has, where a file has yet to be made: those asked for by name, else those in which models
 * of its kind come. */
#ifndef TL_PLAN_RECIPE_H
#define TL_PLAN_RECIPE_H

#include "modelfile/modelfile.h"
#include "plan/listing.h"

struct tl_recipe_names { const char *to, *experts, *trunk, *embed, *head; };         /* number formats; NULL: as such models come */

/* The kind of file that holds all of them; GGUF where both do. */
enum tl_modelfile_format tl_recipe_format(const struct tl_recipe_names *names, const struct tl_known *known);

/* experts: the model has routed ones. known may be NULL. TL_E_USAGE names the option and what such a file can hold. */
int tl_recipe_make(const struct tl_recipe_names *names, enum tl_modelfile_format format, const struct tl_known *known, bool experts,
                   struct tl_recipe *ret_recipe);

#endif
