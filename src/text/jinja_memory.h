/* SPDX-License-Identifier: MIT */
/* Memory of one template or of one rendering: taken piece by piece, bounded, freed as a whole.
 * Pieces are zeroed and aligned to 16 bytes. Nothing is given back before the end. */
#ifndef TL_TEXT_JINJA_MEMORY_H
#define TL_TEXT_JINJA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct tl_jinja_chunk;

struct tl_jinja_memory {
    struct tl_jinja_chunk *chunks;       /* the newest first */
    char *at, *end;                      /* what is left of the newest */
    uint64_t used_bytes, limit_bytes;    /* 0: no limit */
};

enum { TL_JINJA_NO_ROOM = -100 };        /* of _take: past the limit; the caller turns it into a sentence */

/* NULL: out of memory (a sentence is recorded) or past the limit (*ret_status is TL_JINJA_NO_ROOM, none is). */
void *tl_jinja_memory_take(struct tl_jinja_memory *memory, size_t count, size_t elem_bytes, int *ret_status);
void tl_jinja_memory_done(struct tl_jinja_memory *memory);

#endif
