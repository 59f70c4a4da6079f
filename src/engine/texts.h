/* SPDX-License-Identifier: MIT */
/* Texts as ids, one behind the other: those of a file, of all files in a folder (names that begin with a dot left out,
 * sorted by path), or of the caller. Each has the BOS that the model wants. */
#ifndef TL_ENGINE_TEXTS_H
#define TL_ENGINE_TEXTS_H

#include "text/tokenizer.h"

struct tl_texts {
    int32_t *ids;
    uint64_t *starts;                    /* [n_texts + 1] */
    uint64_t n_ids, n_texts, cap_ids, cap_texts;
};

int tl_texts_add(struct tl_texts *texts, const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes);
int tl_texts_read(struct tl_texts *texts, const struct tl_tokenizer *tokenizer, const char *path);      /* TL_E_USAGE: no text there */
void tl_texts_done(struct tl_texts *texts);

/* The same files one by one, for those who read them otherwise; < 0 from `found` ends it. */
int tl_texts_walk(const char *path, int (*found)(void *context, const char *path), void *context);

#endif
