/* SPDX-License-Identifier: MIT */
/* Chunks of memory for templates and renderings. A chunk holds many small pieces; a large piece has its own chunk, put
 * behind the newest one so that the room left there is still used. */
#include "text/jinja_memory.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

enum { ALIGN = 16, CHUNK_BYTES = 64 << 10 };

struct tl_jinja_chunk {
    struct tl_jinja_chunk *next;
    _Alignas(ALIGN) char bytes[];
};

static struct tl_jinja_chunk *add_chunk(struct tl_jinja_memory *memory, size_t n_bytes)
{
    struct tl_jinja_chunk *chunk = tl_alloc(1, sizeof *chunk + n_bytes);
    if (!chunk)
        return NULL;
    if (memory->chunks && n_bytes > CHUNK_BYTES / 4) {
        chunk->next = memory->chunks->next;
        memory->chunks->next = chunk;
    } else {
        chunk->next = memory->chunks;
        memory->chunks = chunk;
    }
    return chunk;
}

void *tl_jinja_memory_take(struct tl_jinja_memory *memory, size_t count, size_t elem_bytes, int *ret_status)
{
    uint64_t n_bytes, used;
    if (!tl_checked_mul(count, elem_bytes, &n_bytes) || !tl_checked_align(n_bytes ? n_bytes : 1, ALIGN, &n_bytes) ||
        !tl_checked_add(memory->used_bytes, n_bytes, &used) || (memory->limit_bytes && used > memory->limit_bytes)) {
        *ret_status = TL_JINJA_NO_ROOM;
        return NULL;
    }
    *ret_status = TL_E_NOMEM;
    if (n_bytes > (uint64_t)(memory->end - memory->at)) {
        size_t size = n_bytes > CHUNK_BYTES / 4 ? n_bytes : CHUNK_BYTES;
        struct tl_jinja_chunk *chunk = add_chunk(memory, size);
        if (!chunk)
            return NULL;
        if (size != CHUNK_BYTES) {
            memory->used_bytes = used;
            return chunk->bytes;
        }
        memory->at = chunk->bytes;
        memory->end = chunk->bytes + size;
    }
    memory->used_bytes = used;
    void *piece = memory->at;
    memory->at += n_bytes;
    return piece;
}

void tl_jinja_memory_done(struct tl_jinja_memory *memory)
{
    while (memory->chunks) {
        struct tl_jinja_chunk *next = memory->chunks->next;
        tl_free(memory->chunks);
        memory->chunks = next;
    }
    memory->at = memory->end = NULL;
}
