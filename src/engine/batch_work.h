/* SPDX-License-Identifier: MIT */
/* The work file of a batch, OUT.partial: what it belongs to, then the finished lines in the order in which they were
 * finished, each with a checksum. Appended, synced now and then; what a crash left half written is cut off. Numbers are
 * little-endian. One process at a time. */
#ifndef TL_ENGINE_BATCH_WORK_H
#define TL_ENGINE_BATCH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

/* What all answers of a file have in common. */
struct tl_batch_identity {
    uint8_t input[TL_SHA256_BYTES], defaults[TL_SHA256_BYTES];       /* of the requests; of the text of the defaults */
    uint64_t model;                      /* fingerprint: weights and formats */
    uint32_t context, reserved;
    int64_t created;                     /* the time that answers bear; not compared */
};

struct tl_batch_finished {
    uint64_t line;
    uint32_t failed, prompt_tokens;
    uint64_t tokens;
};

struct tl_batch_work;

/* TL_E_USAGE: the file there belongs to something else. With an old file its `created` replaces the identity's.
 * found(context, finished) is called for each line in it. */
int tl_batch_work_open(const char *output, struct tl_batch_identity *identity, uint64_t n_lines,
                       void (*found)(void *context, const struct tl_batch_finished *finished), void *context, struct tl_batch_work **ret_work);
void tl_batch_work_close(struct tl_batch_work *work);                 /* synced; NULL is fine */

bool tl_batch_work_has(const struct tl_batch_work *work, uint64_t line);
/* After a failure what was there before is still whole. */
int tl_batch_work_add(struct tl_batch_work *work, const struct tl_batch_finished *finished, const char *text, size_t n_bytes);
/* Writes the texts of all lines to the output, a line each, and removes the work file. */
int tl_batch_work_finish(struct tl_batch_work *work, const char *output);

/* Of the work file beside this output, which is only looked at: its context, its records; 0: there is none. */
uint32_t tl_batch_work_context(const char *output);
uint64_t tl_batch_work_lines(const char *output);

#endif
