/* SPDX-License-Identifier: MIT */
/* What the guide of an answer leaves no choice of. It writes texts as a tokenizer would; a model that cuts them otherwise
 * draws another id, and the draft ends there. */
#include "engine/draft.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"

struct own { int32_t ids[TL_DRAFT_MOST]; uint32_t n; };

static uint64_t bytes(const struct tl_model *model, const struct tl_model_limits *limits)
{
    (void)model;
    return limits->sessions * sizeof(struct own);
}

static int start(struct tl_drafts *drafts, void *shared, void **ret_own)
{
    (void)drafts;
    (void)shared;
    return (*ret_own = tl_alloc(1, sizeof(struct own))) ? 0 : TL_E_NOMEM;
}

static uint32_t look(void *context, const struct tl_draft_place *place, uint32_t room, uint32_t *ret_class)
{
    struct own *own = context;
    own->n = place->guide && place->guide->forced ? place->guide->forced(place->guide, own->ids, room) : 0;
    *ret_class = 0;
    return own->n;
}

static int give(void *context, const struct tl_draft_place *place, uint32_t n_ids, int32_t *ret_ids)
{
    const struct own *own = context;
    (void)place;
    memcpy(ret_ids, own->ids, n_ids * sizeof(*ret_ids));
    return (int)n_ids;
}

const struct tl_draft_kind tl_draft_grammar = {
    .prior = {0.9f}, .bytes = bytes, .start = start, .stop = tl_free, .look = look, .give = give,
};
