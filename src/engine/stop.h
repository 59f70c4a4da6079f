/* SPDX-License-Identifier: MIT */
/* From ids to text that may be shown: whole characters, and nothing that could still become a stop string. */
#ifndef TL_ENGINE_STOP_H
#define TL_ENGINE_STOP_H

#include "base/buffer.h"
#include "text/tokenizer.h"

struct tl_generate;

struct tl_stop {
    struct tl_detokenizer stream;
    const struct tl_generate *how;
    struct tl_buffer *text;              /* all text so far; what lies behind `shown` is held back */
    size_t shown;
    const char *found;                   /* the stop string that was completed; NULL: none */
};

void tl_stop_init(struct tl_stop *stop, const struct tl_tokenizer *tokenizer, const struct tl_generate *how, struct tl_buffer *text);
/* 1: go on; 0: a stop string was completed, and the text ends before it; TL_E_CANCEL: the reader wants no more. */
int tl_stop_push(struct tl_stop *stop, int32_t id);
int tl_stop_flush(struct tl_stop *stop);

#endif
