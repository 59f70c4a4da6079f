/* SPDX-License-Identifier: MIT */
/* A golden model, opened with the places of its tensors: what tests of schemes and sizes are about. */
#ifndef TESTS_MODEL_AT_HAND_H
#define TESTS_MODEL_AT_HAND_H

#include "base/memory.h"
#include "compress/place.h"
#include "golden_file.h"
#include "must.h"

struct at_hand {
    struct tl_modelfile *file;
    struct tl_meters meters;
    struct tl_model *model;
    struct tl_place *places;
    const struct tl_number **numbers;    /* [tensors], NULL each */
    uint64_t n;
};

static inline void at_hand_open(struct at_hand *h, const char *path)
{
    static const struct tl_model_choices choices;
    *h = (struct at_hand){0};
    must(tl_modelfile_open(path, &h->file));
    must(tl_model_new(h->file, &choices, &h->meters, &h->model));
    must(tl_place_all(h->model, h->file, NULL, &h->places));
    h->n = tl_modelfile_tensors(h->file);
    h->numbers = tl_alloc(h->n, sizeof(*h->numbers));
    assert_non_null(h->numbers);
}

static inline void at_hand_close(struct at_hand *h)
{
    tl_free(h->numbers);
    tl_free(h->places);
    tl_model_free(h->model);
    tl_modelfile_close(h->file);
}

static inline uint64_t at_hand_index(const struct at_hand *h, const char *name)
{
    const struct tl_tensor *tensor = tl_modelfile_find(h->file, name);
    assert_non_null(tensor);
    return (uint64_t)(tensor - tl_modelfile_tensor(h->file, 0));
}

#endif
