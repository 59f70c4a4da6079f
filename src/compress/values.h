/* SPDX-License-Identifier: MIT */
/* Tensors of statistics files as numbers. */
#ifndef TL_COMPRESS_VALUES_H
#define TL_COMPRESS_VALUES_H

#include "model/geometry.h"
#include "modelfile/modelfile.h"

#define TL_VALUES_MAX_BYTES (UINT64_C(4) << 30)

/* Is it what `trill score --KIND` writes, of a model of that architecture (NULL: of any)? TL_E_FILE: it is not. */
int tl_values_check(const struct tl_modelfile *file, const char *kind, const struct tl_geometry *geometry);
/* A tensor of f32, f64 or u64, [n_elems]; tl_free. */
int tl_values_read(const struct tl_modelfile *file, const struct tl_tensor *tensor, double **ret_values);

#endif
