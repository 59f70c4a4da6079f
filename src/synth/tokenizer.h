/* SPDX-License-Identifier: MIT */
/* A tokenizer for models that were never taught: one token a byte, one that ends a text, and names that no text contains
 * up to the size of the vocabulary. Private to this room. */
#ifndef TL_SYNTH_TOKENIZER_H
#define TL_SYNTH_TOKENIZER_H

#include "base/buffer.h"
#include "modelfile/writer.h"

enum { TL_TOKENIZER_BYTES = 256, TL_TOKENIZER_END, TL_TOKENIZER_LEAST };

int tl_synth_tokenizer_gguf(struct tl_writer *writer, uint32_t vocab);
int tl_synth_tokenizer_json(struct tl_buffer *json, uint32_t vocab);          /* tokenizer.json */
int tl_synth_tokenizer_config(struct tl_buffer *json);                        /* tokenizer_config.json */

#endif
