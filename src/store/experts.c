/* SPDX-License-Identifier: MIT */
/* Routed experts: asked for, handed out as they are there, given back. Resident banks hand out everything at once.
 *
 * Streamed ones lie in frames. Each place of the shelf owns a frame; the rest is the ring, through which experts pass that
 * are not kept. Only the thread that runs a step comes here; what the drive's threads touch is under the drive's lock.
 * Landed pieces are packed by the pool, when the step waits for an expert or the raw buffers run short. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "store/store_impl.h"

enum { CUTS = 4, RING_BYTES = 64 << 20, LEAST_RING = 3, PROBE_EVERY = 32, LEAST_WORTH_PERCENT = 25, WORTH_WINDOW = 256 };

static struct tl_frame *frame_of(struct tl_store *s, uint32_t frame) { return &s->drive.frames[frame]; }
static uint8_t *memory_of(const struct tl_store *s, uint32_t frame) { return s->drive.memory + frame * s->drive.frame_bytes; }

/* --- layout --- */

uint64_t tl_store_frame_bytes(const struct tl_store *s)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < s->n_banks; i++)
        most = s->banks[i].bytes > most ? s->banks[i].bytes : most;
    return most;
}

uint32_t tl_store_experts(const struct tl_store *s) { return s->n_keys; }

/* Enough for what is computed on, what is in flight and what is next. */
static uint32_t ring_of(const struct tl_store *s, uint32_t n_used)
{
    uint64_t bytes = tl_store_frame_bytes(s), n = bytes ? (RING_BYTES + bytes - 1) / bytes : 0, most = n_used + 4u;
    n = n < most ? n : most;
    return n < LEAST_RING ? LEAST_RING : (uint32_t)n;
}

uint32_t tl_store_least_frames(const struct tl_store *s) { return s->n_keys ? LEAST_RING : 0; }

static void place_raws(struct tl_store *s, struct tl_arena *arena)
{
    struct tl_drive *d = &s->drive;
    uint64_t most = 0;
    for (uint32_t i = 0; i < s->n_pieces; i++)
        most = s->pieces[i].n_bytes > most ? s->pieces[i].n_bytes : most;
    d->n_raws = TL_DRIVE_RAWS;
    d->depth = TL_DRIVE_DEPTH;
    d->raw_bytes = (most + 2 * TL_DRIVE_ALIGN) / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN;
    d->raws = tl_arena_take(arena, d->n_raws, sizeof(*d->raws));
    uint8_t *bytes = tl_arena_take(arena, 1, d->n_raws * d->raw_bytes + TL_DRIVE_ALIGN);
    if (!bytes)
        return;
    bytes += (TL_DRIVE_ALIGN - (uintptr_t)bytes % TL_DRIVE_ALIGN) % TL_DRIVE_ALIGN;
    for (uint32_t i = 0; i < d->n_raws; i++)
        d->raws[i].data = bytes + i * d->raw_bytes;
}

/* Places own the first frames, the ring the last. */
static void hand_out_frames(struct tl_store *s)
{
    for (uint32_t i = 0; i < s->limits.frames; i++) {
        bool kept = i < s->shelf.n_places;
        uint32_t ring = i - s->shelf.n_places;
        s->drive.frames[i] = (struct tl_frame){.key = TL_NONE, .place = kept ? i : TL_NONE, .ring = kept ? TL_NONE : ring};
        if (kept)
            s->frame_at[i] = i;
        else
            s->ring[ring] = i;
    }
    memset(s->frame_of, 0xff, s->n_keys * sizeof(*s->frame_of));
}

void tl_experts_place(struct tl_store *s, struct tl_arena *arena)
{
    struct tl_drive *d = &s->drive;
    uint32_t ring = ring_of(s, s->limits.n_used), frames = s->limits.frames;
    s->n_ring = ring < frames ? ring : frames;
    s->scratch_bytes = 0;
    for (uint32_t i = 0; i < s->n_banks; i++) {
        uint64_t bytes = tl_bank_scratch(s, &s->banks[i]);
        s->scratch_bytes = bytes > s->scratch_bytes ? bytes : s->scratch_bytes;
    }
    d->frame_bytes = tl_store_frame_bytes(s);
    d->n_frames = frames;
    d->memory = tl_arena_take(arena, frames, d->frame_bytes);
    d->frames = tl_arena_take(arena, frames, sizeof(*d->frames));
    s->frame_at = tl_arena_take(arena, frames, sizeof(*s->frame_at));
    s->ring = tl_arena_take(arena, s->n_ring, sizeof(*s->ring));
    s->frame_of = tl_arena_take(arena, s->n_keys, sizeof(*s->frame_of));
    s->asked.frame = tl_arena_take(arena, s->most_experts, sizeof(*s->asked.frame));
    s->scratch = tl_arena_take(arena, s->limits.threads, s->scratch_bytes);
    place_raws(s, arena);
    tl_shelf_layout(&s->shelf, s->n_keys, frames - s->n_ring, arena);
    if (!tl_arena_counting(arena) && !arena->overflow)
        hand_out_frames(s);
}

static void locate(void *context, const struct tl_frame *frame, uint32_t piece, uint32_t *ret_part, uint64_t *ret_offset, uint64_t *ret_bytes)
{
    const struct tl_store *s = context;
    const struct tl_bank *bank = &s->banks[frame->bank];
    const struct tl_piece *p = &s->pieces[bank->first_piece + piece];
    tl_piece_place(s, bank, p, frame->expert, ret_part, ret_offset);
    *ret_bytes = p->n_bytes;
}

static uint32_t parts_of(const struct tl_store *s)
{
    uint32_t most = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(s->file); i++)
        most = tl_modelfile_tensor(s->file, i)->part > most ? tl_modelfile_tensor(s->file, i)->part : most;
    return most + 1;
}

int tl_experts_open(struct tl_store *s)
{
    s->drive.meters = s->meters;
    s->drive.locate = locate;
    s->drive.context = s;
    return tl_drive_open(&s->drive, s->file, parts_of(s), s->options.io, s->options.log, s->options.context);
}

void tl_experts_close(struct tl_store *s) { tl_drive_close(&s->drive); }

/* --- frames --- */

static void mark(struct tl_store *s, const struct tl_frame *f)
{
    if (f->place != TL_NONE)
        s->shelf.places[f->place].busy = f->pins || f->wanted || f->state == TL_FRAME_LOADING;
}

/* Its expert is no longer there. */
static void empty(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = frame_of(s, frame);
    if (f->key != TL_NONE && s->frame_of[f->key] == frame)
        s->frame_of[f->key] = TL_NONE;
    if (f->place != TL_NONE)
        tl_shelf_drop(&s->shelf, f->place);
    f->key = TL_NONE;
    f->state = TL_FRAME_EMPTY;
    f->wanted = f->ahead = false;
    mark(s, f);
}

/* What is read of it already goes on; nobody finds it any more. */
static void give_up(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = frame_of(s, frame);
    s->frame_of[f->key] = TL_NONE;
    if (f->place != TL_NONE)
        tl_shelf_drop(&s->shelf, f->place);
    tl_drive_give_up(&s->drive, frame);
    f->wanted = f->ahead = false;
    if (!f->n_left)
        empty(s, frame);
    mark(s, f);
}

static bool idle(const struct tl_frame *f) { return f->state != TL_FRAME_LOADING && !f->pins && !f->wanted; }

static uint32_t ring_frame(struct tl_store *s, bool demand)
{
    uint32_t found = TL_NONE;
    for (uint32_t i = 0; i < s->n_ring; i++) {
        const struct tl_frame *f = frame_of(s, s->ring[i]);
        if (f->state == TL_FRAME_EMPTY)
            return s->ring[i];
        if (idle(f) && (found == TL_NONE || frame_of(s, found)->ahead) && (demand || !f->ahead))
            found = s->ring[i];
    }
    return found;
}

static void load(struct tl_store *s, uint32_t frame, uint32_t bank, uint32_t expert, enum tl_priority priority)
{
    struct tl_frame *f = frame_of(s, frame);
    uint32_t place = f->place, key = s->banks[bank].first_key + expert;
    empty(s, frame);
    f->key = key;
    f->bank = bank;
    f->expert = expert;
    f->n_pieces = s->banks[bank].n_pieces;
    s->frame_of[key] = frame;
    if (place != TL_NONE)
        tl_shelf_put(&s->shelf, place, key);
    tl_drive_queue(&s->drive, frame, priority);
    f->wanted = priority == TL_DEMAND;
    f->ahead = priority == TL_AHEAD;
    mark(s, f);
}

/* An expert of the ring that is to be kept changes frames with whoever leaves. */
static void keep(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = frame_of(s, frame);
    uint32_t place = f->place == TL_NONE ? tl_shelf_place(&s->shelf, s->asked.policy, f->key) : TL_NONE;
    if (place == TL_NONE)
        return;
    struct tl_frame *g = frame_of(s, s->frame_at[place]);
    s->ring[f->ring] = s->frame_at[place];
    g->ring = f->ring;
    g->place = f->ring = TL_NONE;
    s->frame_at[place] = frame;
    f->place = place;
    tl_shelf_put(&s->shelf, place, f->key);
    mark(s, f);
}

/* --- packing --- */

struct packing { struct tl_store *store; uint32_t raws[TL_DRIVE_RAWS], n; };

static void pack_cut(void *context, uint32_t index, uint32_t thread)
{
    struct packing *p = context;
    struct tl_store *s = p->store;
    const struct tl_raw *raw = &s->drive.raws[p->raws[index / CUTS]];
    const struct tl_frame *f = frame_of(s, raw->frame);
    const struct tl_bank *bank = &s->banks[f->bank];
    const struct tl_piece *piece = &s->pieces[bank->first_piece + raw->piece];
    uint32_t n = piece->panel_to - piece->panel_from, cut = index % CUTS;
    if (raw->error || f->given_up)
        return;
    tl_piece_pack(s, bank, piece, piece->panel_from + n * cut / CUTS, piece->panel_from + n * (cut + 1) / CUTS, raw->data + raw->skip,
                  s->scratch + thread * s->scratch_bytes, memory_of(s, raw->frame));
}

/* The frame loses one of the pieces that it waits for; the first failure of a wanted one is the asking's. */
static int finish_piece(struct tl_store *s, uint32_t index)
{
    struct tl_raw *raw = &s->drive.raws[index];
    struct tl_frame *f = frame_of(s, raw->frame);
    int status = 0;
    f->n_left--;
    if (raw->error && !f->given_up) {
        status = f->wanted ? tl_drive_fail(&s->drive, raw) : 0;
        give_up(s, raw->frame);
    } else if (!f->n_left && f->given_up) {
        empty(s, raw->frame);
    } else if (!f->n_left) {
        f->state = TL_FRAME_READY;
        mark(s, f);
    }
    tl_drive_release(&s->drive, index);
    return status;
}

/* Packs all that has landed. Under lock, which is given up meanwhile. */
static int pack_landed(struct tl_store *s)
{
    struct packing packing = {.store = s};
    int status = 0;
    packing.n = tl_drive_landed(&s->drive, packing.raws, TL_DRIVE_RAWS);
    if (!packing.n)
        return 0;
    pthread_mutex_unlock(&s->drive.lock);
    tl_pool_run(s->pool, packing.n * CUTS, pack_cut, &packing);
    pthread_mutex_lock(&s->drive.lock);
    for (uint32_t i = 0; i < packing.n; i++) {
        int r = finish_piece(s, packing.raws[i]);
        status = status < 0 ? status : r;
    }
    tl_drive_pump(&s->drive);
    return status;
}

/* --- asking --- */

static uint32_t key_of(const struct tl_store *s, uint32_t index) { return s->banks[s->asked.bank].first_key + s->asked.experts[index]; }

/* Where order matters and nothing of the order is on its way, the ring may be full of later ones: the last of them goes. */
static uint32_t take_back(struct tl_store *s)
{
    struct tl_asking *a = &s->asked;
    for (uint32_t i = a->n_experts; a->in_order && a->n_taken == a->n_begun && i-- > a->n_begun + 1;) {
        struct tl_frame *f = a->frame[i] == TL_NONE ? NULL : frame_of(s, a->frame[i]);
        if (!f || f->place != TL_NONE || f->state != TL_FRAME_READY)
            continue;
        f->wanted = false;
        uint32_t frame = a->frame[i];
        a->frame[i] = TL_NONE;
        return frame;
    }
    return TL_NONE;
}

/* Begins to read what is missing, in order, as far as there are frames for it. */
static void begin_missing(struct tl_store *s)
{
    struct tl_asking *a = &s->asked;
    for (; a->n_begun < a->n_experts; a->n_begun++) {
        uint32_t key = key_of(s, a->n_begun);
        if (a->frame[a->n_begun] != TL_NONE)
            continue;
        uint32_t place = tl_shelf_place(&s->shelf, a->policy, key), frame = place == TL_NONE ? ring_frame(s, true) : s->frame_at[place];
        if (frame == TL_NONE)
            frame = take_back(s);
        if (frame == TL_NONE)
            break;
        load(s, frame, a->bank, a->experts[a->n_begun], TL_DEMAND);
        a->frame[a->n_begun] = frame;
        tl_drive_pump(&s->drive);
    }
}

/* What is there, or on its way, stays; what was only likely and is not asked for goes. */
static void find_present(struct tl_store *s)
{
    struct tl_asking *a = &s->asked;
    uint64_t hits = 0, uses = 0;
    for (uint32_t i = 0; i < a->n_experts; i++) {
        uint32_t frame = s->frame_of[key_of(s, i)];
        tl_shelf_use(&s->shelf, key_of(s, i));
        a->frame[i] = frame;
        if (frame == TL_NONE)
            continue;
        struct tl_frame *f = frame_of(s, frame);
        hits += f->state == TL_FRAME_READY && !f->ahead;
        uses += f->ahead;
        s->banks[a->bank].n_ahead_used += f->ahead;
        f->ahead = false;
        f->wanted = true;
        tl_drive_hurry(&s->drive, frame);
        mark(s, f);
    }
    for (uint32_t i = 0; i < a->n_experts; i++)
        if (a->frame[i] != TL_NONE)
            keep(s, a->frame[i]);
    for (uint32_t i = 0; i < s->n_ring; i++) {
        const struct tl_frame *f = frame_of(s, s->ring[i]);
        if (!f->ahead || f->bank != a->bank || f->state != TL_FRAME_LOADING)
            continue;
        s->banks[a->bank].n_ahead -= f->next_piece == 0;
        tl_meter_add(s->meters, TL_METER_AHEAD_READS, f->next_piece == 0 ? UINT64_MAX : 0);
        give_up(s, s->ring[i]);
    }
    tl_meter_add(s->meters, TL_METER_EXPERT_HITS, hits);
    tl_meter_add(s->meters, TL_METER_EXPERT_MISSES, a->n_experts - hits);
    tl_meter_add(s->meters, TL_METER_AHEAD_USES, uses);
}

/* An asking that ends early leaves nothing wanted behind. */
static void forget(struct tl_store *s)
{
    struct tl_asking *a = &s->asked;
    for (uint32_t i = 0; i < a->n_experts; i++) {
        uint32_t frame = a->frame[i];
        if (frame == TL_NONE || frame == TL_TAKEN)
            continue;
        struct tl_frame *f = frame_of(s, frame);
        bool mine = f->wanted && f->key == key_of(s, i);
        if (mine && f->state == TL_FRAME_LOADING)
            give_up(s, frame);
        else if (mine)
            f->wanted = false;
        mark(s, f);
    }
    a->n_experts = 0;
}

int tl_store_ask(struct tl_store *s, uint32_t bank, const uint32_t *experts, uint32_t n_experts, bool in_order)
{
    struct tl_asking *a = &s->asked;
    if (!tl_store_streams(s)) {
        *a = (struct tl_asking){.bank = bank, .experts = experts, .n_experts = n_experts};
        return tl_trace_add(s->trace, bank, experts, n_experts);
    }
    pthread_mutex_lock(&s->drive.lock);
    forget(s);
    *a = (struct tl_asking){.bank = bank, .experts = experts, .n_experts = n_experts, .in_order = in_order, .frame = a->frame,
                            .policy = tl_policy_for(s->options.policy, (uint64_t)n_experts * s->n_banks, s->shelf.n_places)};
    find_present(s);
    begin_missing(s);
    pthread_mutex_unlock(&s->drive.lock);
    return tl_trace_add(s->trace, bank, experts, n_experts);
}

/* --- taking --- */

static void hand_out(struct tl_store *s, uint32_t expert, const uint8_t *frame, struct tl_expert *ret_expert)
{
    const struct tl_bank *bank = &s->banks[s->asked.bank];
    ret_expert->expert = expert;
    for (int i = 0; i < TL_BANK_MATRICES; i++) {
        struct tl_weight *w = &ret_expert->matrix[i];
        tl_store_pin(s, bank->ids[i], w);
        w->data = frame ? frame + bank->offset[i] : (const uint8_t *)w->data + expert * w->matrix_bytes;
        w->count = 1;
    }
}

static uint32_t take_resident(struct tl_store *s, struct tl_expert *ret_experts, uint32_t most)
{
    struct tl_asking *a = &s->asked;
    uint32_t n = 0;
    for (; n < most && a->n_taken < a->n_experts; n++, a->n_taken++)
        hand_out(s, a->experts[a->n_taken], NULL, &ret_experts[n]);
    return n;
}

static uint32_t take_ready(struct tl_store *s, struct tl_expert *ret_experts, uint32_t most)
{
    struct tl_asking *a = &s->asked;
    uint32_t n = 0;
    for (uint32_t i = a->in_order ? a->n_taken : 0; i < a->n_experts && n < most; i++) {
        uint32_t frame = a->frame[i];
        bool ready = frame != TL_NONE && frame != TL_TAKEN && frame_of(s, frame)->state == TL_FRAME_READY;
        if (!ready && a->in_order)
            break;
        if (!ready)
            continue;
        struct tl_frame *f = frame_of(s, frame);
        f->pins++;
        f->wanted = false;
        mark(s, f);
        hand_out(s, a->experts[i], memory_of(s, frame), &ret_experts[n++]);
        a->frame[i] = TL_TAKEN;
        a->n_taken++;
    }
    return n;
}

static int wait_for_drive(struct tl_store *s)
{
    uint64_t begin = tl_clock_ns();
    while (!s->drive.n_landed && s->drive.n_in_flight)
        pthread_cond_wait(&s->drive.landed, &s->drive.lock);
    tl_meter_add(s->meters, TL_METER_STALL_NS, tl_clock_ns() - begin);
    return s->drive.n_landed ? 0 : tl_fail(TL_E_FAIL, "an expert waits for a read that was never begun");
}

int tl_store_take(struct tl_store *s, struct tl_expert *ret_experts, uint32_t most)
{
    if (!tl_store_streams(s))
        return (int)take_resident(s, ret_experts, most);
    int status = 0;
    uint32_t n = 0;
    pthread_mutex_lock(&s->drive.lock);
    while (s->asked.n_taken < s->asked.n_experts && !n && status >= 0) {
        if (s->drive.n_free < s->drive.n_raws / 2)
            status = pack_landed(s);
        if (status >= 0)
            n = take_ready(s, ret_experts, most);
        if (n || status < 0)
            break;
        begin_missing(s);
        status = wait_for_drive(s);
        if (status >= 0)
            status = pack_landed(s);
    }
    if (status < 0)
        forget(s);
    pthread_mutex_unlock(&s->drive.lock);
    return status < 0 ? status : (int)n;
}

void tl_store_give(struct tl_store *s, uint32_t bank, const struct tl_expert *experts, uint32_t n_experts)
{
    if (!tl_store_streams(s))
        return;
    pthread_mutex_lock(&s->drive.lock);
    for (uint32_t i = 0; i < n_experts; i++) {
        struct tl_frame *f = frame_of(s, s->frame_of[s->banks[bank].first_key + experts[i].expert]);
        f->pins--;
        mark(s, f);
    }
    begin_missing(s);
    pthread_mutex_unlock(&s->drive.lock);
}

/* --- look-ahead --- */

/* Does it pay for this bank? A bank that is passed over is tried again now and then. */
static bool worth(struct tl_store *s, struct tl_bank *bank)
{
    if (s->options.ahead == TL_AHEAD_ON || bank->n_ahead < WORTH_WINDOW / 8)
        return true;
    if (bank->n_ahead > WORTH_WINDOW) {
        bank->n_ahead /= 2;
        bank->n_ahead_used /= 2;
    }
    if (bank->n_ahead_used * 100u >= bank->n_ahead * (uint32_t)LEAST_WORTH_PERCENT)
        return true;
    return ++bank->n_skipped % PROBE_EVERY == 0;
}

bool tl_store_looks_ahead(const struct tl_store *s) { return tl_store_streams(s) && s->options.ahead != TL_AHEAD_OFF; }

void tl_store_expect(struct tl_store *s, uint32_t bank, const uint32_t *experts, uint32_t n_experts)
{
    if (!tl_store_looks_ahead(s))
        return;
    pthread_mutex_lock(&s->drive.lock);
    uint32_t n_ahead = 0;
    for (uint32_t i = 0; i < s->n_ring; i++)
        n_ahead += frame_of(s, s->ring[i])->ahead;
    bool pays = worth(s, &s->banks[bank]);
    for (uint32_t i = 0; i < n_experts && n_ahead < s->n_ring / 2 && pays; i++) {
        uint32_t frame = s->frame_of[s->banks[bank].first_key + experts[i]] == TL_NONE ? ring_frame(s, false) : TL_NONE;
        if (frame == TL_NONE)
            continue;
        load(s, frame, bank, experts[i], TL_AHEAD);
        s->banks[bank].n_ahead++;
        n_ahead++;
        tl_meter_add(s->meters, TL_METER_AHEAD_READS, 1);
    }
    tl_drive_pump(&s->drive);
    pthread_mutex_unlock(&s->drive.lock);
}
