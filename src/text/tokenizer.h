/* SPDX-License-Identifier: MIT */
/* Tokenizers: text <-> ids, built from GGUF metadata, from tokenizer.json, or from tiktoken.model.
 *
 * Kinds: byte-level BPE with the pre-tokeniser of its family (pretokenizers.def; PCRE2 with match limits), SentencePiece
 * unigram-score merging with byte fallback (llama-2, gemma), BPE on text whose blanks are U+2581 with byte fallback.
 * Text typed by a user never becomes a control token: special tokens are recognised only under TL_ENCODE_SPECIAL.
 * After building, every function may be called from any thread. */
#ifndef TL_TEXT_TOKENIZER_H
#define TL_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "modelfile/modelfile.h"

struct tl_tokenizer;

enum {
    TL_ENCODE_SPECIAL = 1,   /* control tokens in the text are recognised */
    TL_ENCODE_BOS = 2,       /* the model's own BOS and EOS wishes (add_bos_token ...) are honoured */
    TL_ENCODE_CONTINUE = 4,  /* the text goes on behind other text: no SentencePiece leading blank */
};

/* The file may be closed afterwards: everything is copied. TL_E_FILE: file, key, found and expected. */
int tl_tokenizer_new(struct tl_modelfile *file, struct tl_tokenizer **ret_tokenizer);
/* From the text of a tokenizer.json alone; `where` names it in messages. */
int tl_tokenizer_new_text(const char *where, const char *json, size_t n_bytes, struct tl_tokenizer **ret_tokenizer);
/* From the text of a tiktoken.model alone, without added tokens. */
int tl_tokenizer_new_ranks(const char *where, const char *text, size_t n_bytes, struct tl_tokenizer **ret_tokenizer);
void tl_tokenizer_free(struct tl_tokenizer *tokenizer);

/* ret_ids: tl_free. Invalid UTF-8 is encoded by its bytes, or as U+FFFD where the vocabulary lacks them. A character for
 * which it has neither a token nor bytes nor an unknown token is left out, as by the libraries that models come with. */
int tl_tokenizer_encode(const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags,
                        int32_t **ret_ids, size_t *ret_count);

/* The same, where `plain` [n_bytes] marks bytes in which no control token is recognised (a user's words inside a rendered
 * template): one is found only where none of its bytes is marked. NULL: nothing is marked. */
int tl_tokenizer_encode_marked(const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes, const uint8_t *plain,
                               unsigned flags, int32_t **ret_ids, size_t *ret_count);

uint32_t tl_tokenizer_size(const struct tl_tokenizer *tokenizer);
/* The bytes that a token stands for in running text (a blank for U+2581, one byte for <0x0A>); control tokens: their
 * name when `special`, else nothing. Borrowed. */
int tl_tokenizer_piece(const struct tl_tokenizer *tokenizer, int32_t id, bool special, const char **ret_bytes, size_t *ret_count);
/* The token's name in the vocabulary ("<|im_end|>"); id of such a name, or -1. */
const char *tl_tokenizer_name(const struct tl_tokenizer *tokenizer, int32_t id);
int32_t tl_tokenizer_id(const struct tl_tokenizer *tokenizer, const char *name, size_t n_bytes);
bool tl_tokenizer_is_control(const struct tl_tokenizer *tokenizer, int32_t id);
bool tl_tokenizer_ends(const struct tl_tokenizer *tokenizer, int32_t id);     /* EOS, EOT and the other ends of generation */
int32_t tl_tokenizer_bos(const struct tl_tokenizer *tokenizer);       /* -1: none */
int32_t tl_tokenizer_eos(const struct tl_tokenizer *tokenizer);       /* -1: none */
bool tl_tokenizer_adds_bos(const struct tl_tokenizer *tokenizer);

/* Text of many ids, bytes exactly. The leading blank that SentencePiece adds is taken off again. ret_text: tl_free. */
int tl_tokenizer_decode(const struct tl_tokenizer *tokenizer, const int32_t *ids, size_t count, bool special, char **ret_text,
                        size_t *ret_bytes);

/* Streaming: gives out only whole UTF-8 characters; what is incomplete waits. Invalid bytes pass once they cannot become
 * a character any more. */
struct tl_detokenizer {
    const struct tl_tokenizer *tokenizer;
    bool special, started;
    uint8_t pending[4];
    uint8_t n_pending;
};
void tl_detokenizer_init(struct tl_detokenizer *stream, const struct tl_tokenizer *tokenizer, bool special);
struct tl_buffer;
int tl_detokenizer_push(struct tl_detokenizer *stream, int32_t id, struct tl_buffer *out);           /* appends */
int tl_detokenizer_flush(struct tl_detokenizer *stream, struct tl_buffer *out);                      /* the incomplete rest */

#endif
