/* SPDX-License-Identifier: MIT */
/* Statistics of a sweep, gathered by observing operations: what routers choose, how large experts answer, second moments
 * of what enters linear operations. Sums are doubles, each in the order of the tokens, so no bit of them depends on
 * threads, chunk or block. Only counted tokens enter: those whose next token is scored. */
#ifndef TL_ENGINE_TAPS_H
#define TL_ENGINE_TAPS_H

#include "engine/score.h"

struct tl_taps;

uint64_t tl_taps_bytes(const struct tl_model *model, unsigned taps);
int tl_taps_new(struct tl_engine *engine, unsigned taps, struct tl_taps **ret_taps);
void tl_taps_free(struct tl_taps *taps);
uint32_t tl_taps_kinds(const struct tl_taps *taps);                   /* for tl_tap.kinds */
void tl_taps_begin(struct tl_taps *taps, const uint8_t *counted, uint64_t n_counted);     /* a step, [tokens]; n_counted: that are new */
void tl_taps_seen(struct tl_taps *taps, const struct tl_seen *seen);
void *tl_taps_sums(struct tl_taps *taps, uint64_t *ret_bytes);        /* all of them, for checkpoints */
/* stats_file.c: `tap` is one of TL_TAP_... */
int tl_taps_write(const struct tl_taps *taps, unsigned tap, const char *path);

#endif
