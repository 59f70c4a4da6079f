/* SPDX-License-Identifier: MIT */
/* Reads the header of a GGUF file piece by piece. A string's 8 bytes of length shrink to 4 in place, which leaves room
 * for a NUL behind its bytes: the region is kept once and serves as the memory of all names and values. */
#include "modelfile/source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { PIECE_BYTES = 1 << 18 };

void tl_source_done(struct tl_source *source)
{
    tl_free(source->bytes);
    source->bytes = NULL;
}

uint64_t tl_source_left(const struct tl_source *source)
{
    return source->file->size_bytes - source->at;
}

int tl_source_fail(const struct tl_source *source, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!source->kind)
        return tl_fail(TL_E_FILE, "%s: %s", source->file->path, text);
    return tl_fail(TL_E_FILE, "%s: %s %s: %s", source->file->path, source->kind,
                   (const char *)source->bytes + source->name_at + 4, text);
}

static int grow(struct tl_source *source, uint64_t wanted)
{
    if (wanted <= source->cap)
        return 0;
    uint64_t cap = 2 * source->cap > wanted ? 2 * source->cap : wanted;
    if (cap > source->file->size_bytes)
        cap = source->file->size_bytes;
    uint8_t *moved = tl_realloc(source->bytes, cap, 1);
    if (!moved)
        return TL_E_NOMEM;
    source->bytes = moved;
    source->cap = cap;
    return 0;
}

int tl_source_need(struct tl_source *source, uint64_t n, const char *field)
{
    if (n <= source->loaded - source->at)
        return 0;
    if (n > tl_source_left(source))
        return tl_source_fail(source, "%s: found %" PRIu64 " bytes behind byte %" PRIu64 ", expected %" PRIu64, field,
                              tl_source_left(source), source->at, n);
    if (n > TL_SOURCE_MAX_BYTES - source->at)
        return tl_source_fail(source, "%s: found %" PRIu64 " bytes behind byte %" PRIu64 ", expected a header of at most %d", field,
                              n, source->at, TL_SOURCE_MAX_BYTES);
    uint64_t end = source->at + n > source->loaded + PIECE_BYTES ? source->at + n : source->loaded + PIECE_BYTES;
    if (end > source->file->size_bytes)
        end = source->file->size_bytes;
    int r = grow(source, end);
    if (r >= 0)
        r = tl_file_read(source->file, source->loaded, source->bytes + source->loaded, end - source->loaded);
    if (r >= 0)
        source->loaded = end;
    return r;
}

int tl_source_u32(struct tl_source *source, const char *field, uint32_t *ret)
{
    int r = tl_source_need(source, 4, field);
    if (r < 0)
        return r;
    memcpy(ret, source->bytes + source->at, 4);
    source->at += 4;
    return 0;
}

int tl_source_u64(struct tl_source *source, const char *field, uint64_t *ret)
{
    int r = tl_source_need(source, 8, field);
    if (r < 0)
        return r;
    memcpy(ret, source->bytes + source->at, 8);
    source->at += 8;
    return 0;
}

int tl_source_string(struct tl_source *source, const char *field, uint32_t *ret_at)
{
    uint64_t n, start = source->at;
    int r = tl_source_u64(source, field, &n);
    if (r >= 0)
        r = tl_source_need(source, n, field);
    if (r < 0)
        return r;
    uint8_t *string = source->bytes + start;
    memmove(string + 4, string + 8, n);
    string[4 + n] = 0;
    source->at += n;
    *ret_at = (uint32_t)start;
    return 0;
}
