/* SPDX-License-Identifier: MIT */
/* Tensors of statistics files as numbers. */
#ifndef TL_COMPRESS_VALUES_H
#define TL_COMPRESS_VALUES_H

#include "modelfile/modelfile.h"

#define TL_VALUES_MAX_BYTES (UINT64_C(4) << 30)

/* A tensor of f32, f64 or u64, [n_elems]; tl_free. */
int tl_values_read(const struct tl_modelfile *file, const struct tl_tensor *tensor, double **ret_values);

#endif
