/* SPDX-License-Identifier: MIT */
/* A vocabulary of all bytes, pieces that are usual in JSON and some that are not, a control token and an end of generation. */
#ifndef TESTS_UNIT_GRAMMAR_SMALL_VOCAB_H
#define TESTS_UNIT_GRAMMAR_SMALL_VOCAB_H

#include "text/tokenizer.h"

struct tl_tokenizer *small_vocab(void);
extern const char *const small_vocab_pieces[];
enum { SMALL_CONTROL = 256, SMALL_END, SMALL_PIECES };                /* 0 .. 255 are the bytes */

#endif
