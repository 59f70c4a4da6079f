/* SPDX-License-Identifier: MIT */
/* What is declared, where it lies, and the pins of what is resident: read once and packed into panels at load. */
#include "store/store.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/store_impl.h"

enum { FIRST_KNOWN = 64 };

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
    tl_frames_close(store);
    tl_trunk_done(store);
    for (uint32_t i = 0; i < store->n_slots; i++)
        free_each(&store->slots[i].matrix);
    tl_free(store->slots);
    tl_free(store->known);
    tl_free(store->banks);
    tl_free(store->pieces);
    tl_free(store);
}

/* --- declaring --- */

/* Nobody outside chooses what is hashed: addresses of tensors. */
static uint64_t hash_of(const struct tl_matrix *m)
{
    const uint64_t words[] = {(uintptr_t)m->tensor, (uintptr_t)m->scales, m->first_row, (uint64_t)m->rows << 8 | m->form};
    return tl_hash_bytes(words, sizeof(words), 0);
}

static bool same(const struct tl_matrix *a, const struct tl_matrix *b)
{
    return a->tensor == b->tensor && a->scales == b->scales && !a->each && !b->each && a->form == b->form && a->first_row == b->first_row && a->rows == b->rows && a->add == b->add;
}

/* Where the table has what is declared the same way, or else the free place for it. */
static uint32_t *place_of(const struct tl_store *store, const struct tl_matrix *matrix)
{
    uint32_t at = (uint32_t)hash_of(matrix) & (store->n_known - 1);
    while (store->known[at] != TL_NONE && !same(&store->slots[store->known[at]].matrix, matrix))
        at = (at + 1) & (store->n_known - 1);
    return &store->known[at];
}

/* Matrices of tensors of their own (`each`) are never the same. */
static int grow_known(struct tl_store *store)
{
    uint32_t n = store->n_known ? 2 * store->n_known : FIRST_KNOWN, *known = tl_alloc(n, sizeof(*known));
    if (!known)
        return TL_E_NOMEM;
    memset(known, 0xff, n * sizeof(*known));
    tl_free(store->known);
    store->known = known;
    store->n_known = n;
    for (uint32_t i = 0; i < store->n_slots; i++)
        if (!store->slots[i].matrix.each)
            *place_of(store, &store->slots[i].matrix) = i;
    return 0;
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
    uint64_t stored = m->tensor->n_elems / m->cols, matrices = m->each ? 0 : tl_matrix_stored(m) - 1, last;
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
    if (tl_grow((void **)&store->slots, store->n_slots, &store->cap_slots, sizeof(*store->slots)) < 0)
        return TL_E_NOMEM;
    store->stored_bytes += slot->stored_bytes;
    store->trunk.is_split = false;
    *ret_id = store->n_slots;
    store->slots[store->n_slots++] = *slot;
    return 0;
}

int tl_store_add(struct tl_store *store, const struct tl_matrix *matrix, uint32_t *ret_id)
{
    int status = 2 * (store->n_slots + 1) > store->n_known ? grow_known(store) : 0;
    uint32_t *place = status < 0 || matrix->each ? NULL : place_of(store, matrix);
    if (place && *place != TL_NONE) {
        *ret_id = *place;
        return 0;
    }
    struct tl_slot slot = { .matrix = *matrix };
    if (status >= 0)
        status = measure(store, &slot);
    if (status >= 0)
        status = add_slot(store, &slot, ret_id);
    if (status >= 0 && place)
        *place = *ret_id;
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
    struct tl_bank *bank = &banks[store->n_banks];
    *bank = (struct tl_bank){ .n_experts = store->slots[ids[0]].matrix.count, .first_key = store->n_keys };
    memcpy(bank->ids, ids, sizeof(bank->ids));
    store->trunk.is_split = false;
    for (int i = 0; i < TL_BANK_MATRICES; i++) {
        struct tl_slot *slot = &store->slots[ids[i]];
        store->routed_bytes += slot->routed ? 0 : slot->stored_bytes;
        slot->routed = true;
    }
    int status = tl_bank_cut(store, bank);
    if (status < 0)
        return status;
    store->n_keys += bank->n_experts;
    store->most_experts = bank->n_experts > store->most_experts ? bank->n_experts : store->most_experts;
    *ret_bank = store->n_banks++;
    return 0;
}

uint32_t tl_store_banks(const struct tl_store *store) { return store->n_banks; }
uint32_t tl_store_bank_experts(const struct tl_store *store, uint32_t bank) { return store->banks[bank].n_experts; }
const struct tl_tensor *tl_store_tensor(const struct tl_store *store, uint32_t id)
{
    const struct tl_matrix *matrix = &store->slots[id].matrix;
    return matrix->each ? matrix->each[0] : matrix->tensor;
}

void tl_store_describe(const struct tl_store *store, uint32_t id, struct tl_weight *ret_weight, uint64_t *ret_stored_bytes)
{
    const struct tl_slot *slot = &store->slots[id];
    const struct tl_matrix *m = &slot->matrix;
    *ret_weight = (struct tl_weight){ .form = m->form, .number = slot->number, .count = m->count, .rows = m->rows, .cols = m->cols,
                                      .matrix_bytes = slot->matrix_bytes };
    *ret_stored_bytes = slot->stored_bytes;
}

uint32_t tl_store_bank_weight(const struct tl_store *store, uint32_t bank, int matrix) { return store->banks[bank].ids[matrix]; }
uint32_t tl_store_kept_frames(const struct tl_store *store) { return tl_experts_stream(store) ? store->shelf.n_places : 0; }

const struct tl_tensor *tl_store_bank_tensor(const struct tl_store *store, uint32_t bank, int matrix)
{
    return tl_store_tensor(store, store->banks[bank].ids[matrix]);
}

void tl_store_record(struct tl_store *store, struct tl_trace *trace) { store->trace = trace; }

/* --- choices --- */

static int fail_name(const char *what, const char *name, const char *const *names)
{
    char list[200] = "auto";
    for (size_t i = 0, at = 4; names[i] && at < sizeof(list); i++)
        at += (size_t)snprintf(list + at, sizeof(list) - at, " %s", names[i]);
    return tl_fail(TL_E_USAGE, "%s \"%.40s\" is not known (there are: %s)", what, name, list);
}

static bool automatic(const char *name) { return !name || !strcmp(name, "auto"); }

int tl_store_choose(struct tl_store *store, const char *io, const char *policy, const char *ahead)
{
    static const char *const ios[] = {
#define IO(name, meaning) #name,
#include "store/io.def"
#undef IO
        NULL,
    };
    static const char *const policies[] = {
#define POLICY(name, meaning) #name,
#include "store/policies.def"
#undef POLICY
        NULL,
    };
    static const char *const aheads[] = { "on", "off", NULL };
    struct tl_store_options *o = &store->options;
    o->io = automatic(io) ? NULL : tl_io_by_name(io);
    o->policy = automatic(policy) ? NULL : tl_policy_by_name(policy);
    o->ahead = automatic(ahead) ? TL_AHEAD_AUTO : !strcmp(ahead, "on") ? TL_AHEAD_ON : TL_AHEAD_OFF;
    if (!automatic(io) && !o->io)
        return fail_name("a way of reading", io, ios);
    if (!automatic(policy) && !o->policy)
        return fail_name("a policy", policy, policies);
    if (o->ahead == TL_AHEAD_OFF && strcmp(ahead, "off") != 0)
        return fail_name("look-ahead", ahead, aheads);
    return 0;
}

void tl_store_log(struct tl_store *store, void (*log)(void *context, int level, const char *text), void *context)
{
    store->options.log = log;
    store->options.context = context;
}

uint32_t tl_store_count(const struct tl_store *store) { return store->n_slots; }
uint64_t tl_store_bytes(const struct tl_store *store) { return store->stored_bytes; }
uint64_t tl_store_resident_bytes(const struct tl_store *store) { return store->read_bytes; }

int tl_store_layout(struct tl_store *store, const struct tl_store_limits *limits, struct tl_arena *arena)
{
    store->limits = *limits;
    store->staging_bytes = store->read_bytes = 0;
    tl_trunk_split(store, limits->trunk_bytes);
    for (uint32_t i = 0; i < store->n_slots; i++) {
        struct tl_slot *slot = &store->slots[i];
        slot->resident = slot->routed ? !limits->frames : slot->resident;
        uint64_t staging = slot->resident ? tl_slot_staging(slot) : 0;
        store->staging_bytes = staging > store->staging_bytes ? staging : store->staging_bytes;
        store->read_bytes += slot->resident ? slot->stored_bytes : 0;
        slot->data = slot->resident ? tl_arena_take(arena, 1, slot->bytes) : NULL;
    }
    if (tl_store_streams(store))
        tl_frames_place(store, arena);
    return arena->overflow ? tl_fail(TL_E_NOMEM, "the weights do not fit in the memory laid out for them") : 0;
}
