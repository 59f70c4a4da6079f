/* SPDX-License-Identifier: MIT */
/* The formats of a synthetic model. Private to this room. */
#ifndef TL_SYNTH_RECIPE_H
#define TL_SYNTH_RECIPE_H

#include "plan/listing.h"
#include "synth/synth.h"

/* experts: does the model have any? Refuses what the kind of file cannot hold. */
int tl_synth_recipe(const struct tl_synth *how, enum tl_modelfile_format format, const struct tl_known *known, bool experts,
                    struct tl_recipe *ret_recipe);

#endif
