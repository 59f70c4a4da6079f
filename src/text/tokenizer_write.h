/* SPDX-License-Identifier: MIT */
/* A tokenizer in the other kind of file. Ids and what text becomes stay; what has no place there is refused. */
#ifndef TL_TEXT_TOKENIZER_WRITE_H
#define TL_TEXT_TOKENIZER_WRITE_H

#include "base/buffer.h"
#include "modelfile/writer.h"
#include "text/tokenizer.h"

/* tokenizer.ggml.*, for `vocab` tokens: those that have no name are padding, more are left out. Byte-level vocabularies are named
 * by the row of pretokenizers.def that cuts as they do; normalisation is not kept. Those with U+2581 become SentencePiece's
 * where merges are what scores can say, else of the kind "gemma4". */
int tl_tokenizer_write_gguf(const struct tl_tokenizer *tokenizer, uint32_t vocab, struct tl_writer *writer);
/* tokenizer.json. Merges of a vocabulary with scores are all pairs that make a token, in the order of their scores. */
int tl_tokenizer_write_json(const struct tl_tokenizer *tokenizer, struct tl_buffer *json);

#endif
