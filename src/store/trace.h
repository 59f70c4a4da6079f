/* SPDX-License-Identifier: MIT */
/* Which experts were asked for, recorded while a model runs and replayed against any policy.
 *
 * The file: "TRILLTR1", u32 banks, u32 experts of each bank, then one record an asking: bank, count, and the experts as
 * differences to the one before (the first to -1), all as LEB128. A bank that is not above the one before begins a step. */
#ifndef TL_STORE_TRACE_H
#define TL_STORE_TRACE_H

#include "store/store.h"

struct tl_policy;
struct tl_trace;

/* Writing; the file appears at close. `store` names banks and experts. */
int tl_trace_new(const struct tl_store *store, const char *path, struct tl_trace **ret_trace);
int tl_trace_add(struct tl_trace *trace, uint32_t bank, const uint32_t *experts, uint32_t n_experts);        /* NULL: nothing */
int tl_trace_close(struct tl_trace *trace);                           /* NULL is fine */
void tl_trace_drop(struct tl_trace *trace);                           /* ends it without a file; NULL is fine */

/* Reading. */
struct tl_accesses {
    uint32_t n_banks, n_keys, n_steps;
    uint32_t *keys;                      /* experts counted through all banks */
    uint32_t *ask_at;                    /* [n_asks + 1]: where each asking's begin */
    uint64_t n_accesses, n_asks;
};
int tl_trace_read(const char *path, struct tl_accesses *ret_accesses);
void tl_accesses_done(struct tl_accesses *accesses);

/* Share of the accesses that hit with `n_places` places. tl_replay: a policy; NULL: as the store chooses. tl_replay_best:
 * the clairvoyant bound (Belady 1966): who is used last leaves, and who is used later than all is not kept. */
int tl_replay(const struct tl_accesses *accesses, const struct tl_policy *policy, uint32_t n_places, double *ret_hits);
int tl_replay_best(const struct tl_accesses *accesses, uint32_t n_places, double *ret_hits);

#endif
