/* SPDX-License-Identifier: MIT */
/* How much each input column of a matrix matters: the mean square of what enters it, as `trill score --moments` writes it and as
 * the importance matrices of llama.cpp (imatrix) hold it, both the old form and GGUF. Read whole, checked against the model. */
#ifndef TL_COMPRESS_IMPORTANCE_H
#define TL_COMPRESS_IMPORTANCE_H

#include "model/geometry.h"

struct tl_importance;

/* Names may be those of the model's tensors or of the same model in the other kind of file, which its
 * geometry tells (NULL: the model's alone). TL_E_FILE: no such file, or one of another model: a matrix of it has other columns, or none of its names is the model's. */
int tl_importance_open(const char *path, const struct tl_modelfile *model, const struct tl_geometry *geometry, struct tl_importance **ret_importance);
void tl_importance_close(struct tl_importance *importance);           /* NULL is fine */
/* Of this tensor's matrix (of experts in one tensor: the one numbered so): weights [columns], their mean 1, or NULL: the file does not tell. */
const float *tl_importance_of(const struct tl_importance *importance, const struct tl_tensor *tensor, uint64_t matrix);
const char *tl_importance_hash(const struct tl_importance *importance);          /* SHA-256 of the file in hexadecimal digits */

#endif
