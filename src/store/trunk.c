/* SPDX-License-Identifier: MIT */
/* Weights that pass through: a ring of bytes which they enter in the order of their use and leave in the same order, read
 * ahead as far as there is room, so that the drive need not wait for the step. Only the thread that runs a step comes
 * here; what the drive's threads touch is under the drive's lock. A pin that does not follow the order is still right:
 * what lies before it goes, and reading begins anew from there. */
#include <string.h>

#include "base/error.h"
#include "store/frames.h"

static uint32_t frame_of(const struct tl_store *s, uint64_t number) { return s->trunk.first_frame + (uint32_t)(number % TL_IN_RING); }

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
        if (!find_room(t, use->bytes, t->first < t->end ? tl_pass_at(s, t->first) : NULL))
            break;
        struct tl_frame *f = tl_frame_at(s, frame_of(s, t->end));
        *tl_pass_at(s, t->end) = (struct tl_pass){.use = t->next_use, .at = t->next_at};
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
    while (t->first < t->end && tl_pass_at(s, t->first)->gone && tl_frame_at(s, frame_of(s, t->first))->state != TL_FRAME_LOADING)
        t->first++;
}

/* It is not needed any more; what is in flight of it comes to nothing. */
static void let_go(struct tl_store *s, uint64_t number)
{
    struct tl_frame *f = tl_frame_at(s, frame_of(s, number));
    tl_pass_at(s, number)->gone = true;
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
        if (!tl_pass_at(s, n)->gone && !tl_pass_at(s, n)->pins)
            let_go(s, n);
}

/* The newest ones make room too, when nothing comes behind them. */
static void take_back(struct tl_store *s)
{
    struct tl_trunk *t = &s->trunk;
    for (; t->end > t->first && tl_pass_at(s, t->end - 1)->gone && tl_frame_at(s, frame_of(s, t->end - 1))->state != TL_FRAME_LOADING; t->end--)
        t->next_at = tl_pass_at(s, t->end - 1)->at;
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
        const struct tl_use_cut *use = &t->uses[tl_pass_at(s, n)->use];
        if (!tl_pass_at(s, n)->gone && use->slot == id && use->panel_from == panel)
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
    tl_drive_move(&s->drive, frame, TL_DEMAND);
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
    tl_pass_at(s, number)->pins++;
    *ret_data = t->ring + tl_pass_at(s, number)->at % t->ring_bytes;
    tl_meter_add(s->meters, TL_METER_MISSED_BYTES, tl_pass_at(s, number)->pins == 1 ? t->uses[tl_pass_at(s, number)->use].stored_bytes : 0);
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
    if (number != UINT64_MAX && tl_pass_at(s, number)->pins && --tl_pass_at(s, number)->pins == 0) {
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
    struct tl_frame *f = tl_frame_at(s, tl_rows_frame(s));
    s->trunk.rows = (struct tl_rows){.slot = id, .rows = rows, .n_rows = n_rows, .values = ret_values, .stride = stride};
    f->state = TL_FRAME_EMPTY;
    f->n_pieces = n_rows;
    int status = n_rows ? await(s, tl_rows_frame(s)) : 0;
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
        if (tl_pass_at(s, n)->pins) {
            tl_pass_at(s, n)->pins = 0;
            let_go(s, n);
        }
    t->tails = tails;
    if (t->next_use <= t->n_body)
        t->tails_left = tails;
    tl_trunk_fill(s);
    pthread_mutex_unlock(&s->drive.lock);
    return 0;
}
