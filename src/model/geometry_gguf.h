/* SPDX-License-Identifier: MIT */
/* A geometry as the metadata of a GGUF file: what tl_geometry_read reads back from it is the same geometry. */
#ifndef TL_MODEL_GEOMETRY_GGUF_H
#define TL_MODEL_GEOMETRY_GGUF_H

#include "model/geometry.h"
#include "modelfile/writer.h"

/* `config` is where the geometry was read from: it says what the geometry keeps only the results of. ahead: the file has the layer
 * that predicts a further token too. */
int tl_geometry_write_gguf(const struct tl_geometry *geometry, const struct tl_modelfile *config, bool ahead, struct tl_writer *writer);

/* TL_E_USAGE where such a file cannot say which layers see a window or are delta nets. */
int tl_geometry_check_gguf(const struct tl_geometry *geometry, const struct tl_modelfile *config);

/* What such a file divides each rotation frequency by in a tensor of its own [n_rot / 2], because metadata cannot say it
 * (Llama 3.1). Returns 1: there is one; 0: none. */
int tl_geometry_gguf_factors(const struct tl_geometry *geometry, const struct tl_modelfile *config, float *ret_factors);

#endif
