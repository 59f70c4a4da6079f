/* SPDX-License-Identifier: MIT */
/* From (role, layer) to the name of a tensor in this model's file. */
#ifndef TL_MODEL_NAMES_H
#define TL_MODEL_NAMES_H

#include "model/arch.h"

enum { TL_NAME_BYTES = 160 };

/* Empty where this kind of file has no such tensor. */
void tl_name_of(const struct tl_geometry *geometry, enum tl_role role, uint32_t layer, char *ret_name, size_t size);

#endif
