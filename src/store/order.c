/* SPDX-License-Identifier: MIT */
/* The order in which a step uses the trunk, as the model tells it, cut into what passes through the ring as one. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store_impl.h"

enum { PANELS_BYTES = 8 << 20, LEAST_CUTS = 4, MOST_READ_BYTES = 8 << 20 };

/* Matrices that follow each other without gaps are one of as many rows. */
static struct tl_slot joined(const struct tl_slot *slot)
{
    struct tl_slot cut = *slot;
    struct tl_matrix *m = &cut.matrix;
    bool joins = m->count > 1 && !m->each && !m->number && !m->transposed && m->row_step == 1 && m->matrix_step == m->rows &&
                 m->rows % TL_PANEL_ROWS == 0 && (uint64_t)m->rows * m->count <= 1u << 28;
    if (!joins)
        return cut;
    cut.matrix_bytes *= m->count;
    cut.n_panels *= m->count;
    m->rows *= m->count;
    m->count = 1;
    return cut;
}

static enum tl_passes passes_as(const struct tl_slot *slot, enum tl_use_kind kind)
{
    static const enum tl_passes as[] = { TL_PASSES_WHOLE, TL_PASSES_PANELS, TL_PASSES_ROWS, TL_PASSES_NEVER };
    const struct tl_matrix *m = &slot->matrix;
    bool all_at_once = m->transposed && slot->stored_bytes / m->count > MOST_READ_BYTES;
    if (m->form != TL_WEIGHT_PANELS || slot->routed || all_at_once || (kind != TL_USE_WHOLE && (m->transposed || m->count > 1)))
        return TL_PASSES_NEVER;
    return as[kind];
}

/* A slot that is used in several ways: rows come from anywhere, panels from a whole too, but nothing from what must stay. */
static enum tl_passes both(enum tl_passes a, enum tl_passes b)
{
    if (a == TL_PASSES_ROWS || b == TL_PASSES_ROWS)
        return a == TL_PASSES_ROWS ? b : a;
    return a == b ? a : TL_PASSES_NEVER;
}

static int add_use(struct tl_store *s, const struct tl_use_cut *use)
{
    struct tl_trunk *t = &s->trunk;
    if (tl_grow((void **)&t->uses, t->n_uses, &t->cap_uses, sizeof(*t->uses)) < 0)
        return TL_E_NOMEM;
    t->uses[t->n_uses++] = *use;
    return tl_use_cut(s, &t->cuts[use->slot], &t->uses[t->n_uses - 1]);
}

static int add_cuts(struct tl_store *s, const struct tl_use *use)
{
    const struct tl_slot *cut = &s->trunk.cuts[use->id];
    uint64_t n = 1, stored = cut->stored_bytes / cut->n_panels;
    if (use->kind == TL_USE_PANELS) {
        n = (cut->bytes + PANELS_BYTES - 1) / PANELS_BYTES;
        n = n < LEAST_CUTS ? LEAST_CUTS : n;
        n = n < cut->n_panels ? n : cut->n_panels;
    }
    int status = 0;
    for (uint64_t i = 0; i < n && status >= 0; i++) {
        uint32_t from = (uint32_t)(cut->n_panels * i / n), to = (uint32_t)(cut->n_panels * (i + 1) / n);
        uint64_t bytes = n == 1 ? cut->bytes : (to - from) * (cut->matrix_bytes / cut->n_panels);
        struct tl_use_cut one = {
            .slot = use->id, .group = use->group, .panel_from = from, .panel_to = to, .kind = use->kind,
            .bytes = (bytes + TL_ARENA_ALIGN - 1) / TL_ARENA_ALIGN * TL_ARENA_ALIGN, .stored_bytes = n == 1 ? cut->stored_bytes : stored * (to - from),
        };
        status = add_use(s, &one);
    }
    return status;
}

int tl_store_order(struct tl_store *s, const struct tl_use *uses, uint32_t n_uses, uint32_t n_body)
{
    struct tl_trunk *t = &s->trunk;
    t->is_split = false;
    t->cuts = tl_alloc(s->n_slots, sizeof(*t->cuts));
    bool *seen = tl_alloc(s->n_slots, sizeof(*seen));
    int status = t->cuts && seen ? 0 : TL_E_NOMEM;
    for (uint32_t i = 0; i < s->n_slots && status >= 0; i++)
        t->cuts[i] = joined(&s->slots[i]);
    for (uint32_t i = 0; i < n_uses && status >= 0; i++) {
        struct tl_slot *slot = &s->slots[uses[i].id];
        enum tl_passes as = passes_as(slot, uses[i].kind);
        slot->passes = seen[uses[i].id] ? both(slot->passes, as) : as;
        seen[uses[i].id] = true;
    }
    for (uint32_t i = 0; i < n_uses && status >= 0; i++) {
        enum tl_passes passes = s->slots[uses[i].id].passes;
        if (uses[i].kind != TL_USE_ROWS && passes != TL_PASSES_NEVER)
            status = add_cuts(s, &uses[i]);
        t->n_body = i < n_body ? t->n_uses : t->n_body;
    }
    tl_free(seen);
    return status;
}
