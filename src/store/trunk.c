/* SPDX-License-Identifier: MIT */
/* Weights that pass through: a ring of bytes which they enter in the order of their use and leave in the same order, read
 * ahead as far as there is room, so that the drive need not wait for the step. Only the thread that runs a step comes
 * here; what the drive's threads touch is under the drive's lock. A pin that does not follow the order is still right:
 * what lies before it goes, and reading begins anew from there. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/frames.h"

static struct tl_pass *pass_at(const struct tl_store *s, uint64_t number) { return &s->trunk.passes[number % TL_IN_RING]; }
static uint32_t frame_of(const struct tl_store *s, uint64_t number) { return s->trunk.first_frame + (uint32_t)(number % TL_IN_RING); }
static uint32_t rows_frame(const struct tl_store *s) { return s->trunk.first_frame + TL_IN_RING; }

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
    s->drive.frames[rows_frame(s)].bank = TL_ROWS;
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
    const struct tl_pass *pass = pass_at(s, raw->frame - t->first_frame);
    uint8_t *memory = t->ring + pass->at % t->ring_bytes + piece->matrix * slot->matrix_bytes;
    tl_panels_pack(slot, piece, from, to, raw->read, scratch, memory + (from - use->panel_from) * (slot->matrix_bytes / slot->n_panels));
}

/* --- the ring, under lock --- */

/* To the next use that passes; false: there is none. */
static bool seek_passing(struct tl_store *s)
{
    struct tl_trunk *t = &s->trunk;
    for (uint32_t tries = 0; tries <= 2 * t->n_uses; tries++) {
        if (t->next_use == t->n_body && !t->tails_left)
            t->next_use = t->n_uses;
        if (t->next_use == t->n_uses) {
            t->tails_left -= t->tails_left > 0;
            t->next_use = t->tails_left && t->n_body < t->n_uses ? t->n_body : 0;
            t->tails_left = t->next_use ? t->tails_left : t->tails;
        }
        if (!s->slots[t->uses[t->next_use].slot].resident)
            return true;
        t->next_use++;
    }
    return false;
}

/* Where so many bytes go: never across the end. false: no room yet. */
static bool find_room(struct tl_trunk *t, uint64_t bytes, const struct tl_pass *oldest)
{
    uint64_t at = oldest ? t->next_at : 0;
    if (at % t->ring_bytes + bytes > t->ring_bytes)
        at += t->ring_bytes - at % t->ring_bytes;
    if (at + bytes - (oldest ? oldest->at : 0) > t->ring_bytes)
        return false;
    t->next_at = at;
    return true;
}

void tl_trunk_fill(struct tl_store *s)
{
    struct tl_trunk *t = &s->trunk;
    while (t->ring_bytes && t->end - t->first < TL_IN_RING && seek_passing(s)) {
        const struct tl_use_cut *use = &t->uses[t->next_use];
        if (!find_room(t, use->bytes, t->first < t->end ? pass_at(s, t->first) : NULL))
            break;
        struct tl_frame *f = tl_frame_at(s, frame_of(s, t->end));
        *pass_at(s, t->end) = (struct tl_pass){.use = t->next_use, .at = t->next_at};
        f->expert = t->next_use;
        f->n_pieces = use->n_pieces;
        t->next_at += use->bytes;
        tl_drive_queue(&s->drive, frame_of(s, t->end), TL_NEXT);
        t->end++;
        t->next_use++;
    }
    tl_drive_pump(&s->drive);
}

static void pop(struct tl_store *s)
{
    struct tl_trunk *t = &s->trunk;
    while (t->first < t->end && pass_at(s, t->first)->gone && tl_frame_at(s, frame_of(s, t->first))->state != TL_FRAME_LOADING)
        t->first++;
}

/* It is not needed any more; what is in flight of it comes to nothing. */
static void let_go(struct tl_store *s, uint64_t number)
{
    struct tl_frame *f = tl_frame_at(s, frame_of(s, number));
    pass_at(s, number)->gone = true;
    if (f->state == TL_FRAME_LOADING && !f->given_up)
        tl_drive_give_up(&s->drive, frame_of(s, number));
    if (f->state != TL_FRAME_LOADING || !f->n_left)
        f->state = TL_FRAME_EMPTY;
    pop(s);
}

/* What is neither pinned nor from `number` on goes. */
static void pass_over(struct tl_store *s, uint64_t number)
{
    for (uint64_t n = s->trunk.first; n < s->trunk.end && n < number; n++)
        if (!pass_at(s, n)->gone && !pass_at(s, n)->pins)
            let_go(s, n);
}

/* The newest ones make room too, when nothing comes behind them. */
static void take_back(struct tl_store *s)
{
    struct tl_trunk *t = &s->trunk;
    for (; t->end > t->first && pass_at(s, t->end - 1)->gone && tl_frame_at(s, frame_of(s, t->end - 1))->state != TL_FRAME_LOADING; t->end--)
        t->next_at = pass_at(s, t->end - 1)->at;
}

void tl_trunk_finish(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = tl_frame_at(s, frame);
    if (f->n_left)
        return;
    f->state = f->given_up ? TL_FRAME_EMPTY : TL_FRAME_READY;
    if (f->bank == TL_TRUNK && f->given_up) {
        pop(s);
        tl_trunk_fill(s);
    }
}

void tl_trunk_drop(struct tl_store *s, uint32_t frame)
{
    struct tl_trunk *t = &s->trunk;
    uint64_t number = t->first + (frame - t->first_frame + TL_IN_RING - t->first % TL_IN_RING) % TL_IN_RING;
    tl_frame_at(s, frame)->state = TL_FRAME_READY;
    let_go(s, number);
}

void tl_trunk_rewind(struct tl_store *s)
{
    pass_over(s, UINT64_MAX);
    take_back(s);
    s->trunk.next_use = 0;
    s->trunk.tails_left = s->trunk.tails;
}

/* The pass of that weight that comes next, or is pinned. UINT64_MAX: none. */
static uint64_t find(const struct tl_store *s, uint32_t id, uint32_t panel)
{
    const struct tl_trunk *t = &s->trunk;
    for (uint64_t n = t->first; n < t->end; n++) {
        const struct tl_use_cut *use = &t->uses[pass_at(s, n)->use];
        if (!pass_at(s, n)->gone && use->slot == id && use->panel_from == panel)
            return n;
    }
    return UINT64_MAX;
}

/* Reading goes on with the next use of that weight behind the one that was to be next. */
static int jump(struct tl_store *s, uint32_t id, uint32_t panel)
{
    struct tl_trunk *t = &s->trunk;
    pass_over(s, UINT64_MAX);
    take_back(s);
    for (uint32_t i = 0, use = t->next_use; i < t->n_uses; i++, use++) {
        use = use < t->n_uses ? use : 0;
        if (t->uses[use].slot != id || t->uses[use].panel_from != panel)
            continue;
        t->next_use = use;
        t->tails_left = use < t->n_body ? t->tails : t->tails_left ? t->tails_left : 1;
        tl_trunk_fill(s);
        return 0;
    }
    return tl_fail(TL_E_FAIL, "a weight is used that is not in the order of the weights");
}

static int wait_and_pack(struct tl_store *s)
{
    int status = tl_drive_wait(&s->drive);
    return status < 0 ? status : tl_frame_pack(s);
}

/* Until the frame holds all of it. A read that failed ahead of its time is tried once more. */
static int await(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = tl_frame_at(s, frame);
    int status = 0;
    f->wanted = true;
    tl_drive_hurry(&s->drive, frame);
    while (f->state != TL_FRAME_READY && status >= 0) {
        if (f->state == TL_FRAME_EMPTY)
            tl_drive_queue(&s->drive, frame, TL_DEMAND);
        tl_drive_pump(&s->drive);
        status = s->drive.n_landed ? tl_frame_pack(s) : wait_and_pack(s);
    }
    f->wanted = false;
    return status;
}

static int pin(struct tl_store *s, uint32_t id, uint32_t panel, const uint8_t **ret_data)
{
    struct tl_trunk *t = &s->trunk;
    uint64_t number;
    int status = 0;
    if (s->drive.n_free < s->drive.n_raws / 2)
        status = tl_frame_pack(s);
    while (status >= 0 && (number = find(s, id, panel)) == UINT64_MAX) {
        status = jump(s, id, panel);
        if (status < 0 || find(s, id, panel) != UINT64_MAX)
            continue;
        if (!s->drive.n_landed && !s->drive.n_in_flight)
            return tl_fail(TL_E_FAIL, "more weights are pinned together than was laid out for");
        status = wait_and_pack(s);               /* what was in flight makes room */
    }
    if (status < 0)
        return status;
    pass_over(s, number);
    status = await(s, frame_of(s, number));
    if (status < 0)
        return status;
    pass_at(s, number)->pins++;
    *ret_data = t->ring + pass_at(s, number)->at % t->ring_bytes;
    tl_meter_add(s->meters, TL_METER_MISSED_BYTES, pass_at(s, number)->pins == 1 ? t->uses[pass_at(s, number)->use].stored_bytes : 0);
    return 0;
}

/* --- pins --- */

static int pin_passing(struct tl_store *s, uint32_t id, uint32_t panel, struct tl_weight *ret_weight)
{
    const uint8_t *data;
    pthread_mutex_lock(&s->drive.lock);
    int status = pin(s, id, panel, &data);
    pthread_mutex_unlock(&s->drive.lock);
    if (status >= 0)
        ret_weight->data = data;
    return status;
}

static void unpin_passing(struct tl_store *s, uint32_t id, uint32_t panel)
{
    pthread_mutex_lock(&s->drive.lock);
    uint64_t number = find(s, id, panel);
    if (number != UINT64_MAX && pass_at(s, number)->pins && --pass_at(s, number)->pins == 0) {
        let_go(s, number);
        tl_trunk_fill(s);
    }
    pthread_mutex_unlock(&s->drive.lock);
}

static struct tl_weight weight_of(const struct tl_slot *slot)
{
    const struct tl_matrix *m = &slot->matrix;
    return (struct tl_weight){
        .form = m->form, .count = m->count, .rows = m->rows, .cols = m->cols, .data = slot->data, .matrix_bytes = slot->matrix_bytes,
        .number = m->form == TL_WEIGHT_VECTOR ? tl_number(TL_NUMBER_F32) : slot->number,
    };
}

bool tl_store_resident(const struct tl_store *s, uint32_t id) { return s->slots[id].resident; }

int tl_store_pin(struct tl_store *s, uint32_t id, struct tl_weight *ret_weight)
{
    *ret_weight = weight_of(&s->slots[id]);
    return s->slots[id].resident || s->slots[id].routed ? 0 : pin_passing(s, id, 0, ret_weight);
}

void tl_store_unpin(struct tl_store *s, uint32_t id)
{
    if (!s->slots[id].resident && !s->slots[id].routed)
        unpin_passing(s, id, 0);
}

int tl_store_pin_panels(struct tl_store *s, uint32_t id, uint32_t panel, struct tl_weight *ret_weight)
{
    const struct tl_slot *slot = &s->slots[id];
    struct tl_weight weight = weight_of(slot);
    uint32_t to = slot->n_panels;
    if (slot->resident) {
        weight.data = slot->data + panel * (slot->matrix_bytes / slot->n_panels);
    } else {
        int status = pin_passing(s, id, panel, &weight);
        if (status < 0)
            return status;
        for (uint32_t i = 0; i < s->trunk.n_uses; i++)
            if (s->trunk.uses[i].slot == id && s->trunk.uses[i].panel_from == panel)
                to = s->trunk.uses[i].panel_to;
    }
    uint32_t row_to = to == slot->n_panels ? slot->matrix.rows : to * TL_PANEL_ROWS;
    weight.rows = row_to - panel * TL_PANEL_ROWS;
    *ret_weight = weight;
    return 0;
}

void tl_store_unpin_panels(struct tl_store *s, uint32_t id, uint32_t panel)
{
    if (!s->slots[id].resident)
        unpin_passing(s, id, panel);
}

int tl_store_rows(struct tl_store *s, uint32_t id, const int32_t *rows, uint32_t n_rows, float *ret_values, uint64_t stride)
{
    const struct tl_slot *slot = &s->slots[id];
    if (slot->resident) {
        for (uint32_t i = 0; i < n_rows; i++) {
            const uint8_t *panel = slot->data + (uint32_t)rows[i] / TL_PANEL_ROWS * (slot->matrix_bytes / slot->n_panels);
            tl_panel_row_decode(slot->number, panel, (uint32_t)rows[i] % TL_PANEL_ROWS, slot->matrix.cols, ret_values + i * stride);
        }
        return 0;
    }
    pthread_mutex_lock(&s->drive.lock);
    struct tl_frame *f = tl_frame_at(s, rows_frame(s));
    s->trunk.rows = (struct tl_rows){.slot = id, .rows = rows, .n_rows = n_rows, .values = ret_values, .stride = stride};
    f->state = TL_FRAME_EMPTY;
    f->n_pieces = n_rows;
    int status = n_rows ? await(s, rows_frame(s)) : 0;
    while (f->state == TL_FRAME_LOADING) {               /* after a failure: the rows are the caller's again when nothing is in flight */
        int ended = wait_and_pack(s);
        status = status < 0 ? status : ended;
    }
    f->state = TL_FRAME_EMPTY;
    tl_meter_add(s->meters, TL_METER_MISSED_BYTES, n_rows * slot->row_bytes);
    pthread_mutex_unlock(&s->drive.lock);
    return status;
}

int tl_store_begin(struct tl_store *s, uint32_t tails)
{
    struct tl_trunk *t = &s->trunk;
    if (!tl_store_streams(s))
        return 0;
    int status = tl_drive_check(&s->drive);
    if (status < 0 || !tl_trunk_streams(s))
        return status;
    pthread_mutex_lock(&s->drive.lock);
    for (uint64_t n = t->first; n < t->end; n++)         /* of a step that ended early */
        if (pass_at(s, n)->pins) {
            pass_at(s, n)->pins = 0;
            let_go(s, n);
        }
    t->tails = tails;
    if (t->next_use <= t->n_body)
        t->tails_left = tails;
    tl_trunk_fill(s);
    pthread_mutex_unlock(&s->drive.lock);
    return 0;
}
