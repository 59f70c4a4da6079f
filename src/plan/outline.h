/* SPDX-License-Identifier: MIT */
/* A model without weights: its configuration, from the table of geometries or from a vendor's config.json, possibly
 * with other sizes, and the geometry that the model's own architecture reads from it. */
#ifndef TL_PLAN_OUTLINE_H
#define TL_PLAN_OUTLINE_H

#include "base/buffer.h"
#include "model/geometry.h"
#include "plan/geometries.h"

struct tl_outline_sizes {
    uint32_t layers;                     /* at most so many; 0: all */
    bool tiny;                           /* every size shrunk, the architecture kept (tiny.def) */
    uint32_t stored_experts;             /* experts that a file of it holds, each for several; 0: all */
    uint32_t vocab;                      /* another vocabulary's tokens; 0: its own */
};

struct tl_outline {
    const struct tl_known *known;        /* NULL: from a file */
    struct tl_buffer config;             /* config.json, the text model's part of it at the top */
    struct tl_modelfile *file;           /* the same as metadata */
    struct tl_geometry geometry;
};

/* source: a name of the table, a config.json, a folder that holds one, or, where it begins with "{", the configuration itself. */
int tl_outline_open(const char *source, const struct tl_outline_sizes *sizes, struct tl_outline **ret_outline);
void tl_outline_close(struct tl_outline *outline);                    /* NULL is fine */

#endif
