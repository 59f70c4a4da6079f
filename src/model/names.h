/* SPDX-License-Identifier: MIT */
/* From (role, layer, expert) to a tensor of this model's file. */
#ifndef TL_MODEL_NAMES_H
#define TL_MODEL_NAMES_H

#include "model/arch.h"

enum { TL_NAME_BYTES = 160 };

/* The tensor and the row of the name table that found it. NULL where the file has none; ret_tried is then the first name
 * that was looked for (empty: this kind of file never has one). */
const struct tl_tensor *tl_name_find(const struct tl_modelfile *file, const struct tl_geometry *geometry, enum tl_role role,
                                     uint32_t layer, uint32_t expert, const struct tl_name **ret_name, char ret_tried[TL_NAME_BYTES]);

/* The same of another expert, once that of expert 0 has been found in a row: where it has no such tensor, NULL, as above. */
const struct tl_tensor *tl_name_find_expert(const struct tl_modelfile *file, const struct tl_geometry *geometry, const struct tl_tensor *first,
                                            const struct tl_name *name, uint32_t layer, uint32_t expert, char ret_tried[TL_NAME_BYTES]);

/* The name that a file of this geometry's format has for it; NULL: none. */
const struct tl_name *tl_name_write(const struct tl_geometry *geometry, enum tl_role role, uint32_t layer, uint32_t expert,
                                    char ret_name[TL_NAME_BYTES]);

/* The nth name, from 0, that files of a format may have for it; NULL: there are no more. */
const struct tl_name *tl_name_each(const struct tl_arch *arch, enum tl_modelfile_format format, enum tl_role role, uint32_t layer,
                                   uint32_t expert, uint32_t nth, char ret_name[TL_NAME_BYTES]);
/* Is `found`, from a file, that name, as it is or behind the prefix of a model with a vision tower? */
bool tl_name_same(const char *name, const char *found);

/* Has a layer of the file an indexer of its own? Others share that of a layer before them. */
bool tl_name_indexes(const struct tl_modelfile *file, const struct tl_geometry *geometry, uint32_t layer);

/* How the tensor lies in a file of this geometry's format: of the fused layouts GGUF has none. */
unsigned tl_name_layout(const struct tl_geometry *geometry, const struct tl_name *name);

#endif
