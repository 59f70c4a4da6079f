/* SPDX-License-Identifier: MIT */
/* Private to this room: the header region of a GGUF file, read front to back. Bytes are read from the file in pieces as
 * the reader asks for them, never more than the file has, and stay in one run of memory whose places are offsets:
 * the run may move as it grows. */
#ifndef TL_MODELFILE_SOURCE_H
#define TL_MODELFILE_SOURCE_H

#include "base/file.h"

enum { TL_SOURCE_MAX_BYTES = 1 << 28 };      /* the largest published header has some 20 MB */

struct tl_source {
    const struct tl_file *file;
    uint8_t *bytes;
    uint64_t loaded, cap, at;
    const char *kind;                    /* for messages: "key" or "tensor"; NULL: no name is known */
    uint32_t name_at;                    /* and the place of its name */
};

void tl_source_done(struct tl_source *source);
/* Makes the next n bytes present, without passing them; `field` says in messages what they are for. */
int tl_source_need(struct tl_source *source, uint64_t n, const char *field);
int tl_source_u32(struct tl_source *source, const char *field, uint32_t *ret);
int tl_source_u64(struct tl_source *source, const char *field, uint64_t *ret);
/* A string of GGUF. In memory it becomes its length in 4 bytes, its bytes and a NUL, at *ret_at. */
int tl_source_string(struct tl_source *source, const char *field, uint32_t *ret_at);
/* Bytes of the file behind the place reached. */
uint64_t tl_source_left(const struct tl_source *source);
/* "PATH: KIND NAME: <text>" as TL_E_FILE. */
int tl_source_fail(const struct tl_source *source, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
