/* SPDX-License-Identifier: MIT */
/* The lines of a batch: where each lies, read and parsed one at a time. Blank lines are none. A line that changes while
 * the batch runs is an error. */
#ifndef TL_ENGINE_BATCH_INPUT_H
#define TL_ENGINE_BATCH_INPUT_H

#include "base/file.h"
#include "base/hash.h"
#include "base/progress.h"
#include "engine/ask.h"

enum { TL_BATCH_LINES = 10000000, TL_BATCH_LINE_BYTES = 16 << 20 };

struct tl_batch_line { uint64_t offset, n_bytes, hash; };

struct tl_batch_input {
    struct tl_file *file;
    struct tl_batch_line *line;
    uint64_t n_lines;
    int64_t modified;                    /* seconds since 1970 */
    uint8_t digest[TL_SHA256_BYTES];
};

/* One line. */
struct tl_batch_request {
    struct tl_ask ask;
    char *custom_id;                     /* as JSON; NULL: there is none */
    int status;                          /* of HTTP: 200, or 400 with the members below */
    char message[512];
};

int tl_batch_input_open(const char *path, struct tl_progress *progress, struct tl_batch_input **ret_input);
void tl_batch_input_close(struct tl_batch_input *input);

/* What is wrong with the request is in ret_request; fails only for other reasons. ret_request: tl_batch_request_done. */
int tl_batch_input_read(const struct tl_batch_input *input, uint64_t index, const struct tl_engine *engine, const struct tl_ask_how *how,
                        struct tl_batch_request *ret_request);
/* The same from a text. */
int tl_batch_request_read(const char *text, size_t n_bytes, const struct tl_engine *engine, const struct tl_ask_how *how,
                          struct tl_batch_request *ret_request);
void tl_batch_request_done(struct tl_batch_request *request);

#endif
