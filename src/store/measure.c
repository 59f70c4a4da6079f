/* SPDX-License-Identifier: MIT */
/* How fast the drive is through the same queue, frames and pieces, with nothing computed or packed: the limit that
 * streaming is held against. Experts are read in an order without use for any cache of the drive. */
#include "base/clock.h"
#include "base/error.h"
#include "store/frames.h"

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;       /* Knuth 1998, 3.3.4 */
    return (uint32_t)(*state >> 33);
}

/* Puts an expert into each free frame of the ring; without streamed experts, the trunk passes as it always does. */
static void fill_ring(struct tl_store *s, uint64_t *state)
{
    if (!tl_experts_stream(s)) {
        tl_trunk_fill(s);
        return;
    }
    for (uint32_t i = 0; i < s->n_ring; i++) {
        const struct tl_frame *f = tl_frame_at(s, s->ring[i]);
        uint32_t bank = next_random(state) % s->n_banks, expert = next_random(state) % s->banks[bank].n_experts;
        if (f->state != TL_FRAME_EMPTY || s->frame_of[s->banks[bank].first_key + expert] != TL_NONE)
            continue;
        tl_frame_load(s, s->ring[i], bank, expert, TL_DEMAND);
        tl_drive_pump(&s->drive);
    }
}

static int drop_landed(struct tl_store *s, uint64_t *bytes)
{
    uint32_t raws[TL_DRIVE_RAWS], n = tl_drive_landed(&s->drive, raws, TL_DRIVE_RAWS);
    int status = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct tl_raw *raw = &s->drive.raws[raws[i]];
        if (raw->error && status >= 0)
            status = tl_drive_fail(&s->drive, raw);
        for (uint32_t k = 0; k < raw->n_extents; k++)
            *bytes += raw->extents[k].n_bytes;
        struct tl_frame *f = tl_frame_at(s, raw->frame);
        if (--f->n_left == 0)
            (tl_frame_of_trunk(f) ? tl_trunk_drop : tl_frame_empty)(s, raw->frame);
        tl_drive_release(&s->drive, raws[i]);
    }
    tl_drive_pump(&s->drive);
    return status;
}

static void empty_ring(struct tl_store *s)
{
    for (uint32_t i = 0; i < s->n_ring; i++)
        if (tl_frame_at(s, s->ring[i])->state == TL_FRAME_READY)
            tl_frame_empty(s, s->ring[i]);
    if (!tl_experts_stream(s))
        tl_trunk_rewind(s);
}

/* What is read only to measure does not count. */
static void uncount(struct tl_store *s, uint64_t drive_bytes, uint64_t busy_ns)
{
    tl_meter_add(s->meters, TL_METER_DRIVE_BYTES, drive_bytes - tl_meter_get(s->meters, TL_METER_DRIVE_BYTES));
    tl_meter_add(s->meters, TL_METER_DRIVE_BUSY_NS, busy_ns - tl_meter_get(s->meters, TL_METER_DRIVE_BUSY_NS));
}

int tl_store_measure_drive(struct tl_store *s, double seconds, double *ret_bytes_per_s)
{
    uint64_t bytes = 0, warm = 0;
    int status = 0;
    if (!tl_experts_stream(s) && !s->trunk.ring_bytes)
        return tl_fail(TL_E_USAGE, "nothing is streamed, so there is nothing to measure");
    pthread_mutex_lock(&s->drive.lock);
    while (s->drive.n_in_flight || s->drive.n_landed) {                  /* what look-ahead has begun */
        while (!s->drive.n_landed)
            pthread_cond_wait(&s->drive.landed, &s->drive.lock);
        tl_frame_pack(s);
    }
    empty_ring(s);
    uint64_t begin = tl_clock_ns(), state = begin;
    uint64_t drive_bytes = tl_meter_get(s->meters, TL_METER_DRIVE_BYTES), busy_ns = tl_meter_get(s->meters, TL_METER_DRIVE_BUSY_NS);
    do {
        if (tl_clock_seconds(begin) < seconds)
            fill_ring(s, &state);
        while (!s->drive.n_landed && s->drive.n_in_flight)
            pthread_cond_wait(&s->drive.landed, &s->drive.lock);
        int r = drop_landed(s, &bytes);
        status = status < 0 ? status : r;
        if (!warm && bytes) {
            warm = bytes;
            begin = tl_clock_ns();
        }
        *ret_bytes_per_s = (double)(bytes - warm) / tl_clock_seconds(begin);
    } while (s->drive.n_in_flight || s->drive.n_landed || (status >= 0 && tl_clock_seconds(begin) < seconds));
    uncount(s, drive_bytes, busy_ns);
    if (tl_trunk_streams(s) && !tl_experts_stream(s)) {
        tl_trunk_rewind(s);
        tl_trunk_fill(s);
    }
    pthread_mutex_unlock(&s->drive.lock);
    return status;
}
