/* SPDX-License-Identifier: MIT */
/* The memory tier: every weight is resident, read once and packed into panels at load. */
#include "store/store.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "store/store_impl.h"

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

static void free_each(const struct tl_matrix *matrix)
{
    tl_free(matrix->each);
    tl_free(matrix->each_scales);
}

void tl_store_free(struct tl_store *store)
{
    if (!store)
        return;
    for (uint32_t i = 0; i < store->n_slots; i++)
        free_each(&store->slots[i].matrix);
    tl_free(store->slots);
    tl_free(store->banks);
    tl_free(store);
}

/* --- declaring --- */

static bool same(const struct tl_matrix *a, const struct tl_matrix *b)
{
    return a->tensor == b->tensor && a->scales == b->scales && !a->each && !b->each && a->form == b->form && a->first_row == b->first_row && a->rows == b->rows && a->add == b->add;
}

static int fail_shape(const struct tl_store *store, const struct tl_tensor *tensor)
{
    return tl_fail(TL_E_FILE, "%s: %s has a shape that is not supported", tl_modelfile_path(store->file), tensor->name);
}

static int check_equal(const struct tl_store *store, const struct tl_tensor *a, const struct tl_tensor *b)
{
    if (a->number == b->number && !strcmp(a->type_name, b->type_name) && a->n_elems == b->n_elems)
        return 0;
    return tl_fail(TL_E_FILE, "%s: %s differs in format or shape from %s", tl_modelfile_path(store->file), b->name, a->name);
}

/* All rows that the matrices name must lie in their tensors. */
static int check_rows(const struct tl_store *store, const struct tl_matrix *m)
{
    uint64_t stored = m->tensor->n_elems / m->cols, matrices = m->each ? 0 : m->count - 1, last;
    bool vector = m->form == TL_WEIGHT_VECTOR;
    uint64_t reach = ((vector ? m->cols : m->rows) - 1) * m->row_step + m->first_row;
    stored = vector ? m->tensor->n_elems : stored;
    if (!tl_checked_mul(matrices, m->matrix_step, &last) || !tl_checked_add(last, reach, &last))
        return fail_shape(store, m->tensor);
    if (m->number ? !tl_apart_reaches(m) : last >= stored)
        return fail_shape(store, m->tensor);
    if (!m->number && !vector && !m->line && m->tensor->n_elems % m->cols)
        return fail_shape(store, m->tensor);
    int status = 0;
    for (uint32_t i = 0; m->each && i < m->count && status >= 0; i++) {
        status = check_equal(store, m->tensor, m->each[i]);
        if (status >= 0 && m->each_scales)
            status = check_equal(store, m->scales, m->each_scales[i]);
    }
    return status;
}

static int measure(const struct tl_store *store, struct tl_slot *slot)
{
    const struct tl_matrix *m = &slot->matrix;
    if (!m->rows || !m->cols || !m->count || m->rows > 1u << 28 || m->cols > 1u << 24 || m->count > 1u << 20)
        return fail_shape(store, m->tensor);
    const struct tl_number *number = slot->number = tl_matrix_number(m);
    if ((number->group && m->cols % number->block_elems) || (m->transposed && number->group))
        return tl_fail(TL_E_FILE, "%s: %s has rows of %u elements, expected a multiple of %u for %s", tl_modelfile_path(store->file),
                       m->tensor->name, m->cols, number->block_elems, number->name);
    int status = check_rows(store, m);
    if (status < 0)
        return status;
    slot->row_bytes = (m->cols + number->block_elems - 1) / number->block_elems * (uint64_t)number->block_bytes;
    slot->n_panels = (m->rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    if (m->form == TL_WEIGHT_VECTOR)
        slot->matrix_bytes = m->cols * sizeof(float);
    else if (!tl_checked_mul(slot->n_panels, tl_panel_bytes(number, m->cols), &slot->matrix_bytes))
        return fail_shape(store, m->tensor);
    slot->stored_bytes = m->number ? tl_apart_stored_bytes(m) : (uint64_t)m->count * m->rows * slot->row_bytes;
    return tl_checked_mul(slot->matrix_bytes, m->count, &slot->bytes) ? 0 : fail_shape(store, m->tensor);
}

static int add_slot(struct tl_store *store, const struct tl_slot *slot, uint32_t *ret_id)
{
    if (store->n_slots == store->cap_slots) {
        uint32_t cap = store->cap_slots ? 2 * store->cap_slots : 256;
        struct tl_slot *slots = tl_realloc(store->slots, cap, sizeof(*slots));
        if (!slots)
            return TL_E_NOMEM;
        store->slots = slots;
        store->cap_slots = cap;
    }
    uint64_t staging = tl_slot_staging(slot);
    store->staging_bytes = staging > store->staging_bytes ? staging : store->staging_bytes;
    store->stored_bytes += slot->stored_bytes;
    *ret_id = store->n_slots;
    store->slots[store->n_slots++] = *slot;
    return 0;
}

int tl_store_add(struct tl_store *store, const struct tl_matrix *matrix, uint32_t *ret_id)
{
    for (uint32_t i = store->n_slots; i-- > 0;)
        if (same(&store->slots[i].matrix, matrix)) {
            *ret_id = i;
            return 0;
        }
    struct tl_slot slot = { .matrix = *matrix };
    int status = measure(store, &slot);
    if (status >= 0)
        status = add_slot(store, &slot, ret_id);
    if (status < 0)
        free_each(matrix);
    return status;
}

int tl_store_add_bank(struct tl_store *store, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank)
{
    struct tl_bank *banks = tl_realloc(store->banks, store->n_banks + 1, sizeof(*banks));
    if (!banks)
        return TL_E_NOMEM;
    store->banks = banks;
    memcpy(banks[store->n_banks].ids, ids, sizeof(banks->ids));
    *ret_bank = store->n_banks++;
    return 0;
}

uint32_t tl_store_count(const struct tl_store *store) { return store->n_slots; }
uint64_t tl_store_bytes(const struct tl_store *store) { return store->stored_bytes; }

int tl_store_layout(struct tl_store *store, struct tl_arena *arena)
{
    for (uint32_t i = 0; i < store->n_slots; i++)
        store->slots[i].data = tl_arena_take(arena, 1, store->slots[i].bytes);
    return arena->overflow ? tl_fail(TL_E_NOMEM, "the weights do not fit in the memory laid out for them") : 0;
}

/* --- pins --- */

int tl_store_pin(struct tl_store *store, uint32_t id, struct tl_weight *ret_weight)
{
    const struct tl_slot *slot = &store->slots[id];
    const struct tl_matrix *m = &slot->matrix;
    *ret_weight = (struct tl_weight){
        .form = m->form, .count = m->count, .rows = m->rows, .cols = m->cols, .data = slot->data, .matrix_bytes = slot->matrix_bytes,
        .number = m->form == TL_WEIGHT_VECTOR ? tl_number(TL_NUMBER_F32) : slot->number,
    };
    return 0;
}

void tl_store_unpin(struct tl_store *store, uint32_t id)
{
    (void)store;
    (void)id;
}

/* --- experts: all are there, so all that fit are handed out at once, in order --- */

int tl_store_ask(struct tl_store *store, uint32_t bank, const uint32_t *experts, uint32_t n_experts, bool in_order)
{
    (void)in_order;
    store->asked = (struct tl_asking){ .bank = bank, .experts = experts, .n_experts = n_experts };
    return 0;
}

int tl_store_take(struct tl_store *store, struct tl_expert *ret_experts, uint32_t most)
{
    struct tl_asking *asked = &store->asked;
    uint32_t n = 0;
    for (; n < most && asked->n_taken < asked->n_experts; n++, asked->n_taken++) {
        struct tl_expert *expert = &ret_experts[n];
        expert->expert = asked->experts[asked->n_taken];
        for (int i = 0; i < TL_BANK_MATRICES; i++) {
            tl_store_pin(store, store->banks[asked->bank].ids[i], &expert->matrix[i]);
            expert->matrix[i].data = (const uint8_t *)expert->matrix[i].data + expert->expert * expert->matrix[i].matrix_bytes;
            expert->matrix[i].count = 1;
        }
    }
    return (int)n;
}

void tl_store_give(struct tl_store *store, uint32_t bank, const struct tl_expert *experts, uint32_t n_experts)
{
    (void)experts;
    for (uint32_t i = 0; i < n_experts * TL_BANK_MATRICES; i++)
        tl_store_unpin(store, store->banks[bank].ids[i % TL_BANK_MATRICES]);
}
