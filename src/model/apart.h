/* SPDX-License-Identifier: MIT */
/* Matrices whose codes and scales vendors keep in tensors of their own, told by their names. */
#ifndef TL_MODEL_APART_H
#define TL_MODEL_APART_H

#include "modelfile/modelfile.h"

/* A row: how the name of a matrix goes on for codes and for scales, the format, how codes are typed, how many lie in one
 * element, and how many elements make an innermost dimension of its own (0: none). */
struct tl_apart {
    const char *codes, *scales;
    enum tl_number_id number;
    const char *type;
    uint32_t codes_an_element, innermost;
};

/* The row that a tensor of codes belongs to; NULL: it holds whole values. */
const struct tl_apart *tl_apart_of(const struct tl_tensor *codes);

const struct tl_apart *tl_apart_for(enum tl_number_id number);        /* the row of a format; NULL: files hold whole blocks of it */

/* Turns the shape that the matrix has into those that its codes and scales must have; ret_n: dimensions. */
void tl_apart_shapes(const struct tl_apart *apart, uint64_t shape[TL_TENSOR_DIMS], uint32_t *n, uint64_t ret_scales[TL_TENSOR_DIMS],
                     uint32_t *ret_n);

/* The scales that belong to these codes; types of both checked. */
int tl_apart_scales(const struct tl_modelfile *file, const struct tl_apart *apart, const struct tl_tensor *codes,
                    const struct tl_tensor **ret_scales);

#endif
