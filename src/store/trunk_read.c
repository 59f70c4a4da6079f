/* SPDX-License-Identifier: MIT */
/* What the trunk takes in memory, what a frame of it reads from the file, and how that is packed into the ring: pieces of a
 * weight, or rows of the embedding one by one. */
#include "base/memory.h"
#include "store/frames.h"

/* --- layout --- */

uint64_t tl_trunk_raw_bytes(const struct tl_store *s)
{
    const struct tl_trunk *t = &s->trunk;
    uint64_t most = 0;
    for (uint32_t i = 0; i < t->n_uses; i++)
        if (!s->slots[t->uses[i].slot].resident && t->uses[i].raw_bytes > most)
            most = t->uses[i].raw_bytes;
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].passes && !s->slots[i].resident && !s->slots[i].matrix.transposed) {
            uint64_t bytes = tl_panels_raw_bytes(&t->cuts[i], &(struct tl_piece){.panel_to = 1});
            most = bytes > most ? bytes : most;
        }
    return most;
}

/* Of a thread: what packing takes, and a panel of which one row is wanted. */
uint64_t tl_trunk_scratch(const struct tl_store *s)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        const struct tl_slot *slot = &s->slots[i];
        if (!slot->passes || slot->resident)
            continue;
        uint64_t bytes = tl_slot_scratch(slot) + slot->matrix_bytes / slot->n_panels;
        most = bytes > most ? bytes : most;
    }
    return (most + TL_ARENA_ALIGN - 1) / TL_ARENA_ALIGN * TL_ARENA_ALIGN;
}

void tl_trunk_place(struct tl_store *s, struct tl_arena *arena)
{
    struct tl_trunk *t = &s->trunk;
    t->first_frame = s->limits.frames;
    t->ring = tl_arena_take(arena, 1, t->ring_bytes);
    t->passes = tl_arena_take(arena, TL_IN_RING, sizeof(*t->passes));
    t->first = t->end = t->next_at = 0;
    t->next_use = 0;
    t->tails = t->tails_left = 1;
    if (tl_arena_counting(arena) || arena->overflow)
        return;
    for (uint32_t i = 0; i <= TL_IN_RING; i++)
        s->drive.frames[t->first_frame + i] = (struct tl_frame){.key = TL_NO_KEY, .place = TL_NONE, .ring = TL_NONE, .bank = TL_TRUNK};
    s->drive.frames[tl_rows_frame(s)].bank = TL_ROWS;
}

void tl_trunk_done(struct tl_store *s)
{
    tl_free(s->trunk.cuts);
    tl_free(s->trunk.uses);
}

/* --- what a frame of the trunk reads, and where it goes --- */

static uint32_t panel_of_row(const struct tl_store *s, uint32_t index) { return (uint32_t)s->trunk.rows.rows[index] / TL_PANEL_ROWS; }

/* A row alone; with its panel, where scales lie apart. */
static uint32_t row_extents(const struct tl_store *s, uint32_t index, struct tl_extent ret_extents[TL_EXTENTS])
{
    const struct tl_slot *cut = &s->trunk.cuts[s->trunk.rows.slot];
    const struct tl_matrix *m = &cut->matrix;
    uint32_t panel = panel_of_row(s, index);
    if (m->number || m->each)
        return tl_panels_extents(cut, &(struct tl_piece){.panel_from = panel, .panel_to = panel + 1}, ret_extents);
    uint64_t row = m->first_row + (uint64_t)s->trunk.rows.rows[index] * m->row_step;
    ret_extents[0] = (struct tl_extent){m->tensor->part, m->tensor->offset + row * cut->row_bytes, cut->row_bytes};
    return 1;
}

uint32_t tl_trunk_extents(const struct tl_store *s, const struct tl_frame *f, uint32_t piece, struct tl_extent ret_extents[TL_EXTENTS])
{
    const struct tl_trunk *t = &s->trunk;
    if (f->bank == TL_ROWS)
        return row_extents(s, piece, ret_extents);
    const struct tl_use_cut *use = &t->uses[f->expert];
    return tl_panels_extents(&t->cuts[use->slot], &s->pieces[use->first_piece + piece], ret_extents);
}

static void decode_row(const struct tl_store *s, const struct tl_raw *raw, uint8_t *scratch)
{
    const struct tl_rows *r = &s->trunk.rows;
    const struct tl_slot *cut = &s->trunk.cuts[r->slot];
    float *values = r->values + raw->piece * r->stride;
    if (!cut->matrix.number && !cut->matrix.each) {
        tl_number_decode(cut->number, raw->read[0], cut->matrix.cols, values);
        return;
    }
    uint32_t panel = panel_of_row(s, raw->piece);
    uint8_t *packed = scratch + tl_slot_scratch(cut);
    tl_panels_pack(cut, &(struct tl_piece){.panel_from = panel, .panel_to = panel + 1}, panel, panel + 1, raw->read, scratch, packed);
    tl_panel_row_decode(cut->number, packed, (uint32_t)r->rows[raw->piece] % TL_PANEL_ROWS, cut->matrix.cols, values);
}

void tl_trunk_pack(const struct tl_store *s, const struct tl_frame *f, const struct tl_raw *raw, uint32_t cut, uint32_t cuts, uint8_t *scratch)
{
    const struct tl_trunk *t = &s->trunk;
    if (f->bank == TL_ROWS) {
        if (cut == 0)
            decode_row(s, raw, scratch);
        return;
    }
    const struct tl_use_cut *use = &t->uses[f->expert];
    const struct tl_slot *slot = &t->cuts[use->slot];
    const struct tl_piece *piece = &s->pieces[use->first_piece + raw->piece];
    uint32_t n = piece->panel_to - piece->panel_from, from = piece->panel_from + n * cut / cuts, to = piece->panel_from + n * (cut + 1) / cuts;
    const struct tl_pass *pass = tl_pass_at(s, raw->frame - t->first_frame);
    uint8_t *memory = t->ring + pass->at % t->ring_bytes + piece->matrix * slot->matrix_bytes;
    tl_panels_pack(slot, piece, from, to, raw->read, scratch, memory + (from - use->panel_from) * (slot->matrix_bytes / slot->n_panels));
}
