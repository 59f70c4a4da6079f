/* SPDX-License-Identifier: MIT */
/* A vocabulary of single bytes and whatever added tokens a test names. */
#ifndef TESTS_TURN_VOCAB_H
#define TESTS_TURN_VOCAB_H

#include "text/tokenizer.h"

/* Names with blanks between them; one that begins with "!" is no control token. Fails the test where it cannot be built. */
struct tl_tokenizer *turn_vocab(const char *added);

#endif
