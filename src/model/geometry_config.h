/* SPDX-License-Identifier: MIT */
/* A geometry as a vendor's config.json: the reverse of reading one. */
#ifndef TL_MODEL_GEOMETRY_CONFIG_H
#define TL_MODEL_GEOMETRY_CONFIG_H

#include "base/buffer.h"
#include "model/geometry.h"

/* Appends the members of the object, without braces. `file` is the GGUF from which the geometry was read: it says what the geometry
 * keeps only the results of. What is written reads back as the same geometry; TL_E_USAGE where it would not. */
int tl_geometry_write_config(const struct tl_geometry *geometry, const struct tl_modelfile *file, struct tl_buffer *json);

#endif
