/* SPDX-License-Identifier: MIT */
/* The file of a tiny model, whose tokenizer has one token a byte. */
#ifndef TESTS_UNIT_TRAIN_WORDS_H
#define TESTS_UNIT_TRAIN_WORDS_H

#include "synth/synth.h"

static inline int make_words(const char *path)
{
    struct tl_synth how = { .source = "smollm2-135m", .output = path, .sizes = {.tiny = true}, .skew = 0.25, .threads = 1 };
    struct tl_synth_figures figures;
    return tl_synth_write(&how, NULL, &figures);
}

#endif
