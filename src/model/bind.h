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

#endif
