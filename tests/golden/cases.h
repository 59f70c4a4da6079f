/* SPDX-License-Identifier: MIT */
/* The golden cases: folders with a model, its ids and the logits of an independent implementation. The project's own lie
 * beside this file; ../shared/golden (or $TRILL_SHARED/golden) adds more where it exists. */
#ifndef TESTS_GOLDEN_CASES_H
#define TESTS_GOLDEN_CASES_H

#include <stddef.h>
#include <stdint.h>

struct golden {
    char folder[512], gguf[600];         /* gguf: empty where the case has none */
    const char *name;
    int32_t ids[128];
    size_t n_ids;
    float *logits;                       /* [n_ids][vocab] */
    size_t vocab;
};

/* Calls test(case) for each case whose architecture trill knows; returns how many. A case that cannot be read fails. */
int golden_each(void (*test)(const struct golden *golden));

#endif
