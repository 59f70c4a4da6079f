/* SPDX-License-Identifier: MIT */
/* What followed the end of a sequence in earlier answers of this engine. A bounded text of ids, in blocks as the answers
 * came; when it is full the older half goes. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/draft.h"
#include "engine/ngrams.h"
#include "model/model.h"

enum { MOST = 1 << 15, BLOCK = 64, OVERLAP = 8, APART = -1 };

struct shared { int32_t ids[MOST]; uint32_t n; struct tl_ngrams ngrams; };

struct own {
    struct shared *shared;
    int32_t block[BLOCK];                /* of the answer, not yet in the text */
    uint32_t n_block, n_seen;            /* n_seen: ids of the sequence that were put there, or are no answer */
    bool fresh;
    struct tl_ngram found;
};

static uint64_t bytes(const struct tl_model *model, const struct tl_model_limits *limits)
{
    (void)model;
    return sizeof(struct shared) + tl_ngrams_bytes(MOST) + limits->sessions * sizeof(struct own);
}

static void close_shared(void *context)
{
    struct shared *shared = context;
    if (shared)
        tl_ngrams_done(&shared->ngrams);
    tl_free(shared);
}

static int open_shared(struct tl_drafts *drafts, void **ret_shared)
{
    struct shared *shared = tl_alloc(1, sizeof(*shared));
    int status = shared ? tl_ngrams_init(&shared->ngrams, MOST) : TL_E_NOMEM;
    (void)drafts;
    if (status < 0)
        close_shared(shared);
    else
        *ret_shared = shared;
    return status;
}

static int start(struct tl_drafts *drafts, void *shared, void **ret_own)
{
    struct own *own = tl_alloc(1, sizeof(*own));
    (void)drafts;
    if (!own)
        return TL_E_NOMEM;
    own->shared = shared;
    *ret_own = own;
    return 0;
}

static void begin(void *context) { ((struct own *)context)->fresh = true; }

static void put(struct shared *s, const int32_t *ids, uint32_t n)
{
    if (s->n + n + 1 > MOST) {
        memmove(s->ids, s->ids + s->n / 2, (s->n - s->n / 2) * sizeof(*s->ids));
        s->n -= s->n / 2;
        tl_ngrams_clear(&s->ngrams);
    }
    s->ids[s->n++] = APART;
    memcpy(s->ids + s->n, ids, n * sizeof(*ids));
    s->n += n;
    tl_ngrams_add(&s->ngrams, s->ids, s->n);
}

static void flush(struct own *own)
{
    uint32_t kept = own->n_block < OVERLAP ? own->n_block : OVERLAP;
    if (own->n_block > OVERLAP)
        put(own->shared, own->block, own->n_block);
    memmove(own->block, own->block + own->n_block - kept, kept * sizeof(*own->block));
    own->n_block = kept;
}

static void take(struct own *own, const struct tl_draft_place *place)
{
    if (own->fresh) {
        flush(own);
        own->n_block = 0;
        own->n_seen = place->n_prompt;
    }
    own->fresh = false;
    for (; own->n_seen < place->n_ids; own->n_seen++) {
        if (own->n_block == BLOCK)
            flush(own);
        own->block[own->n_block++] = place->ids[own->n_seen];
    }
}

static uint32_t look(void *context, const struct tl_draft_place *place, uint32_t room, uint32_t *ret_class)
{
    struct own *own = context;
    const struct shared *s = own->shared;
    take(own, place);
    if (!tl_ngrams_find(&s->ngrams, s->ids, place->ids, place->n_ids, &own->found))
        return 0;
    uint32_t n = 0;
    while (n < room && own->found.at + n < s->n && s->ids[own->found.at + n] >= 0)
        n++;
    *ret_class = tl_ngram_class(own->found.length);
    return n;
}

static int give(void *context, const struct tl_draft_place *place, uint32_t n_ids, int32_t *ret_ids)
{
    const struct own *own = context;
    (void)place;
    memcpy(ret_ids, own->shared->ids + own->found.at, n_ids * sizeof(*ret_ids));
    return (int)n_ids;
}

const struct tl_draft_kind tl_draft_answers = {
    .prior = {0.08f, 0.2f, 0.4f, 0.6f, 0.85f}, .bytes = bytes, .open = open_shared, .close = close_shared, .start = start, .stop = tl_free,
    .begin = begin, .look = look, .give = give,
};
