/* SPDX-License-Identifier: MIT */
/* Which model a file holds, for what is kept about it: a digest of its size, and of the names, types, shapes and both ends of the
 * bytes of all tensors. */
#ifndef TL_COMPRESS_IDENTITY_H
#define TL_COMPRESS_IDENTITY_H

#include "base/hash.h"
#include "modelfile/modelfile.h"

int tl_identity_of(const struct tl_modelfile *file, uint8_t ret_digest[TL_SHA256_BYTES]);

#endif
