/* SPDX-License-Identifier: MIT */
/* The memory tier: every weight is resident, read once and packed into panels at load. */
#include "store/store.h"

#include <stdatomic.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "number/panel.h"

enum { STAGING_BYTES = 1 << 20 };        /* a thread's share of the file at a time; at least one panel */

struct slot {
    const struct tl_tensor *tensor;
    enum tl_weight_form form;
    float add;
    uint32_t rows, cols;
    uint64_t bytes;
    uint8_t *data;
};

struct tl_store {
    const struct tl_modelfile *file;
    struct tl_meters *meters;
    struct slot *slots;
    uint32_t n_slots, cap_slots;
    uint64_t stored_bytes;
    uint64_t widest_panel, widest_vector;
};

int tl_store_new(const struct tl_modelfile *file, struct tl_meters *meters, struct tl_store **ret_store)
{
    struct tl_store *store = tl_alloc(1, sizeof(*store));
    if (!store)
        return TL_E_NOMEM;
    store->file = file;
    store->meters = meters;
    *ret_store = store;
    return 0;
}

void tl_store_free(struct tl_store *store)
{
    if (store)
        tl_free(store->slots);
    tl_free(store);
}

static int add_slot(struct tl_store *store, struct slot slot, uint32_t *ret_id)
{
    if (store->n_slots == store->cap_slots) {
        uint32_t cap = store->cap_slots ? 2 * store->cap_slots : 256;
        struct slot *slots = tl_realloc(store->slots, cap, sizeof(*slots));
        if (!slots)
            return TL_E_NOMEM;
        store->slots = slots;
        store->cap_slots = cap;
    }
    store->stored_bytes += slot.tensor->n_bytes;
    *ret_id = store->n_slots;
    store->slots[store->n_slots++] = slot;
    return 0;
}

static int measure(const struct tl_store *store, struct slot *slot)
{
    const struct tl_tensor *tensor = slot->tensor;
    bool matrix = slot->form == TL_WEIGHT_PANELS;
    uint64_t rows = matrix ? tensor->shape[0] : 1, cols = matrix ? tensor->shape[1] : tensor->n_elems, panels;
    if (tensor->n_dims != (matrix ? 2u : 1u) || rows == 0 || cols == 0 || rows > 1u << 28 || cols > 1u << 24)
        return tl_fail(TL_E_FILE, "%s: %s has a shape that is not supported", tl_modelfile_path(store->file), tensor->name);
    if (cols % tensor->number->block_elems)
        return tl_fail(TL_E_FILE, "%s: %s has rows of %llu elements, expected a multiple of %u for %s", tl_modelfile_path(store->file),
                       tensor->name, (unsigned long long)cols, tensor->number->block_elems, tensor->number->name);
    slot->rows = (uint32_t)rows;
    slot->cols = (uint32_t)cols;
    panels = (rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    if (!tl_checked_mul(matrix ? panels : cols, matrix ? tl_panel_bytes(tensor->number, cols) : sizeof(float), &slot->bytes))
        return tl_fail(TL_E_FILE, "%s: %s is too large", tl_modelfile_path(store->file), tensor->name);
    return 0;
}

int tl_store_add(struct tl_store *store, const struct tl_tensor *tensor, enum tl_weight_form form, float add, uint32_t *ret_id)
{
    for (uint32_t i = store->n_slots; i-- > 0;)
        if (store->slots[i].tensor == tensor && store->slots[i].form == form) {
            *ret_id = i;
            return 0;
        }
    struct slot slot = { .tensor = tensor, .form = form, .add = add };
    int status = measure(store, &slot);
    if (status < 0)
        return status;
    uint64_t stored = tensor->n_bytes / slot.rows;
    if (form == TL_WEIGHT_PANELS && TL_PANEL_ROWS * stored > store->widest_panel)
        store->widest_panel = TL_PANEL_ROWS * stored;
    if (form == TL_WEIGHT_VECTOR && tensor->n_bytes > store->widest_vector)
        store->widest_vector = tensor->n_bytes;
    return add_slot(store, slot, ret_id);
}

uint32_t tl_store_count(const struct tl_store *store) { return store->n_slots; }
uint64_t tl_store_bytes(const struct tl_store *store) { return store->stored_bytes; }

int tl_store_layout(struct tl_store *store, struct tl_arena *arena)
{
    for (uint32_t i = 0; i < store->n_slots; i++)
        store->slots[i].data = tl_arena_take(arena, 1, store->slots[i].bytes);
    return arena->overflow ? tl_fail(TL_E_NOMEM, "the weights do not fit in the memory laid out for them") : 0;
}

/* --- loading --- */

struct loading {
    struct tl_store *store;
    uint32_t first_slot, first_panel;    /* where the round begins */
    uint64_t staging_bytes;
    uint8_t *staging;                    /* one a piece of the round */
    struct round { uint32_t slot, panel_from, panel_to; } *round;
    _Atomic int status;
    char text[512];                      /* of the first failure */
    _Atomic int text_taken;
};

static void fail_load(struct loading *load, int status)
{
    if (atomic_exchange(&load->text_taken, 1) == 0) {
        strncpy(load->text, tl_error_text(), sizeof(load->text) - 1);
        atomic_store(&load->status, status);
    }
}

static int load_vector(const struct tl_store *store, struct slot *slot, uint8_t *staging)
{
    float *values = (float *)slot->data;
    int status = tl_modelfile_read(store->file, slot->tensor, 0, staging, slot->tensor->n_bytes);
    if (status < 0)
        return status;
    tl_number_decode(slot->tensor->number, staging, slot->cols, values);
    for (uint32_t i = 0; i < slot->cols && slot->add != 0; i++)
        values[i] += slot->add;
    return 0;
}

static int load_panels(const struct tl_store *store, struct slot *slot, uint32_t from, uint32_t to, uint8_t *staging)
{
    const struct tl_number *number = slot->tensor->number;
    uint64_t row_bytes = slot->tensor->n_bytes / slot->rows, panel_bytes = tl_panel_bytes(number, slot->cols);
    uint64_t first = (uint64_t)from * TL_PANEL_ROWS, last = (uint64_t)to * TL_PANEL_ROWS < slot->rows ? (uint64_t)to * TL_PANEL_ROWS : slot->rows;
    int status = tl_modelfile_read(store->file, slot->tensor, first * row_bytes, staging, (last - first) * row_bytes);
    for (uint32_t p = from; p < to && status >= 0; p++) {
        uint64_t row = (uint64_t)p * TL_PANEL_ROWS, left = slot->rows - row;
        tl_panel_pack(number, staging + (row - first) * row_bytes, (uint32_t)(left < TL_PANEL_ROWS ? left : TL_PANEL_ROWS), slot->cols,
                      slot->data + p * panel_bytes);
    }
    return status;
}

static void load_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct loading *load = context;
    const struct round *round = &load->round[piece];
    struct slot *slot = &load->store->slots[round->slot];
    uint8_t *staging = load->staging + thread * load->staging_bytes;
    if (atomic_load(&load->status) < 0)
        return;
    int status = slot->form == TL_WEIGHT_VECTOR ? load_vector(load->store, slot, staging)
                                                : load_panels(load->store, slot, round->panel_from, round->panel_to, staging);
    if (status < 0)
        fail_load(load, status);
}

enum { ROUND_PIECES = 64 };

/* Fills one round of pieces, each as much as the staging of a thread holds; returns how many. */
static uint32_t next_round(struct loading *load)
{
    const struct tl_store *store = load->store;
    uint32_t n = 0;
    while (n < ROUND_PIECES && load->first_slot < store->n_slots) {
        const struct slot *slot = &store->slots[load->first_slot];
        uint32_t panels = slot->form == TL_WEIGHT_VECTOR ? 1 : (slot->rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
        uint64_t panel_bytes = slot->tensor->n_bytes / slot->rows * TL_PANEL_ROWS;
        uint64_t some = panel_bytes && panel_bytes <= load->staging_bytes ? load->staging_bytes / panel_bytes : 1;
        uint32_t to = some < panels - load->first_panel ? load->first_panel + (uint32_t)some : panels;
        load->round[n++] = (struct round){ load->first_slot, load->first_panel, to };
        load->first_panel = to;
        if (to == panels) {
            load->first_slot++;
            load->first_panel = 0;
        }
    }
    return n;
}

static uint64_t round_bytes(const struct loading *load, uint32_t n)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct slot *slot = &load->store->slots[load->round[i].slot];
        uint64_t rows = slot->form == TL_WEIGHT_VECTOR ? 1 : (uint64_t)(load->round[i].panel_to - load->round[i].panel_from) * TL_PANEL_ROWS;
        bytes += slot->tensor->n_bytes / slot->rows * (rows < slot->rows ? rows : slot->rows);
    }
    return bytes;
}

static int load_rounds(struct loading *load, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress, void *context)
{
    uint64_t done = 0;
    for (uint32_t n; (n = next_round(load)) > 0;) {
        if (cancel && *cancel)
            return tl_fail(TL_E_CANCEL, "interrupted");
        tl_pool_run(pool, n, load_piece, load);
        if (atomic_load(&load->status) < 0)
            return tl_error_set(atomic_load(&load->status), load->text);
        done += round_bytes(load, n);
        if (progress)
            progress(context, done < load->store->stored_bytes ? done : load->store->stored_bytes, load->store->stored_bytes);
    }
    return 0;
}

uint64_t tl_store_staging_bytes(const struct tl_store *store)
{
    uint64_t least = store->widest_panel > store->widest_vector ? store->widest_panel : store->widest_vector;
    return least > STAGING_BYTES ? least : STAGING_BYTES;
}

int tl_store_load(struct tl_store *store, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress, void *context)
{
    uint64_t begin = tl_clock_ns();
    struct loading load = { .store = store, .staging_bytes = tl_store_staging_bytes(store) };
    load.staging = tl_alloc(tl_pool_threads(pool), load.staging_bytes);
    load.round = tl_alloc(ROUND_PIECES, sizeof(*load.round));
    int status = load.staging && load.round ? load_rounds(&load, pool, cancel, progress, context) : TL_E_NOMEM;
    tl_free(load.staging);
    tl_free(load.round);
    tl_meter_add(store->meters, TL_METER_FILE_BYTES, status >= 0 ? store->stored_bytes : 0);
    tl_meter_add(store->meters, TL_METER_LOAD_NS, tl_clock_ns() - begin);
    return status;
}

int tl_store_pin(struct tl_store *store, uint32_t id, struct tl_weight *ret_weight)
{
    const struct slot *slot = &store->slots[id];
    *ret_weight = (struct tl_weight){
        .form = slot->form, .rows = slot->rows, .cols = slot->cols, .data = slot->data,
        .number = slot->form == TL_WEIGHT_VECTOR ? tl_number(TL_NUMBER_F32) : slot->tensor->number,
    };
    return 0;
}

void tl_store_unpin(struct tl_store *store, uint32_t id)
{
    (void)store;
    (void)id;
}
