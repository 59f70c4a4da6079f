/* SPDX-License-Identifier: MIT */
/* The table of ways of reading. */
#include "store/io.h"

#include <stddef.h>
#include <string.h>

static const struct tl_io *const ways[] = {
#define IO(name, meaning) &tl_io_##name,
#include "base/array.h"
#include "store/io.def"
#undef IO
    NULL,
};

const struct tl_io *tl_io_at(uint32_t index) { return index < TL_COUNT(ways) ? ways[index] : NULL; }

const struct tl_io *tl_io_by_name(const char *name)
{
    for (uint32_t i = 0; ways[i]; i++)
        if (!strcmp(ways[i]->name, name))
            return ways[i];
    return NULL;
}
