/* SPDX-License-Identifier: MIT */
/* The table of models known by name. A row's configuration is written as in JSON and kept as text. */
#include "plan/geometries.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/option.h"

const struct tl_known tl_known[] = {
#define GEOMETRY(name, licence, native, total, active, assumed, ...) {name, licence, native, total, active, assumed, "{" #__VA_ARGS__ "}"},
#include "plan/geometries.def"
#undef GEOMETRY
};
const size_t tl_known_count = TL_COUNT(tl_known);

const struct tl_known *tl_known_find(const char *name)
{
    const char *names[TL_COUNT(tl_known)];
    char list[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < tl_known_count; i++) {
        if (strcmp(tl_known[i].name, name) == 0)
            return &tl_known[i];
        names[i] = tl_known[i].name;
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, " %s", names[i]);
    }
    const char *nearest = tl_option_nearest(name, names, tl_known_count);
    if (nearest)
        tl_fail(TL_E_USAGE, "unknown geometry \"%.80s\"; is %s meant?", name, nearest);
    else
        tl_fail(TL_E_USAGE, "unknown geometry \"%.80s\" (there are:%s; a config.json works too)", name, list);
    return NULL;
}
