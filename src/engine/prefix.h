/* SPDX-License-Identifier: MIT */
/* Beginnings of sequences that are computed once: states that sessions leave behind, kept by their ids in memory as far as the
 * pools have pages nobody else needs, and those of long prompts in a folder of files too (prefix_folder.h).
 *
 * A sequence that begins like another one, kept or alive, takes its state by fork, so pages are shared; one that begins while
 * another computes the same beginning waits for it. States that cannot go back to any position (windows, recurrent layers)
 * are kept where sequences were seen to part. No answer depends on any of this, and nothing fails because of it.
 *
 * Unless said otherwise functions are called inside: between tl_engine_enter and leave, or by the thread that leads. */
#ifndef TL_ENGINE_PREFIX_H
#define TL_ENGINE_PREFIX_H

#include "engine/engine.h"
#include "engine/scheduler.h"

enum { TL_PREFIX_KEPT = 32 };            /* states at most */

struct tl_prefix;

/* folder: NULL: in memory only. Outside, these two; free, when no session is open, writes what waits to be written. */
int tl_prefix_new(struct tl_engine *engine, const char *folder, uint64_t folder_bytes, struct tl_prefix **ret_prefix);
void tl_prefix_free(struct tl_prefix *prefix);
uint64_t tl_prefix_bytes(const struct tl_model_limits *limits);   /* of heap at most */

/* A session is closed or set to something else: what it has computed is kept for a while, and stored where it is long. */
void tl_prefix_leave(struct tl_prefix *prefix, const struct tl_session *session);
void tl_prefix_clear(struct tl_prefix *prefix);      /* of what is in memory */
/* As tl_state_reserve: kept states make room for it. */
int tl_prefix_reserve(struct tl_prefix *prefix, struct tl_state *state, uint32_t n_tokens);
/* One state less of those that are kept or wait to be written; false: there is none. */
bool tl_prefix_evict(struct tl_prefix *prefix);
/* Before a request's first step: its session takes the longest beginning that is computed. It stays `fresh` while it waits for
 * another one. */
void tl_prefix_share(struct tl_prefix *prefix, struct tl_request *request);
/* Behind each step until what the request asked with is computed: keeps its state where others are known to part from it, and
 * stores it there and at the end. */
void tl_prefix_passed(struct tl_prefix *prefix, struct tl_request *request);
/* Outside, by the thread that asks, before it does: its session takes what the folder has, where that is more than what
 * memory has. */
void tl_prefix_fetch(struct tl_prefix *prefix, const struct tl_request *request);

static inline uint32_t tl_prefix_common(const int32_t *a, uint32_t n_a, const int32_t *b, uint32_t n_b)
{
    uint32_t n = 0;
    while (n < n_a && n < n_b && a[n] == b[n])
        n++;
    return n;
}

#endif
