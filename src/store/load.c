/* SPDX-License-Identifier: MIT */
/* Reading weights from a file into their place: panels packed in parallel, a bounded piece a thread at a time. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "store/store_impl.h"

static uint64_t min64(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Stored rows that one panel spans, gaps of interleaved rows included. */
static uint64_t panel_span(const struct tl_slot *slot)
{
    if (slot->matrix.number)
        return tl_apart_staging(slot);
    return ((TL_PANEL_ROWS - 1) * slot->matrix.row_step + 1) * slot->row_bytes + TL_PANEL_ROWS * slot->row_bytes;
}

uint64_t tl_slot_staging(const struct tl_slot *slot)
{
    const struct tl_matrix *m = &slot->matrix;
    uint64_t least = m->form == TL_WEIGHT_VECTOR ? m->tensor->n_bytes + 64 + m->tensor->n_elems * sizeof(float) : panel_span(slot);
    if (m->transposed && !m->number)                     /* all columns of the matrix, then the rows of a panel */
        least = m->tensor->n_bytes / (m->each ? 1 : tl_matrix_stored(m)) + TL_PANEL_ROWS * slot->row_bytes;
    return least > TL_STAGING_BYTES ? least : TL_STAGING_BYTES;
}

/* Of vectors, first_row and row_step count elements, and matrix_step those from one vector to the next. */
int tl_slot_read_vector(const struct tl_store *store, const struct tl_slot *slot, uint8_t *staging, float *ret_values)
{
    const struct tl_matrix *m = &slot->matrix;
    float *stored = (float *)(staging + (m->tensor->n_bytes + 63) / 64 * 64);
    int status = tl_modelfile_read(store->file, m->tensor, 0, staging, m->tensor->n_bytes);
    if (status < 0)
        return status;
    tl_number_decode(m->tensor->number, staging, m->tensor->n_elems, stored);
    for (uint64_t i = 0; i < m->count; i++)
        for (uint64_t k = 0; k < m->cols; k++)
            ret_values[i * m->cols + k] = stored[i * m->matrix_step + m->first_row + k * m->row_step] + m->add;
    return 0;
}

/* Rows of columns-outermost storage: reads the whole matrix once, then gathers each panel's rows. */
static int read_transposed(const struct tl_store *store, const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to,
                           uint8_t *staging, uint8_t *ret_panels)
{
    const struct tl_matrix *m = &slot->matrix;
    const struct tl_tensor *tensor = m->each ? m->each[index] : m->tensor;
    const struct tl_number *number = tensor->number;
    uint64_t bytes = tensor->n_bytes / (m->each ? 1 : tl_matrix_stored(m)), stored_rows = m->line ? m->line : bytes / number->block_bytes / m->cols;
    uint8_t *rows = staging + bytes;
    int status = tl_modelfile_read(store->file, tensor, m->each ? 0 : index * bytes, staging, bytes);
    for (uint32_t p = from; p < to && status >= 0; p++) {
        uint32_t n_rows = (uint32_t)min64(TL_PANEL_ROWS, m->rows - p * TL_PANEL_ROWS);
        for (uint32_t i = 0; i < n_rows; i++)
            for (uint32_t k = 0; k < m->cols; k++)
                memcpy(rows + i * slot->row_bytes + (uint64_t)k * number->block_bytes,
                       staging + (k * stored_rows + m->first_row + (p * TL_PANEL_ROWS + i) * m->row_step) * number->block_bytes,
                       number->block_bytes);
        tl_panel_pack(number, rows, n_rows, m->cols, ret_panels + (p - from) * tl_panel_bytes(number, m->cols));
    }
    return status;
}

int tl_slot_read(const struct tl_store *store, const struct tl_slot *slot, uint32_t index, uint32_t from, uint32_t to, uint8_t *staging,
                 uint8_t *ret_panels)
{
    const struct tl_matrix *m = &slot->matrix;
    const struct tl_tensor *tensor = m->each ? m->each[index] : m->tensor;
    index %= tl_matrix_stored(m);
    if (m->number)
        return tl_apart_read(store, slot, index, from, to, staging, ret_panels);
    if (m->transposed)
        return read_transposed(store, slot, index, from, to, staging, ret_panels);
    uint64_t base = (m->each ? 0 : index * m->matrix_step) + m->first_row;
    uint64_t first = (uint64_t)from * TL_PANEL_ROWS, last = min64((uint64_t)to * TL_PANEL_ROWS, m->rows) - 1;
    uint64_t span = ((last - first) * m->row_step + 1) * slot->row_bytes;
    int status = tl_modelfile_read(store->file, tensor, (base + first * m->row_step) * slot->row_bytes, staging, span);
    for (uint32_t p = from; p < to && status >= 0; p++) {
        uint64_t row = (uint64_t)p * TL_PANEL_ROWS;
        uint32_t n_rows = (uint32_t)min64(TL_PANEL_ROWS, m->rows - row);
        uint8_t *rows = staging + (row - first) * m->row_step * slot->row_bytes;
        for (uint32_t i = 1; i < n_rows && m->row_step > 1; i++)         /* closes the gaps of interleaved rows */
            memmove(rows + i * slot->row_bytes, rows + i * m->row_step * slot->row_bytes, slot->row_bytes);
        tl_panel_pack(tensor->number, rows, n_rows, m->cols, ret_panels + (p - from) * tl_panel_bytes(tensor->number, m->cols));
    }
    return status;
}

/* --- all of it --- */

enum { ROUND_PIECES = 64 };

struct piece { uint32_t slot, matrix, from, to; };

struct loading {
    struct tl_store *store;
    struct piece next;                   /* where the next round begins */
    struct piece *round;
    uint8_t *staging;                    /* one a thread */
    _Atomic int status, text_taken;
    char text[512];                      /* of the first failure */
};

static void load_piece(void *context, uint32_t index, uint32_t thread)
{
    struct loading *load = context;
    const struct piece *piece = &load->round[index];
    struct tl_slot *slot = &load->store->slots[piece->slot];
    uint8_t *staging = load->staging + thread * load->store->staging_bytes;
    if (atomic_load(&load->status) < 0)
        return;
    uint64_t panel_bytes = slot->matrix_bytes / slot->n_panels;
    int status = slot->matrix.form == TL_WEIGHT_VECTOR
                     ? tl_slot_read_vector(load->store, slot, staging, (float *)slot->data)
                     : tl_slot_read(load->store, slot, piece->matrix, piece->from, piece->to, staging,
                                    slot->data + piece->matrix * slot->matrix_bytes + piece->from * panel_bytes);
    if (status < 0 && atomic_exchange(&load->text_taken, 1) == 0) {
        strncpy(load->text, tl_error_text(), sizeof(load->text) - 1);
        atomic_store(&load->status, status);
    }
}

/* Panels of a slot that fit in the staging together. */
static uint32_t panels_a_piece(const struct loading *load, const struct tl_slot *slot)
{
    if (slot->matrix.transposed)
        return slot->n_panels;
    uint64_t each = panel_span(slot);
    return load->store->staging_bytes > each ? (uint32_t)(load->store->staging_bytes / each) : 1;
}

static uint32_t next_round(struct loading *load, uint64_t *done_bytes)
{
    const struct tl_store *store = load->store;
    struct piece *next = &load->next;
    uint32_t n = 0;
    while (n < ROUND_PIECES && next->slot < store->n_slots) {
        const struct tl_slot *slot = &store->slots[next->slot];
        if (!slot->data) {
            *next = (struct piece){ .slot = next->slot + 1 };
            continue;
        }
        bool vector = slot->matrix.form == TL_WEIGHT_VECTOR;
        uint32_t panels = vector ? 1 : slot->n_panels, matrices = vector ? 1 : slot->matrix.count;
        next->to = (uint32_t)min64(panels, (uint64_t)next->from + panels_a_piece(load, slot));
        load->round[n++] = *next;
        *done_bytes += slot->stored_bytes / matrices / panels * (next->to - next->from);
        next->from = next->to;
        if (next->from == panels) {
            next->from = 0;
            next->matrix++;
        }
        if (next->matrix == matrices)
            *next = (struct piece){ .slot = next->slot + 1 };
    }
    return n;
}

static int load_rounds(struct loading *load, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress, void *context)
{
    uint64_t done = 0, total = load->store->read_bytes;
    for (uint32_t n; (n = next_round(load, &done)) > 0;) {
        if (cancel && *cancel)
            return tl_fail(TL_E_CANCEL, "interrupted");
        tl_pool_run(pool, n, load_piece, load);
        if (atomic_load(&load->status) < 0)
            return tl_error_set(atomic_load(&load->status), load->text);
        if (progress)
            progress(context, min64(done, total), total);
    }
    return 0;
}

/* What stays of a streamed model must not go: it is used in every step. */
static void lock_trunk(const struct tl_store *store)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = UINTPTR_MAX, to = 0;
    struct sysinfo system = {0};
    char text[200];
    for (uint32_t i = 0; i < store->n_slots; i++) {
        const struct tl_slot *slot = &store->slots[i];
        uintptr_t at = (uintptr_t)slot->data;
        if (!slot->data || slot->routed)
            continue;
        from = at < from ? at : from;
        to = at + slot->bytes > to ? at + slot->bytes : to;
    }
    from -= from % page;
    if (from >= to || mlock((void *)from, to - from) == 0 || !store->options.log)
        return;
    snprintf(text, sizeof(text), "%llu MiB of weights that are used in every step cannot be locked in memory: %s",
             (unsigned long long)(to - from) >> 20, strerror(errno));
    sysinfo(&system);
    store->options.log(store->options.context, system.totalswap > 0, text);           /* without swap nothing can push them out */
}

uint64_t tl_store_staging_bytes(const struct tl_store *store) { return store->staging_bytes; }

int tl_store_load(struct tl_store *store, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress, void *context)
{
    uint64_t begin = tl_clock_ns();
    struct loading load = { .store = store };
    load.staging = tl_alloc(tl_pool_threads(pool), store->staging_bytes);
    load.round = tl_alloc(ROUND_PIECES, sizeof(*load.round));
    int status = load.staging && load.round ? load_rounds(&load, pool, cancel, progress, context) : TL_E_NOMEM;
    tl_free(load.staging);
    tl_free(load.round);
    store->pool = pool;
    if (status >= 0 && tl_store_streams(store))
        status = tl_frames_open(store);
    if (status >= 0 && tl_store_streams(store))
        lock_trunk(store);
    tl_meter_add(store->meters, TL_METER_FILE_BYTES, status >= 0 ? store->read_bytes : 0);
    tl_meter_add(store->meters, TL_METER_LOAD_NS, tl_clock_ns() - begin);
    return status;
}
