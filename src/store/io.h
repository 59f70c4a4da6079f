/* SPDX-License-Identifier: MIT */
/* Reads that run while the program goes on: one table, a way a row of io.def. The queue (queue.h) decides what is read
 * and when; a way of reading only carries it out. Every read that was accepted is reported once, from a thread of the
 * way's own. */
#ifndef TL_STORE_IO_H
#define TL_STORE_IO_H

#include <stdint.h>

/* result: bytes read, fewer than asked for at the end of the file or when the system likes; or -errno. */
typedef void (*tl_io_done)(void *context, uint32_t tag, int64_t result);

struct tl_io {
    const char *name;
    /* For at most `depth` reads at a time. TL_E_IO: refused here. Nothing is in flight when close is called. */
    int (*open)(uint32_t depth, tl_io_done done, void *context, void **ret_state);
    void (*close)(void *state);
    /* Never waits, never calls done itself. 0, or -errno when the read was not accepted. Calls never meet. */
    int (*read)(void *state, int fd, uint64_t offset, void *ret_bytes, uint32_t n_bytes, uint32_t tag);
};

#define IO(name, meaning) extern const struct tl_io tl_io_##name;
#include "store/io.def"
#undef IO

/* The row of that name; NULL: unknown. Rows in order: index from 0, NULL behind the last. */
const struct tl_io *tl_io_by_name(const char *name);
const struct tl_io *tl_io_at(uint32_t index);

#endif
