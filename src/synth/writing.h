/* SPDX-License-Identifier: MIT */
/* Generates and writes the tensors of a file: while one half of the memory is written, threads fill the other. Private to
 * this room. */
#ifndef TL_SYNTH_WRITING_H
#define TL_SYNTH_WRITING_H

#include "base/progress.h"
#include "modelfile/writer.h"
#include "synth/filler.h"

int tl_writing_declare(struct tl_writer *writer, const struct tl_entries *entries);
int tl_writing_run(struct tl_writer *writer, const struct tl_entries *entries, struct tl_filler *filler, uint32_t threads,
                    struct tl_progress *progress);

#endif
