/* SPDX-License-Identifier: MIT */
/* One walk forward decides the versions; what is needed then gets its place. The input of a layer is always needed, and
 * its last X is the border of the next. */
#include "train/tape.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct walk {
    struct tl_tape *tape;
    uint32_t now[TL_STREAM_COUNT];       /* version of each stream; UINT32_MAX: none yet */
};

static int begin_version(struct walk *w, enum tl_stream stream, uint32_t *ret_version)
{
    struct tl_tape *t = w->tape;
    if (tl_grow((void **)&t->versions, t->n_versions, &t->cap_versions, sizeof(*t->versions)) < 0)
        return TL_E_NOMEM;
    t->versions[t->n_versions] = (struct tl_version){ .stream = stream, .place = TL_IN_PASSING };
    w->now[stream] = t->n_versions;
    *ret_version = t->n_versions++;
    return 0;
}

/* The version that is there, or one that begins here: what is read before anything was written holds zeros. */
static int current(struct walk *w, enum tl_stream stream, uint32_t *ret_version)
{
    *ret_version = w->now[stream];
    return *ret_version == UINT32_MAX ? begin_version(w, stream, ret_version) : 0;
}

static int written(struct walk *w, enum tl_stream stream, uint32_t before, uint32_t *ret_version)
{
    *ret_version = before;
    return w->tape->versions[before].needed ? begin_version(w, stream, ret_version) : 0;
}

static int walk_op(struct walk *w, const struct tl_op *op, unsigned needs, struct tl_taped *ret)
{
    struct tl_taped t = { 0 };
    if (needs & TL_DOES_NOTHING)
        return 0;
    TL_TRY(current(w, op->in, &t.in));
    TL_TRY(current(w, op->out, &t.before));
    if (needs & (TL_NEEDS_KEYS | TL_NEEDS_GATES)) {
        TL_TRY(current(w, needs & TL_NEEDS_KEYS ? TL_S_K : TL_S_DB, &t.key));
        TL_TRY(current(w, needs & TL_NEEDS_KEYS ? TL_S_V : TL_S_DA, &t.value));
        w->tape->versions[t.key].needed = w->tape->versions[t.value].needed = true;
    }
    w->tape->versions[t.in].needed |= (needs & TL_NEEDS_IN) != 0;
    w->tape->versions[t.before].needed |= (needs & TL_NEEDS_BEFORE) != 0;
    t.in_after = t.in;
    if (needs & TL_WRITES_IN)
        TL_TRY(written(w, op->in, t.in, &t.in_after));
    TL_TRY(written(w, op->out, t.before, &t.out));
    if (needs & TL_NEEDS_AFTER)
        w->tape->versions[t.out].needed = w->tape->versions[t.in_after].needed = true;
    *ret = t;
    return 0;
}

static void place(const struct tl_geometry *g, struct walk *w, uint32_t border)
{
    struct tl_tape *t = w->tape;
    for (uint32_t i = 0; i < t->n_versions; i++) {
        struct tl_version *v = &t->versions[i];
        if (i == border || (v->stream == TL_S_X && i == w->now[TL_S_X])) {
            v->place = TL_AT_BORDER;
            v->at = i != border;
        } else if (v->needed) {
            v->place = TL_ON_TAPE;
            v->at = t->token_floats;
            t->token_floats += (tl_stream_width(g, v->stream) + 15) / 16 * 16;
        }
    }
}

/* Backwards: what makes a version that is on the tape, or that such an operation reads. What leaves more than streams always. */
static int find_again(struct tl_tape *t, const struct tl_op *ops, unsigned (*needs)(const struct tl_op *op))
{
    TL_AUTO bool *read = tl_alloc(t->n_versions, sizeof(*read));
    if (!read)
        return TL_E_NOMEM;
    for (uint32_t i = t->n_ops; i-- > 0;) {
        struct tl_taped *at = &t->ops[i];
        unsigned need = needs(&ops[t->first_op + i]);
        at->again = !(need & TL_DOES_NOTHING) && (need & (TL_NEEDS_AFTER | TL_NEEDS_KEYS | TL_WRITES_IN) || t->versions[at->out].needed || read[at->out]);
        if (!at->again)
            continue;
        read[at->in] = read[at->before] = true;
    }
    return 0;
}

int tl_tape_make(const struct tl_geometry *g, const struct tl_op *ops, uint32_t first_op, uint32_t n_ops,
                 unsigned (*needs)(const struct tl_op *op), struct tl_tape *ret_tape)
{
    struct walk walk = { .tape = ret_tape };
    uint32_t border = 0;
    memset(walk.now, 0xff, sizeof(walk.now));
    *ret_tape = (struct tl_tape){ .first_op = first_op, .n_ops = n_ops };
    ret_tape->ops = tl_alloc(n_ops, sizeof(*ret_tape->ops));
    int status = ret_tape->ops ? begin_version(&walk, TL_S_X, &border) : TL_E_NOMEM;
    if (status >= 0)
        ret_tape->versions[border].needed = true;
    for (uint32_t i = 0; i < n_ops && status >= 0; i++)
        status = walk_op(&walk, &ops[first_op + i], needs(&ops[first_op + i]), &ret_tape->ops[i]);
    if (status >= 0)
        status = find_again(ret_tape, ops, needs);
    if (status >= 0)
        place(g, &walk, border);
    else
        tl_tape_done(ret_tape);
    return status;
}

void tl_tape_done(struct tl_tape *tape)
{
    tl_free(tape->versions);
    tl_free(tape->ops);
    *tape = (struct tl_tape){ 0 };
}
