/* SPDX-License-Identifier: MIT */
/* How fast a file can be read directly, in requests of any size and any number of them at a time, through a row of io.def:
 * what the drive gives to streaming, before there is a model. Requests come in an order without use for any cache of the
 * drive, and none is read twice before all have been. Nothing is computed, nothing is kept. */
#ifndef TL_STORE_PROBE_H
#define TL_STORE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "store/io.h"

struct tl_probe;

/* The largest requests that the store makes, and how many of them at a time. */
extern const uint64_t tl_probe_usual_bytes;
extern const uint32_t tl_probe_usual_depth;

/* Reads of a file that is there; for requests of at most most_bytes, at most most_depth at a time. io NULL: the best that
 * works here. */
int tl_probe_open(const char *path, const struct tl_io *io, uint32_t most_depth, uint64_t most_bytes, struct tl_probe **ret_probe);
/* Writes a file of n_bytes first, random and with no name: it is gone with the process, however that ends. `folder` is
 * there. TL_E_IO where there is no room or writing is not allowed. */
int tl_probe_new(const char *folder, uint64_t n_bytes, const struct tl_io *io, uint32_t most_depth, uint64_t most_bytes,
                 struct tl_progress *progress, struct tl_probe **ret_probe);
void tl_probe_close(struct tl_probe *probe);                          /* NULL is fine */

bool tl_probe_direct(const struct tl_probe *probe);                   /* past the system's cache? */
bool tl_probe_whole(const struct tl_probe *probe);                    /* without holes? Those are read from nowhere */
const char *tl_probe_io(const struct tl_probe *probe);                /* "uring" */
uint64_t tl_probe_size(const struct tl_probe *probe);                 /* bytes of the file */

/* Bytes a second for about so long; TL_E_CANCEL as progress says. */
int tl_probe_read(struct tl_probe *probe, uint64_t request_bytes, uint32_t depth, double seconds, const struct tl_progress *progress,
                  double *ret_bytes_per_s);

#endif
