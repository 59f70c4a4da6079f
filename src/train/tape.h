/* SPDX-License-Identifier: MIT */
/* Which values of a layer stay until its operations are walked backwards. Streams become versions: an operation writes
 * over the last version of its stream unless somebody needs that on the way back; then it begins a new one. Private. */
#ifndef TL_TRAIN_TAPE_H
#define TL_TRAIN_TAPE_H

#include "model/program.h"

/* What an operation needs on the way back (IN, BEFORE, AFTER: the streams it reads and writes, before and behind it), and
 * how it writes: STAYS: upon what its stream held; else over all of it. WRITES_IN: its input too. KEYS: K and V as well;
 * GATES: DB and DA. */
enum { TL_NEEDS_IN = 1, TL_NEEDS_BEFORE = 2, TL_NEEDS_AFTER = 4, TL_STAYS = 8, TL_NEEDS_KEYS = 16, TL_WRITES_IN = 32, TL_DOES_NOTHING = 64, TL_NEEDS_GATES = 128 };

/* Where a version lies: at the layer's border (X alone), in its tape, or where nobody looks behind the layer. */
enum tl_version_place { TL_AT_BORDER, TL_ON_TAPE, TL_IN_PASSING };

struct tl_version {
    enum tl_stream stream;
    enum tl_version_place place;
    bool needed;
    uint64_t at;                         /* floats of a token before it on the tape; at the border: 0 of this layer, 1 of the next */
};

/* Of an operation: the versions it reads, writes over (or copies on) and writes; of attention, keys and values;
 * of the delta rule, beta and decay. */
struct tl_taped {
    uint32_t in, before, out, in_after, key, value;
    bool again;                          /* part of what the tape holds: when the layer is computed again, others need not run */
};

struct tl_tape {
    struct tl_version *versions;
    struct tl_taped *ops;                /* of the part's operations, in their order */
    uint32_t n_versions, first_op, n_ops;
    uint64_t cap_versions;
    uint64_t token_floats;               /* that a token takes on it */
};

/* needs: of an operation. */
int tl_tape_make(const struct tl_geometry *geometry, const struct tl_op *ops, uint32_t first_op, uint32_t n_ops,
                 unsigned (*needs)(const struct tl_op *op), struct tl_tape *ret_tape);
void tl_tape_done(struct tl_tape *tape);

#endif
