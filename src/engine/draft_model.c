/* SPDX-License-Identifier: MIT */
/* Drafts of a smaller model. It follows the sequence from some tokens before the place where it was first asked, so that a
 * long prompt costs it nothing; what it has said in a draft that was accepted it need not follow again. */
#include "engine/draft_model.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/draft_chain.h"
#include "engine/engine.h"

enum { CONTEXT = 1024, BEFORE = 48 };   /* tokens that it can follow; that it begins before the end of a sequence */

struct own {
    struct tl_draft_chain chain;
    uint32_t said_at, n_said;            /* followed on trial, from this place on */
    int32_t said[TL_DRAFT_MOST];
    bool fresh;
};

/* --- the model -------------------------------------------------------------------------------------------------------------- */

static int check_vocabulary(const struct tl_engine *engine, struct tl_modelfile *file, const char *path)
{
    struct tl_tokenizer *other;
    int status = tl_tokenizer_new(file, &other);
    if (status < 0)
        return status;
    uint32_t n = tl_tokenizer_size(engine->tokenizer), n_other = tl_tokenizer_size(other), id = 0;
    const char *a = "", *b = "";
    if (n != n_other)
        status = tl_fail(TL_E_USAGE, "%s: has a vocabulary of %u tokens, expected the %u of %s", path, n_other, n, tl_modelfile_path(engine->file));
    for (; id < n && status >= 0; id++) {
        a = tl_tokenizer_name(engine->tokenizer, (int32_t)id);
        b = tl_tokenizer_name(other, (int32_t)id);
        if ((a && b) ? strcmp(a, b) != 0 : a != b)
            status = tl_fail(TL_E_USAGE, "%s: token %u is \"%.40s\", expected \"%.40s\" as in %s", path, id, b ? b : "", a ? a : "",
                             tl_modelfile_path(engine->file));
    }
    tl_tokenizer_free(other);
    return status;
}

static int plan(struct tl_draft_side *side, uint32_t threads, uint32_t sessions)
{
    struct tl_model_memory memory;
    uint32_t trained = tl_model_geometry(side->model)->context;
    side->limits = (struct tl_model_limits){.context = trained < CONTEXT ? trained : CONTEXT, .sessions = sessions ? sessions : 1,
                                            .chunk = TL_DRAFT_STEP, .threads = threads};
    int status = tl_model_plan(side->model, &side->limits, &memory);
    if (status >= 0)
        side->bytes = memory.total + tl_model_staging_bytes(side->model) * threads;
    return status;
}

int tl_draft_side_open(struct tl_engine *engine, const char *path, uint32_t threads, uint32_t sessions, struct tl_draft_side **ret_side)
{
    struct tl_draft_side *side = tl_alloc(1, sizeof(*side));
    struct tl_model_choices choices = {.exact = engine->exact};
    if (!side)
        return TL_E_NOMEM;
    int status = tl_modelfile_open(path, &side->file);
    if (status >= 0)
        status = check_vocabulary(engine, side->file, path);
    if (status >= 0) {
        tl_modelfile_drop_tokenizer_json(side->file);
        status = tl_model_new(side->file, &choices, &side->meters, &side->model);
    }
    if (status >= 0)
        status = plan(side, threads, sessions);
    if (status < 0)
        tl_draft_side_close(side);
    else
        *ret_side = side;
    return status;
}

void tl_draft_side_close(struct tl_draft_side *side)
{
    if (!side)
        return;
    tl_model_free(side->model);
    tl_modelfile_close(side->file);
    tl_free(side);
}

/* --- the kind --------------------------------------------------------------------------------------------------------------- */

static uint64_t bytes(const struct tl_model *model, const struct tl_model_limits *limits)
{
    return limits->sessions * (sizeof(struct own) + tl_sampler_bytes(tl_model_geometry(model)->vocab) + CONTEXT / TL_PAGE_TOKENS * sizeof(void *));
}

static int load(struct tl_drafts *drafts, void **ret_shared)
{
    struct tl_engine *engine = drafts->engine;
    struct tl_draft_side *side = engine->draft_side;
    int status = side ? tl_model_place(side->model, &side->limits) : tl_fail(TL_E_USAGE, "no smaller model was named");
    if (status >= 0)
        status = tl_model_load(side->model, engine->pool, NULL, NULL, NULL);
    *ret_shared = NULL;
    return status;
}

static int start(struct tl_drafts *drafts, void *shared, void **ret_own)
{
    struct own *own = tl_alloc(1, sizeof(*own));
    (void)shared;
    int status = own ? tl_draft_chain_init(&own->chain, drafts->engine, drafts->engine->draft_side->model) : TL_E_NOMEM;
    if (status < 0)
        tl_free(own);
    else
        *ret_own = own;
    return status;
}

static void stop(void *context)
{
    struct own *own = context;
    tl_draft_chain_done(&own->chain);
    tl_free(own);
}

static void begin(void *context) { ((struct own *)context)->fresh = true; }

static uint32_t look(void *context, const struct tl_draft_place *place, uint32_t room, uint32_t *ret_class)
{
    (void)context;
    (void)place;
    *ret_class = 0;
    return room;
}

/* Back to what stands; begins anew where it is far behind or has no room. The place from which it follows. */
static uint32_t go_back(struct own *own, const struct tl_draft_place *place, uint32_t n_ids)
{
    struct tl_draft_chain *chain = &own->chain;
    uint32_t n = 0, end, room = tl_model_limits(chain->model)->context;
    while (n < own->n_said && own->said_at + n < place->n_ids && place->ids[own->said_at + n] == own->said[n])
        n++;
    if (own->n_said)
        tl_draft_chain_forget(chain, own->said_at + n);
    own->n_said = 0;
    if (tl_draft_chain_end(chain) >= place->n_ids)           /* behind the last id it draws */
        tl_draft_chain_forget(chain, place->n_ids - 1);
    end = tl_draft_chain_end(chain);
    if (own->fresh || end + BEFORE < place->n_ids || place->n_ids + n_ids - chain->base > room)
        tl_draft_chain_begin(chain, end = place->n_ids > BEFORE ? place->n_ids - BEFORE : 0);
    own->fresh = false;
    return end;
}

static int give(void *context, const struct tl_draft_place *place, uint32_t n_ids, int32_t *ret_ids)
{
    struct own *own = context;
    struct tl_draft_chain *chain = &own->chain;
    uint32_t at = go_back(own, place, n_ids), n = 0;
    bool behind = place->n_ids - at > TL_DRAFT_MOST + 1;     /* then this time it only follows */
    chain->place = place;
    chain->n_history = place->n_ids;
    int status = tl_draft_chain_follow(chain, place->ids + at, NULL, place->n_ids - at - behind, !behind);
    own->said_at = place->n_ids;
    for (; status >= 0 && !behind && n < n_ids; n++) {
        ret_ids[n] = chain->drawn;
        chain->n_history = place->n_ids + n + 1;
        if (n + 1 == n_ids)
            continue;
        own->said[own->n_said++] = chain->drawn;
        status = tl_draft_chain_follow(chain, ret_ids + n, NULL, 1, true);
    }
    return status < 0 ? status : (int)n;
}

const struct tl_draft_kind tl_draft_model = {
    .prior = {0.6f}, .bytes = bytes, .open = load, .start = start, .stop = stop, .begin = begin, .look = look, .give = give,
};
