/* SPDX-License-Identifier: MIT */
/* Routed experts: asked for, handed out as they are there, given back, expected. Resident banks hand out everything at
 * once; of streamed ones, what is there comes first while the rest is read. Only the thread that runs a step comes here;
 * what the drive's threads touch is under the drive's lock. */
#include "base/error.h"
#include "store/frames.h"

enum { PROBE_EVERY = 32, LEAST_WORTH_PERCENT = 25, WORTH_WINDOW = 256 };

/* --- asking --- */

static uint32_t key_of(const struct tl_store *s, uint32_t index) { return s->banks[s->asked.bank].first_key + s->asked.experts[index]; }

/* Where order matters and nothing of the order is on its way, the ring may be full of later ones: the last of them goes. */
static uint32_t take_back(struct tl_store *s)
{
    struct tl_asking *a = &s->asked;
    for (uint32_t i = a->n_experts; a->in_order && a->n_taken == a->n_begun && i-- > a->n_begun + 1;) {
        struct tl_frame *f = a->frame[i] == TL_NONE ? NULL : tl_frame_at(s, a->frame[i]);
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
        uint32_t place = tl_shelf_place(&s->shelf, a->policy, key), frame = place == TL_NONE ? tl_frame_of_ring(s, true) : s->frame_at[place];
        if (frame == TL_NONE)
            frame = take_back(s);
        if (frame == TL_NONE)
            break;
        tl_frame_load(s, frame, a->bank, a->experts[a->n_begun], TL_DEMAND);
        a->frame[a->n_begun] = frame;
        tl_drive_pump(&s->drive);
    }
}

/* Nothing more is read of what was only likely. What was not even begun does not count. */
static void expect_no_more(struct tl_store *s, uint32_t frame)
{
    const struct tl_frame *f = tl_frame_at(s, frame);
    s->banks[f->bank].n_ahead -= f->next_piece == 0;
    tl_meter_add(s->meters, TL_METER_AHEAD_READS, f->next_piece == 0 ? UINT64_MAX : 0);
    tl_frame_give_up(s, frame);
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
        struct tl_frame *f = tl_frame_at(s, frame);
        hits += f->state == TL_FRAME_READY && !f->ahead;
        uses += f->ahead;
        s->banks[a->bank].n_ahead_used += f->ahead;
        f->ahead = false;
        f->wanted = true;
        tl_drive_move(&s->drive, frame, TL_DEMAND);
        tl_frame_mark(s, f);
    }
    for (uint32_t i = 0; i < a->n_experts; i++)
        if (a->frame[i] != TL_NONE)
            tl_frame_keep(s, a->frame[i]);
    for (uint32_t i = 0; i < s->n_ring; i++) {
        const struct tl_frame *f = tl_frame_at(s, s->ring[i]);
        if (f->ahead && f->bank == a->bank && f->state == TL_FRAME_LOADING)
            expect_no_more(s, s->ring[i]);
    }
    tl_meter_add(s->meters, TL_METER_EXPERT_HITS, hits);
    tl_meter_add(s->meters, TL_METER_EXPERT_MISSES, a->n_experts - hits);
    tl_meter_add(s->meters, TL_METER_MISSED_BYTES, (a->n_experts - hits) * s->banks[a->bank].stored_bytes);
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
        struct tl_frame *f = tl_frame_at(s, frame);
        bool mine = f->wanted && f->key == key_of(s, i);
        if (mine && f->state == TL_FRAME_LOADING)
            tl_frame_give_up(s, frame);
        else if (mine)
            f->wanted = false;
        tl_frame_mark(s, f);
    }
    a->n_experts = 0;
}

int tl_store_ask(struct tl_store *s, uint32_t bank, const uint32_t *experts, uint32_t n_experts, bool in_order)
{
    struct tl_asking *a = &s->asked;
    if (!tl_experts_stream(s)) {
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
        bool ready = frame != TL_NONE && frame != TL_TAKEN && tl_frame_at(s, frame)->state == TL_FRAME_READY;
        if (!ready && a->in_order)
            break;
        if (!ready)
            continue;
        struct tl_frame *f = tl_frame_at(s, frame);
        f->pins++;
        f->wanted = false;
        tl_frame_mark(s, f);
        hand_out(s, a->experts[i], tl_frame_memory(s, frame), &ret_experts[n++]);
        a->frame[i] = TL_TAKEN;
        a->n_taken++;
    }
    return n;
}

int tl_store_take(struct tl_store *s, struct tl_expert *ret_experts, uint32_t most)
{
    if (!tl_experts_stream(s))
        return (int)take_resident(s, ret_experts, most);
    int status = 0;
    uint32_t n = 0;
    pthread_mutex_lock(&s->drive.lock);
    while (s->asked.n_taken < s->asked.n_experts && !n && status >= 0) {
        if (s->drive.n_free < s->drive.n_raws / 2)
            status = tl_frame_pack(s);
        if (status >= 0)
            n = take_ready(s, ret_experts, most);
        if (n || status < 0)
            break;
        begin_missing(s);
        status = tl_drive_wait(&s->drive);
        if (status >= 0)
            status = tl_frame_pack(s);
    }
    if (status < 0)
        forget(s);
    pthread_mutex_unlock(&s->drive.lock);
    return status < 0 ? status : (int)n;
}

void tl_store_give(struct tl_store *s, uint32_t bank, const struct tl_expert *experts, uint32_t n_experts)
{
    if (!tl_experts_stream(s))
        return;
    pthread_mutex_lock(&s->drive.lock);
    for (uint32_t i = 0; i < n_experts; i++) {
        struct tl_frame *f = tl_frame_at(s, s->frame_of[s->banks[bank].first_key + experts[i].expert]);
        f->pins--;
        tl_frame_mark(s, f);
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

bool tl_store_looks_ahead(const struct tl_store *s) { return tl_experts_stream(s) && s->options.ahead != TL_AHEAD_OFF; }

static bool is_among(uint32_t expert, const uint32_t *experts, uint32_t n_experts)
{
    uint32_t i = 0;
    while (i < n_experts && experts[i] != expert)
        i++;
    return i < n_experts;
}

/* What was expected of the bank before and is no more: forgotten where nothing of it was read, else the last in the queue. */
static void expect_less(struct tl_store *s, uint32_t bank, const uint32_t *experts, uint32_t n_experts, bool begun)
{
    for (uint32_t i = 0; i < s->n_ring; i++) {
        const struct tl_frame *f = tl_frame_at(s, s->ring[i]);
        if (!f->ahead || !f->queued || f->bank != bank || (f->next_piece > 0) != begun || is_among(f->expert, experts, n_experts))
            continue;
        if (begun)
            tl_drive_move(&s->drive, s->ring[i], TL_AHEAD);
        else
            expect_no_more(s, s->ring[i]);
    }
}

/* Into a free frame of the ring, half of which is for what is only likely. */
static void read_ahead(struct tl_store *s, uint32_t bank, uint32_t expert)
{
    uint32_t n_ahead = 0;
    for (uint32_t i = 0; i < s->n_ring; i++)
        n_ahead += tl_frame_at(s, s->ring[i])->ahead;
    uint32_t frame = n_ahead < s->n_ring / 2 ? tl_frame_of_ring(s, false) : TL_NONE;
    if (frame == TL_NONE)
        return;
    tl_frame_load(s, frame, bank, expert, TL_AHEAD);
    s->banks[bank].n_ahead++;
    tl_meter_add(s->meters, TL_METER_AHEAD_READS, 1);
}

void tl_store_expect(struct tl_store *s, uint32_t bank, const uint32_t *experts, uint32_t n_experts)
{
    if (!tl_store_looks_ahead(s))
        return;
    pthread_mutex_lock(&s->drive.lock);
    bool pays = worth(s, &s->banks[bank]);
    expect_less(s, bank, experts, n_experts, false);
    for (uint32_t i = 0; i < n_experts && pays; i++) {
        uint32_t frame = s->frame_of[s->banks[bank].first_key + experts[i]];
        if (frame == TL_NONE)
            read_ahead(s, bank, experts[i]);
        else if (tl_frame_at(s, frame)->ahead)
            tl_drive_move(&s->drive, frame, TL_AHEAD);
    }
    expect_less(s, bank, experts, n_experts, true);
    tl_drive_pump(&s->drive);
    pthread_mutex_unlock(&s->drive.lock);
}
