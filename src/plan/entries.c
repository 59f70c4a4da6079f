/* SPDX-License-Identifier: MIT */
/* From what a model needs to what a file holds: names of the format, experts one by one or together, two matrices in one
 * tensor, codes apart from scales. */
#include "plan/entries.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/apart.h"
#include "model/bind.h"

enum { MOST_ENTRIES = 1 << 20 };

struct filer {
    const struct tl_geometry *geometry;
    bool together;
    struct tl_entries *entries;
    const struct tl_listed *listed;
};

static int append(struct filer *filer, const struct tl_entry *entry)
{
    struct tl_entries *entries = filer->entries;
    if (entries->n == MOST_ENTRIES)
        return tl_fail(TL_E_USAGE, "more than %d tensors are to be written; fewer --layers, or --share, would need less", MOST_ENTRIES);
    if (tl_grow((void **)&entries->entry, entries->n, &entries->cap, sizeof(*entries->entry)) < 0)
        return TL_E_NOMEM;
    const struct tl_want *want = filer->listed ? &filer->listed->want : NULL;
    uint64_t logical = entry->n_bytes;
    if (want && tl_role_routed(want->role))
        logical = (uint64_t)((unsigned __int128)logical * want->count / tl_bind_stored(filer->geometry, want));
    entries->logical_bytes += logical;
    entries->stored_bytes += entry->n_bytes;
    entries->entry[entries->n++] = *entry;
    return 0;
}

/* Two matrices of one tensor follow each other. */
static bool is_there(const struct tl_entries *entries, const char *name)
{
    enum { BACK = 8 };
    for (uint64_t i = 0; i < BACK && i < entries->n; i++)
        if (strcmp(entries->entry[entries->n - 1 - i].name, name) == 0)
            return true;
    return false;
}

static int count(struct tl_entry *entry, uint64_t block_elems, uint64_t block_bytes)
{
    entry->n_elems = 1;
    for (uint32_t i = 0; i < entry->n_dims; i++)
        if (!tl_checked_mul(entry->n_elems, entry->shape[i], &entry->n_elems))
            return tl_fail(TL_E_FILE, "%s: too many elements", entry->name);
    if (entry->n_elems % block_elems || !tl_checked_mul(entry->n_elems / block_elems, block_bytes, &entry->n_bytes))
        return tl_fail(TL_E_FILE, "%s: too many bytes", entry->name);
    return 0;
}

/* Codes and scales of formats that files keep in two tensors. */
static int add_apart(struct filer *filer, const struct tl_apart *apart, const struct tl_entry *whole)
{
    const struct tl_number_apart *facts = whole->number->apart;
    struct tl_entry codes = *whole, scales = *whole;
    tl_apart_shapes(apart, codes.shape, &codes.n_dims, scales.shape, &scales.n_dims);
    codes.kind = TL_ENTRY_CODES;
    codes.type = apart->type;
    scales.kind = TL_ENTRY_SCALES;
    scales.type = facts->scale == TL_NUMBERS ? "u8" : NULL;
    snprintf(codes.name + strlen(codes.name), TL_NAME_BYTES - strlen(codes.name), "%s", apart->codes);
    snprintf(scales.name + strlen(scales.name), TL_NAME_BYTES - strlen(scales.name), "%s", apart->scales);
    if (is_there(filer->entries, codes.name))
        return 0;
    int r = count(&codes, 1, apart->codes_an_element * facts->code_bits / 8);
    if (r >= 0)
        r = count(&scales, 1, facts->scale_bytes);
    if (r >= 0)
        r = append(filer, &codes);
    return r < 0 ? r : append(filer, &scales);
}

/* expert: whose own tensor it is; NULL: it is of all. */
static int add_tensor(struct filer *filer, const struct tl_want *want, unsigned layout, bool stacked, const uint32_t *expert, const char *name)
{
    const struct tl_geometry *g = filer->geometry;
    struct tl_entry entry = {.number = filer->listed->number, .listed = filer->listed, .single = expert, .expert = expert ? *expert : 0};
    bool latent = layout & (TL_LAYOUT_LATENT_K | TL_LAYOUT_LATENT_V);
    if (latent && entry.number->apart)                   /* keys and values of a latent share rows and scales cannot part */
        entry.number = tl_number(TL_NUMBER_BF16);
    const struct tl_apart *apart = g->format == TL_MODELFILE_SAFETENSORS ? tl_apart_for(entry.number->id) : NULL;
    if (want->rows && apart)
        layout &= ~(unsigned)TL_LAYOUT_TRANSPOSED;
    entry.layout = layout;
    entry.n_dims = tl_bind_shape(g, want, layout, stacked, entry.shape);
    if (g->format == TL_MODELFILE_SAFETENSORS && layout & TL_LAYOUT_TAPS) {  /* channels of one input each */
        entry.shape[entry.n_dims++] = entry.shape[1];
        entry.shape[1] = 1;
    }
    if (g->format == TL_MODELFILE_GGUF && want->rows == 1 && !stacked) {     /* one row is a vector there */
        entry.n_dims = 1;
        entry.shape[0] = want->cols;
    }
    snprintf(entry.name, sizeof entry.name, "%s", name);
    if (is_there(filer->entries, name))
        return 0;
    if (want->rows && apart)
        return add_apart(filer, apart, &entry);
    int r = count(&entry, entry.number->block_elems, entry.number->block_bytes);
    return r < 0 ? r : append(filer, &entry);
}

static int add_listed(struct filer *filer)
{
    const struct tl_want *want = &filer->listed->want;
    const struct tl_geometry *g = filer->geometry;
    char name[TL_NAME_BYTES];
    const struct tl_name *row = tl_name_write(g, want->role, want->layer, 0, name);
    if (!row)
        return tl_fail(TL_E_FAIL, "tensors of the role %d have no name in such files", (int)want->role);
    bool safetensors = g->format == TL_MODELFILE_SAFETENSORS;
    unsigned layout = tl_name_layout(g, row);
    if (!safetensors || filer->together || !want->count || !strstr(row->hf, "%e"))
        return add_tensor(filer, want, layout, want->count && !(layout & (TL_LAYOUT_LATENT_K | TL_LAYOUT_LATENT_V)), NULL, name);
    int r = 0;
    for (uint32_t expert = 0; expert < tl_bind_stored(g, want) && r >= 0; expert++) {
        tl_name_write(g, want->role, want->layer, expert, name);
        r = add_tensor(filer, want, layout, false, &expert, name);
    }
    return r;
}

int tl_entries_make(const struct tl_geometry *geometry, const struct tl_listing *listing, bool together, struct tl_entries *ret_entries)
{
    struct tl_entries entries = {0};
    struct filer filer = {.geometry = geometry, .together = together, .entries = &entries};
    int r = 0;
    for (uint32_t i = 0; i < listing->n_tensors && r >= 0; i++) {
        filer.listed = &listing->tensors[i];
        r = add_listed(&filer);
    }
    if (r < 0) {
        tl_entries_done(&entries);
        return r;
    }
    *ret_entries = entries;
    return 0;
}

int tl_entries_add_factors(struct tl_entries *entries, const float *factors, uint32_t n)
{
    struct filer filer = {.entries = entries};
    struct tl_entry entry = {.name = "rope_freqs.weight", .kind = TL_ENTRY_GIVEN, .number = tl_number(TL_NUMBER_F32), .n_dims = 1,
                             .shape = {n}, .n_elems = n, .n_bytes = n * sizeof(float)};
    entries->factors = tl_alloc(n, sizeof(float));
    if (!entries->factors)
        return TL_E_NOMEM;
    memcpy(entries->factors, factors, n * sizeof(float));
    entry.given = entries->factors;
    return append(&filer, &entry);
}

struct tl_tensor tl_entry_tensor(const struct tl_entry *entry)
{
    const struct tl_number *number = entry->number;
    if (entry->kind == TL_ENTRY_SCALES)
        number = entry->type ? NULL : tl_number(entry->number->apart->scale);
    if (entry->kind == TL_ENTRY_CODES)
        number = NULL;
    struct tl_tensor tensor = {.name = entry->name, .number = number, .type_name = number ? number->name : entry->type, .n_dims = entry->n_dims,
                               .n_elems = entry->n_elems, .n_bytes = entry->n_bytes};
    for (uint32_t i = 0; i < entry->n_dims; i++)
        tensor.shape[i] = entry->shape[i];
    return tensor;
}

void tl_entries_done(struct tl_entries *entries)
{
    tl_free(entries->entry);
    tl_free(entries->factors);
    *entries = (struct tl_entries){0};
}
