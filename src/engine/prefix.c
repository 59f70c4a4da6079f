/* SPDX-License-Identifier: MIT */
/* Kept states: who is kept, who leaves, who takes what. */
#include "engine/prefix.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/prefix_folder.h"
#include "engine/session.h"

/* A state that saves fewer tokens is not kept; a fork must save a page, a wait more than the step that it may take. A
 * border is worth a state where it will save so many tokens. */
enum { KEEP_TOKENS = 64, FORK_TOKENS = 16, WAIT_TOKENS = 64, BORDER_TOKENS = 128, FETCH_TOKENS = 256 };

struct kept { struct tl_state *state; int32_t *ids; uint64_t used; };

struct tl_prefix {
    struct tl_engine *engine;
    struct kept kept[TL_PREFIX_KEPT];
    uint32_t n_kept;
    uint64_t n_ids, most_ids, uses;      /* ids of all; a clock */
    bool exact;                          /* states can go back to any position */
    struct tl_prefix_folder *folder;
};

uint64_t tl_prefix_bytes(const struct tl_model_limits *limits)
{
    uint64_t tables = TL_MAX_GROUPS * (limits->context / TL_PAGE_TOKENS + 1) * sizeof(void *);
    return sizeof(struct tl_prefix) + TL_PREFIX_KEPT * (sizeof(struct tl_state) + tables) +
           (uint64_t)limits->sessions * limits->context * sizeof(int32_t);
}

static bool is_exact(const struct tl_cache *cache)
{
    bool exact = cache->records.n_layers == 0;
    for (uint32_t i = 0; i < cache->n_groups; i++)
        exact &= cache->group[i].window == 0;
    return exact;
}

int tl_prefix_new(struct tl_engine *engine, const char *folder, uint64_t folder_bytes, struct tl_prefix **ret_prefix)
{
    const struct tl_model_limits *limits = tl_model_limits(engine->model);
    struct tl_prefix *prefix = tl_alloc(1, sizeof(*prefix));
    if (!prefix)
        return TL_E_NOMEM;
    prefix->engine = engine;
    prefix->most_ids = (uint64_t)limits->sessions * limits->context;
    prefix->exact = is_exact(tl_model_cache(engine->model));
    int status = folder ? tl_prefix_folder_new(engine, folder, folder_bytes, &prefix->folder) : 0;
    if (status < 0) {
        tl_free(prefix);
        return status;
    }
    *ret_prefix = prefix;
    return 0;
}

void tl_prefix_free(struct tl_prefix *prefix)
{
    if (!prefix)
        return;
    tl_prefix_folder_free(prefix->folder);
    prefix->folder = NULL;
    tl_prefix_clear(prefix);
    tl_free(prefix);
}

/* --- who is kept ------------------------------------------------------------------------------------------------------------ */

static void drop(struct tl_prefix *prefix, uint32_t index)
{
    struct kept *kept = &prefix->kept[index];
    prefix->n_ids -= kept->state->length;
    tl_state_free(kept->state);
    tl_free(kept->ids);
    *kept = prefix->kept[--prefix->n_kept];
}

bool tl_prefix_evict(struct tl_prefix *prefix)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < prefix->n_kept; i++)
        if (prefix->kept[i].used < prefix->kept[oldest].used)
            oldest = i;
    if (prefix->n_kept == 0)
        return prefix->folder && tl_prefix_folder_release(prefix->folder);
    drop(prefix, oldest);
    return true;
}

void tl_prefix_clear(struct tl_prefix *prefix)
{
    while (tl_prefix_evict(prefix))
        ;
}

int tl_prefix_reserve(struct tl_prefix *prefix, struct tl_state *state, uint32_t n_tokens)
{
    int status;
    while ((status = tl_state_reserve(state, n_tokens)) == TL_E_BUDGET && tl_prefix_evict(prefix))
        ;
    return status;
}

/* Can `state` stand in for one that ends where the two part, at `common`? */
static bool serves(const struct tl_state *state, uint32_t common, uint32_t length)
{
    return common == length && tl_state_nearest(state, common) == common;
}

/* One of two states that begin alike and of which one serves for both is too many. True: the new one. */
static bool thin(struct tl_prefix *prefix, const struct tl_state *state, const int32_t *ids)
{
    for (uint32_t i = prefix->n_kept; i > 0; i--) {
        struct kept *kept = &prefix->kept[i - 1];
        uint32_t common = tl_prefix_common(ids, state->length, kept->ids, kept->state->length);
        if (serves(kept->state, common, state->length)) {
            kept->used = ++prefix->uses;
            return true;
        }
        if (serves(state, common, kept->state->length))
            drop(prefix, i - 1);
    }
    return false;
}

static void keep(struct tl_prefix *prefix, const struct tl_state *state, const int32_t *ids)
{
    uint32_t length = state->length;
    if (length < KEEP_TOKENS || length > prefix->most_ids || thin(prefix, state, ids))
        return;
    while (prefix->n_kept == TL_PREFIX_KEPT || prefix->n_ids + length > prefix->most_ids)
        tl_prefix_evict(prefix);
    struct kept kept = {.ids = tl_alloc(length, sizeof(*kept.ids)), .used = ++prefix->uses};
    if (!kept.ids || tl_state_fork(state, &kept.state) < 0) {
        tl_free(kept.ids);
        return;
    }
    memcpy(kept.ids, ids, length * sizeof(*ids));
    prefix->kept[prefix->n_kept++] = kept;
    prefix->n_ids += length;
}

void tl_prefix_leave(struct tl_prefix *prefix, const struct tl_session *session)
{
    keep(prefix, session->state, session->ids);
    if (prefix->folder)
        tl_prefix_folder_put(prefix->folder, session->state, session->ids);
}

/* --- who takes what --------------------------------------------------------------------------------------------------------- */

/* The state that saves most, and where the sequence parts from those that were looked at. */
struct found { const struct tl_state *state; uint32_t length, parts; };

static bool consider(struct found *found, const struct tl_session *session, uint32_t limit, const struct tl_state *state, const int32_t *ids)
{
    uint32_t common = tl_prefix_common(session->ids, limit, ids, state->length), length = tl_state_nearest(state, common);
    found->parts = common > found->parts ? common : found->parts;
    if (length <= found->length)
        return false;
    found->state = state;
    found->length = length;
    return true;
}

static struct found look(struct tl_prefix *prefix, const struct tl_session *session, uint32_t limit)
{
    struct found found = {.length = session->state->length};
    uint32_t best = TL_PREFIX_KEPT;
    for (uint32_t i = 0; i < prefix->n_kept; i++)
        if (consider(&found, session, limit, prefix->kept[i].state, prefix->kept[i].ids))
            best = i;
    if (best < TL_PREFIX_KEPT)
        prefix->kept[best].used = ++prefix->uses;
    for (const struct tl_session *other = prefix->engine->sessions; other; other = other->next)
        if (other != session)
            consider(&found, session, limit, other->state, other->ids);
    return found;
}

static void take(struct tl_session *session, const struct found *found)
{
    struct tl_state *state;
    if (tl_state_fork(found->state, &state) < 0)
        return;                          /* no room: it is computed */
    tl_state_truncate(state, found->length);
    tl_state_free(session->state);
    session->state = state;
    session->n_reused = found->length;
}

/* An older request that is going to compute more of the same beginning. */
static struct tl_request *promising(const struct tl_prefix *prefix, const struct tl_request *request, uint32_t limit, uint32_t *ret_length)
{
    struct tl_request *best = NULL;
    *ret_length = 0;
    for (struct tl_request *other = prefix->engine->waiting; other; other = other->next_waiting) {
        const struct tl_session *from = other->session;
        if (other->finished || other->begun || other->age >= request->age)
            continue;
        uint32_t common = tl_prefix_common(request->session->ids, limit, from->ids, from->n_ids);
        if (common > *ret_length && from->state->length < common) {
            *ret_length = common;
            best = other;
        }
    }
    return best;
}

/* Ids of which no rows are wanted: others may have computed them. */
static uint32_t shareable(const struct tl_request *request)
{
    return request->rows_from < request->session->n_ids ? request->rows_from : request->session->n_ids;
}

void tl_prefix_share(struct tl_prefix *prefix, struct tl_request *request)
{
    struct tl_session *session = request->session;
    uint32_t limit = shareable(request), promised;
    request->fresh = false;
    if (limit < session->state->length + FORK_TOKENS)
        return;
    struct found found = look(prefix, session, limit);
    struct tl_request *other = promising(prefix, request, limit, &promised);
    if (other && promised >= found.length + WAIT_TOKENS) {
        if (!prefix->exact && other->border <= other->session->state->length)        /* else it keeps it where a third one parts */
            other->border = promised;
        request->fresh = true;
        return;
    }
    if (found.state && found.length >= session->state->length + FORK_TOKENS)
        take(session, &found);
    request->border = found.parts >= session->state->length + BORDER_TOKENS ? found.parts : 0;
}

void tl_prefix_passed(struct tl_prefix *prefix, struct tl_request *request)
{
    const struct tl_session *session = request->session;
    const struct tl_state *state = session->state;
    bool parts = state->length == request->border, whole = state->length == session->n_ids;
    if (parts)
        keep(prefix, state, session->ids);
    if (prefix->folder && (parts || whole))
        tl_prefix_folder_put(prefix->folder, state, session->ids);
    request->border = parts ? 0 : request->border;
}

/* --- the folder ------------------------------------------------------------------------------------------------------------- */

/* Room for a state of the file; others must not see it before it is filled. */
static int make_room(struct tl_prefix *prefix, struct tl_session *session, const struct tl_state_file *file, struct tl_state **ret_state)
{
    struct tl_state *empty, *state = session->state;
    int status = tl_state_new(tl_model_cache(prefix->engine->model), &empty);
    if (status < 0)
        return status;
    while ((status = tl_state_file_room(file, state)) == TL_E_BUDGET && tl_prefix_evict(prefix))
        ;
    if (status < 0) {
        tl_state_free(empty);
        return status;
    }
    session->state = empty;
    *ret_state = state;
    return 0;
}

static void load(struct tl_prefix *prefix, struct tl_session *session, uint32_t limit, const struct tl_state_file *file)
{
    struct tl_engine *engine = prefix->engine;
    struct tl_state *state = NULL;
    tl_engine_enter(engine);
    int status = make_room(prefix, session, file, &state);
    tl_engine_leave(engine);
    if (status >= 0)
        status = tl_state_file_read(file, state);
    tl_engine_enter(engine);
    if (state) {
        tl_state_truncate(state, status < 0 ? 0 : limit);
        tl_state_free(session->state);
        session->state = state;
    }
    session->n_reused = session->state->length;
    tl_engine_leave(engine);
}

void tl_prefix_fetch(struct tl_prefix *prefix, const struct tl_request *request)
{
    struct tl_prefix_folder *folder = prefix->folder;
    struct tl_engine *engine = prefix->engine;
    struct tl_session *session = request->session;
    uint32_t limit = shareable(request);
    if (!folder || limit < session->state->length + FETCH_TOKENS)
        return;
    tl_prefix_folder_lock(folder);       /* the second of two that begin alike finds what the first has read */
    tl_engine_enter(engine);
    uint32_t length = look(prefix, session, limit).length;
    tl_engine_leave(engine);
    struct tl_state_file *file = tl_prefix_folder_find(folder, session->ids, limit, length + FETCH_TOKENS, &limit);
    if (file)
        load(prefix, session, limit, file);
    tl_state_file_close(file);
    tl_prefix_folder_unlock(folder);
}
