/* SPDX-License-Identifier: MIT */
/* A file of strings and their ids: a list of {"text": ..., KEY: [...]}. */
#ifndef TESTS_GOLDEN_TOKENIZER_TEXTS_H
#define TESTS_GOLDEN_TOKENIZER_TEXTS_H

#include <stddef.h>

struct tl_tokenizer;

const char *tests_folder(void);
struct tl_tokenizer *load_tokenizer(const char *path);        /* of a model; fails the test where it cannot */
/* Every text must give the ids under `key`; `what` names the tokenizer in messages. Returns how many texts there are. */
size_t check_strings(const char *path, const char *key, const char *what, const struct tl_tokenizer *tokenizer, unsigned flags);

#endif
