/* SPDX-License-Identifier: MIT */
/* What streaming weights from the drive cost and gave between two looks at a model's figures: in words and in JSON. */
#ifndef TL_CLI_STREAMING_H
#define TL_CLI_STREAMING_H

#include <stdbool.h>

#include "base/buffer.h"
#include "trill.h"

struct tl_streaming {
    struct trill_model_figures before, after;        /* before: all zero for everything since opening */
    double drive_bytes_per_s;                        /* measured; 0: unknown */
};

bool tl_streaming_is(const struct trill_model_figures *figures);      /* is anything streamed? */
/* Measures the drive where something is streamed; 0 where not, or where that fails. */
double tl_streaming_measure(struct trill_model *model, const struct trill_model_figures *figures);

void tl_streaming_note(const struct tl_streaming *streaming);         /* lines on stderr; nothing where nothing is streamed */
/* ,"streaming":{...} or nothing. */
void tl_streaming_json(const struct tl_streaming *streaming, struct tl_buffer *buffer);

#endif
