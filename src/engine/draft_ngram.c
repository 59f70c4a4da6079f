/* SPDX-License-Identifier: MIT */
/* What followed the end of a sequence where it occurred before in the same sequence: prompt lookup, with the longest match.
 * A continuation that reaches the end goes on with itself, so that what repeats is drafted as far as there is room. */
#include "base/error.h"
#include "base/memory.h"
#include "engine/draft.h"
#include "engine/ngrams.h"
#include "model/model.h"

struct own { struct tl_ngrams ngrams; struct tl_ngram found; bool fresh; };

static uint64_t bytes(const struct tl_model *model, const struct tl_model_limits *limits)
{
    (void)model;
    return limits->sessions * (sizeof(struct own) + tl_ngrams_bytes(limits->context));
}

static void stop(void *context)
{
    struct own *own = context;
    tl_ngrams_done(&own->ngrams);
    tl_free(own);
}

static int start(struct tl_drafts *drafts, void *shared, void **ret_own)
{
    struct own *own = tl_alloc(1, sizeof(*own));
    int status = own ? tl_ngrams_init(&own->ngrams, drafts->context) : TL_E_NOMEM;
    (void)shared;
    if (status < 0 && own)
        stop(own);
    else
        *ret_own = own;
    return status;
}

static void begin(void *context) { ((struct own *)context)->fresh = true; }

static uint32_t look(void *context, const struct tl_draft_place *place, uint32_t room, uint32_t *ret_class)
{
    struct own *own = context;
    if (own->fresh || own->ngrams.n > place->n_ids)
        tl_ngrams_clear(&own->ngrams);
    own->fresh = false;
    tl_ngrams_add(&own->ngrams, place->ids, place->n_ids);
    if (own->ngrams.n < place->n_ids || !tl_ngrams_find(&own->ngrams, place->ids, place->ids, place->n_ids, &own->found))
        return 0;
    *ret_class = tl_ngram_class(own->found.length);
    return room;
}

static int give(void *context, const struct tl_draft_place *place, uint32_t n_ids, int32_t *ret_ids)
{
    const struct own *own = context;
    for (uint32_t i = 0; i < n_ids; i++) {
        uint32_t at = own->found.at + i;
        ret_ids[i] = at < place->n_ids ? place->ids[at] : ret_ids[at - place->n_ids];
    }
    return (int)n_ids;
}

const struct tl_draft_kind tl_draft_ngram = {
    .prior = {0.12f, 0.3f, 0.5f, 0.7f, 0.9f}, .bytes = bytes, .start = start, .stop = stop, .begin = begin, .look = look, .give = give,
};
