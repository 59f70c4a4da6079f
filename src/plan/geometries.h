/* SPDX-License-Identifier: MIT */
/* Models known by name, without a file: the rows of geometries.def. */
#ifndef TL_PLAN_GEOMETRIES_H
#define TL_PLAN_GEOMETRIES_H

#include <stdbool.h>
#include <stddef.h>

struct tl_known {
    const char *name, *licence;
    const char *native;                  /* the number format that it is published in */
    double total_billions, active_billions;      /* parameters, as published */
    bool assumed;                        /* nothing is published; to be said wherever it is shown */
    const char *config;                  /* config.json */
};

extern const struct tl_known tl_known[];
extern const size_t tl_known_count;

const struct tl_known *tl_known_find(const char *name);               /* NULL: none; the sentence names the nearest */

#endif
