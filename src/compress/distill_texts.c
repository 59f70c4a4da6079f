/* SPDX-License-Identifier: MIT */
/* Runs of windows, one text each. */
#include "compress/distill_texts.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static int put(struct tl_distill_texts *t, int32_t id, uint64_t where, bool learnt)
{
    int status = tl_grow((void **)&t->ids, t->n_ids, &t->cap_ids, sizeof(*t->ids));
    if (status >= 0)
        status = tl_grow((void **)&t->where, t->n_ids, &t->cap_where, sizeof(*t->where));
    if (status >= 0)
        status = tl_grow((void **)&t->learnt, t->n_ids, &t->cap_learnt, sizeof(*t->learnt));
    if (status < 0)
        return status;
    t->ids[t->n_ids] = id;
    t->learnt[t->n_ids] = learnt;
    t->where[t->n_ids++] = where;
    return 0;
}

static int end_text(struct tl_distill_texts *t)
{
    int status = tl_grow((void **)&t->starts, t->n_texts + 1, &t->cap_starts, sizeof(*t->starts));
    if (status < 0)
        return status;
    t->starts[0] = 0;
    uint64_t n = t->n_ids - t->starts[t->n_texts];
    t->starts[++t->n_texts] = t->n_ids;
    t->longest = n > t->longest ? (uint32_t)n : t->longest;
    return 0;
}

/* Tokens [from, to) of a window. */
static int add_run(struct tl_distill_texts *t, const int32_t *ids, const int32_t *next, const uint64_t *where, uint32_t from, uint32_t to,
                   int32_t bos)
{
    bool learns = false;
    int status = 0;
    for (uint32_t i = from; i < to && !learns; i++)
        learns = next[i] >= 0;
    if (!learns)
        return 0;
    if (bos >= 0 && ids[from] != bos)
        status = put(t, bos, TL_DISTILL_NOWHERE, false);
    for (uint32_t i = from; i < to && status >= 0; i++)
        status = put(t, ids[i], where[i], i > from && next[i - 1] >= 0);
    if (status >= 0 && next[to - 1] >= 0)
        status = put(t, next[to - 1], TL_DISTILL_NOWHERE, true);
    return status < 0 ? status : end_text(t);
}

int tl_distill_texts_add(struct tl_distill_texts *t, const int32_t *ids, const uint32_t *first, const int32_t *next, const uint64_t *where,
                         uint32_t n, int32_t bos)
{
    int status = 0;
    for (uint32_t from = 0, to; from < n && status >= 0; from = to) {
        for (to = from + 1; to < n && first[to] == first[from]; to++)
            ;
        status = add_run(t, ids, next, where, from, to, bos);
    }
    return status;
}

void tl_distill_texts_done(struct tl_distill_texts *t)
{
    tl_free(t->ids);
    tl_free(t->where);
    tl_free(t->learnt);
    tl_free(t->starts);
    memset(t, 0, sizeof(*t));
}
