/* SPDX-License-Identifier: MIT */
/* What the public handles hold, and how versioned structs cross the border. Private to this room. */
#ifndef TL_API_API_H
#define TL_API_API_H

#include <string.h>

#include "engine/chat.h"
#include "engine/generate.h"
#include "trill.h"

struct trill_model { struct tl_engine *engine; };
struct trill_session { struct tl_session *session; };

/* Copies a caller's struct, whose first member tells its size, into ours: what an older caller does not know stays as preset. */
static inline void tl_api_in(void *ours, size_t our_size, const void *theirs)
{
    size_t size;
    if (!theirs)
        return;
    memcpy(&size, theirs, sizeof(size));
    memcpy(ours, theirs, size < our_size ? size : our_size);
}

/* Copies ours out to a caller whose struct has `size` bytes: what we do not know is zero. */
static inline void tl_api_out(void *theirs, size_t size, const void *ours, size_t our_size)
{
    if (size > our_size)
        memset((char *)theirs + our_size, 0, size - our_size);
    memcpy(theirs, ours, size < our_size ? size : our_size);
    if (size >= sizeof(size))
        memcpy(theirs, &size, sizeof(size));
}

#endif
