/* SPDX-License-Identifier: MIT */
/* Frames: memory for one expert each, and what of their contents is on its way. Each place of the shelf owns a frame; the
 * rest is the ring, through which experts pass that are not kept. Only the thread that runs a step changes what a frame
 * holds. Landed pieces are packed by the pool, when the step waits for an expert or the raw buffers run short. */
#include "store/frames.h"

#include <string.h>

#include "base/error.h"

enum { CUTS = 4, RING_BYTES = 64 << 20, LEAST_RING = 3, RING_SHARE = 8 };

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

/* Where frames abound, the experts of two layers: those that are computed on, and those that look-ahead brings meanwhile. */
static uint32_t roomy_ring_of(const struct tl_store *s)
{
    uint32_t ring = ring_of(s, s->limits.n_used), frames = s->limits.frames, most = 2 * s->limits.n_used + 4, share = frames / RING_SHARE;
    share = share < most ? share : most;
    ring = ring < share ? share : ring;
    return ring < frames ? ring : frames;
}

uint32_t tl_store_least_frames(const struct tl_store *s) { return s->n_keys ? LEAST_RING : 0; }

uint32_t tl_store_easy_frames(const struct tl_store *s, uint32_t n_used) { return s->n_keys ? ring_of(s, n_used) : 0; }

/* Raw buffers take what lands while the step computes: two experts, or what some milliseconds bring of the trunk. */
static uint32_t raws_of(const struct tl_store *s)
{
    uint32_t n = s->trunk.ring_bytes > RING_BYTES ? 2 * TL_DRIVE_LEAST_RAWS : TL_DRIVE_LEAST_RAWS;
    for (uint32_t i = 0; i < s->n_banks && tl_experts_stream(s); i++)
        n = 2 * s->banks[i].n_pieces + TL_DRIVE_DEPTH > n ? 2 * s->banks[i].n_pieces + TL_DRIVE_DEPTH : n;
    return n < TL_DRIVE_RAWS ? n : TL_DRIVE_RAWS;
}

static void place_raws(struct tl_store *s, struct tl_arena *arena)
{
    struct tl_drive *d = &s->drive;
    uint64_t most = tl_trunk_streams(s) ? tl_trunk_raw_bytes(s) : 0;
    for (uint32_t i = 0; i < s->n_banks && tl_experts_stream(s); i++) {
        struct tl_bank *bank = &s->banks[i];
        bank->raw_bytes = bank->raw_bytes ? bank->raw_bytes : tl_bank_raw_bytes(s, bank);
        most = bank->raw_bytes > most ? bank->raw_bytes : most;
    }
    d->n_raws = raws_of(s);
    d->depth = TL_DRIVE_DEPTH;
    d->raw_bytes = most;
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

static void place_experts(struct tl_store *s, struct tl_arena *arena)
{
    struct tl_drive *d = &s->drive;
    uint32_t frames = s->limits.frames;
    s->n_ring = roomy_ring_of(s);
    for (uint32_t i = 0; i < s->n_banks; i++) {
        uint64_t bytes = tl_bank_scratch(s, &s->banks[i]);
        s->scratch_bytes = bytes > s->scratch_bytes ? bytes : s->scratch_bytes;
    }
    d->frame_bytes = tl_store_frame_bytes(s);
    d->memory = tl_arena_take(arena, frames, d->frame_bytes);
    s->frame_at = tl_arena_take(arena, frames, sizeof(*s->frame_at));
    s->ring = tl_arena_take(arena, s->n_ring, sizeof(*s->ring));
    s->frame_of = tl_arena_take(arena, s->n_keys, sizeof(*s->frame_of));
    s->asked.frame = tl_arena_take(arena, s->most_experts, sizeof(*s->asked.frame));
    tl_shelf_layout(&s->shelf, s->n_keys, frames - s->n_ring, arena);
    if (!tl_arena_counting(arena) && !arena->overflow)
        hand_out_frames(s);
}

void tl_frames_place(struct tl_store *s, struct tl_arena *arena)
{
    struct tl_drive *d = &s->drive;
    d->n_frames = s->limits.frames + (tl_trunk_streams(s) ? TL_IN_RING + 1 : 0);
    d->frames = tl_arena_take(arena, d->n_frames, sizeof(*d->frames));
    s->scratch_bytes = tl_trunk_streams(s) ? tl_trunk_scratch(s) : 0;
    if (tl_experts_stream(s))
        place_experts(s, arena);
    if (tl_trunk_streams(s))
        tl_trunk_place(s, arena);
    s->scratch = tl_arena_take(arena, s->limits.threads, s->scratch_bytes);
    place_raws(s, arena);
}

static uint32_t locate(void *context, const struct tl_frame *frame, uint32_t piece, struct tl_extent ret_extents[TL_EXTENTS])
{
    const struct tl_store *s = context;
    if (tl_frame_of_trunk(frame))
        return tl_trunk_extents(s, frame, piece, ret_extents);
    const struct tl_bank *bank = &s->banks[frame->bank];
    return tl_piece_extents(s, bank, &s->pieces[bank->first_piece + piece], frame->expert, ret_extents);
}

static uint32_t parts_of(const struct tl_store *s)
{
    uint32_t most = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(s->file); i++)
        most = tl_modelfile_tensor(s->file, i)->part > most ? tl_modelfile_tensor(s->file, i)->part : most;
    return most + 1;
}

int tl_frames_open(struct tl_store *s)
{
    s->drive.meters = s->meters;
    s->drive.locate = locate;
    s->drive.context = s;
    int status = tl_drive_open(&s->drive, s->file, parts_of(s), s->options.io, s->options.log, s->options.context);
    if (status < 0 || !tl_trunk_streams(s))
        return status;
    pthread_mutex_lock(&s->drive.lock);
    tl_trunk_fill(s);                                    /* the first step finds it there */
    pthread_mutex_unlock(&s->drive.lock);
    return 0;
}

void tl_frames_close(struct tl_store *s) { tl_drive_close(&s->drive); }

/* --- frames --- */

void tl_frame_mark(struct tl_store *s, const struct tl_frame *f)
{
    if (f->place != TL_NONE)
        s->shelf.places[f->place].busy = f->pins || f->wanted || f->state == TL_FRAME_LOADING;
}

/* Its expert is no longer there. */
void tl_frame_empty(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = tl_frame_at(s, frame);
    if (f->key != TL_NONE && s->frame_of[f->key] == frame)
        s->frame_of[f->key] = TL_NONE;
    if (f->place != TL_NONE)
        tl_shelf_drop(&s->shelf, f->place);
    f->key = TL_NONE;
    f->state = TL_FRAME_EMPTY;
    f->wanted = f->ahead = false;
    tl_frame_mark(s, f);
}

/* What is read of it already goes on; nobody finds it any more. */
void tl_frame_give_up(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = tl_frame_at(s, frame);
    s->frame_of[f->key] = TL_NONE;
    if (f->place != TL_NONE)
        tl_shelf_drop(&s->shelf, f->place);
    tl_drive_give_up(&s->drive, frame);
    f->wanted = f->ahead = false;
    if (!f->n_left)
        tl_frame_empty(s, frame);
    tl_frame_mark(s, f);
}

static bool idle(const struct tl_frame *f) { return f->state != TL_FRAME_LOADING && !f->pins && !f->wanted; }

uint32_t tl_frame_of_ring(struct tl_store *s, bool demand)
{
    uint32_t found = TL_NONE;
    for (uint32_t i = 0; i < s->n_ring; i++) {
        const struct tl_frame *f = tl_frame_at(s, s->ring[i]);
        if (f->state == TL_FRAME_EMPTY)
            return s->ring[i];
        if (idle(f) && (found == TL_NONE || tl_frame_at(s, found)->ahead) && (demand || !f->ahead))
            found = s->ring[i];
    }
    return found;
}

void tl_frame_load(struct tl_store *s, uint32_t frame, uint32_t bank, uint32_t expert, enum tl_priority priority)
{
    struct tl_frame *f = tl_frame_at(s, frame);
    uint32_t place = f->place, key = s->banks[bank].first_key + expert;
    tl_frame_empty(s, frame);
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
    tl_frame_mark(s, f);
}

/* An expert of the ring that is to be kept changes frames with whoever leaves. */
void tl_frame_keep(struct tl_store *s, uint32_t frame)
{
    struct tl_frame *f = tl_frame_at(s, frame);
    uint32_t place = f->place == TL_NONE ? tl_shelf_place(&s->shelf, s->asked.policy, f->key) : TL_NONE;
    if (place == TL_NONE)
        return;
    struct tl_frame *g = tl_frame_at(s, s->frame_at[place]);
    s->ring[f->ring] = s->frame_at[place];
    g->ring = f->ring;
    g->place = f->ring = TL_NONE;
    s->frame_at[place] = frame;
    f->place = place;
    tl_shelf_put(&s->shelf, place, f->key);
    tl_frame_mark(s, f);
}

/* --- packing --- */

struct packing { struct tl_store *store; uint32_t raws[TL_DRIVE_RAWS], n; };

static void pack_cut(void *context, uint32_t index, uint32_t thread)
{
    struct packing *p = context;
    struct tl_store *s = p->store;
    const struct tl_raw *raw = &s->drive.raws[p->raws[index / CUTS]];
    const struct tl_frame *f = tl_frame_at(s, raw->frame);
    uint8_t *scratch = s->scratch + thread * s->scratch_bytes;
    uint32_t cut = index % CUTS;
    if (raw->error || f->given_up)
        return;
    if (tl_frame_of_trunk(f)) {
        tl_trunk_pack(s, f, raw, cut, CUTS, scratch);
        return;
    }
    const struct tl_bank *bank = &s->banks[f->bank];
    const struct tl_piece *piece = &s->pieces[bank->first_piece + raw->piece];
    uint32_t n = piece->panel_to - piece->panel_from;
    tl_piece_pack(s, bank, piece, f->expert, piece->panel_from + n * cut / CUTS, piece->panel_from + n * (cut + 1) / CUTS, raw->read,
                  scratch, tl_frame_memory(s, raw->frame));
}

/* The frame loses one of the pieces that it waits for; the first failure of a wanted one is the asking's. */
static int finish_piece(struct tl_store *s, uint32_t index)
{
    struct tl_raw *raw = &s->drive.raws[index];
    struct tl_frame *f = tl_frame_at(s, raw->frame);
    int status = 0;
    bool fails = raw->error && !f->given_up;
    f->n_left--;
    status = fails && f->wanted ? tl_drive_fail(&s->drive, raw) : 0;
    if (tl_frame_of_trunk(f)) {
        if (fails)
            tl_drive_give_up(&s->drive, raw->frame);
        tl_trunk_finish(s, raw->frame);
    } else if (fails) {
        tl_frame_give_up(s, raw->frame);
    } else if (!f->n_left && f->given_up) {
        tl_frame_empty(s, raw->frame);
    } else if (!f->n_left) {
        f->state = TL_FRAME_READY;
        tl_frame_mark(s, f);
    }
    tl_drive_release(&s->drive, index);
    return status;
}

/* Packs all that has landed. Under lock, which is given up meanwhile. */
int tl_frame_pack(struct tl_store *s)
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
