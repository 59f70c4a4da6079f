/* SPDX-License-Identifier: MIT */
/* Binds an architecture's tensors to a model file and declares them to a store. */
#ifndef TL_MODEL_BIND_H
#define TL_MODEL_BIND_H

#include "model/program.h"

struct tl_file_binding {
    const struct tl_modelfile *file;
    const struct tl_geometry *geometry;
    struct tl_store *store;
};

struct tl_binder tl_bind_file(struct tl_file_binding *binding);

/* How many of the wanted matrices a file holds: where it has fewer experts than there are, each serves for several. */
uint32_t tl_bind_stored(const struct tl_geometry *geometry, const struct tl_want *want);

/* The shape that a tensor must have: [count, rows, cols] less what is not there, rows doubled where two are fused. stacked:
 * its matrices lie one behind the other. Returns the number of dimensions. */
uint32_t tl_bind_shape(const struct tl_geometry *geometry, const struct tl_want *want, unsigned layout, bool stacked,
                       uint64_t ret_shape[TL_TENSOR_DIMS]);

/* Where rows of a want lie in a tensor of that layout: the members of *matrix from first_row to line, and transposed. */
void tl_bind_lay_out(const struct tl_geometry *geometry, const struct tl_want *want, unsigned layout, struct tl_matrix *matrix);

#endif
