/* SPDX-License-Identifier: MIT */
/* Binds the source, lists the file: what the architecture asks of it there, as far as the source has it. */
#include "compress/convert_impl.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/across.h"
#include "model/arch.h"
#include "model/bind.h"
#include "model/geometry_gguf.h"

/* --- the source --------------------------------------------------------------------------------------------------- */

struct binding { struct tl_conversion *c; struct tl_binder inner; };

static int bind_source(void *context, const struct tl_want *want, uint32_t *ret_id, const struct tl_number **ret_number)
{
    struct binding *b = context;
    struct tl_conversion *c = b->c;
    uint32_t *slot = &c->part_of[tl_convert_slot(c, want->role, want->layer)];
    int r = b->inner.bind(b->inner.context, want, ret_id, ret_number);
    if (r < 0 || *ret_id == TL_NO_WEIGHT || *slot != TL_NO_PART)
        return r;
    if (tl_grow((void **)&c->parts, c->n_parts, &c->cap_parts, sizeof(*c->parts)) < 0)
        return TL_E_NOMEM;
    const struct tl_number *number = want->rows ? *ret_number : tl_store_tensor(c->store, *ret_id)->number;
    *slot = (uint32_t)c->n_parts;
    c->parts[c->n_parts++] = (struct tl_convert_part){*want, *ret_id, number, number};
    return 0;
}

static int bank_source(void *context, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank)
{
    const struct binding *b = context;
    return b->inner.bank(b->inner.context, ids, ret_bank);
}

static int bind_beside(const struct tl_geometry *g, const struct tl_binder *binder, uint32_t layer)
{
    struct tl_want want;
    const struct tl_number *number;
    uint32_t id;
    int r = 0;
    for (uint32_t nth = 0; r >= 0 && g->arch->beside && g->arch->beside(g, nth, &want); nth++) {
        want.layer = layer;
        r = binder->bind(binder->context, &want, &id, &number);
    }
    return r;
}

/* All that the operations of a model need, and what its files have beside that. */
static int build(const struct tl_geometry *geometry, const struct tl_binder *binder)
{
    struct tl_program program;
    int r = tl_program_build(geometry, binder, false, &program);
    if (r >= 0)
        tl_program_done(&program);
    for (uint32_t i = 0; i < geometry->n_layers && r >= 0; i++)
        r = bind_beside(geometry, binder, geometry->ahead + i);
    return r;
}

static int open_source(struct tl_conversion *c)
{
    int r = tl_geometry_read(c->source, &c->from);
    if (r < 0)
        return r;
    if (c->from.n_stored != c->from.n_experts)
        return tl_fail(TL_E_USAGE, "%s: %u experts are stored of %u: only trill knows such files", tl_modelfile_path(c->source), c->from.n_stored,
                       c->from.n_experts);
    uint64_t n = (c->from.n_layers + 1ull) * TL_ROLES;
    c->part_of = tl_alloc(n, sizeof(*c->part_of));
    c->listed_of = tl_alloc(n, sizeof(*c->listed_of));
    if (!c->part_of || !c->listed_of)
        return TL_E_NOMEM;
    memset(c->part_of, 0xFF, n * sizeof(*c->part_of));
    memset(c->listed_of, 0xFF, n * sizeof(*c->listed_of));
    if ((r = tl_store_new(c->source, &c->meters, &c->store)) < 0)
        return r;
    struct tl_file_binding file = {.file = c->source, .geometry = &c->from, .store = c->store};
    struct binding binding = {c, tl_bind_file(&file)};
    return build(&c->from, &(struct tl_binder){.context = &binding, .bind = bind_source, .bank = bank_source});
}

/* The layer behind the last one, as a model of one layer. One that is not as trill runs it stays away. */
static int open_ahead(struct tl_conversion *c)
{
    TL_AUTO struct tl_geometry *ahead = tl_alloc(1, sizeof(*ahead));
    char name[TL_NAME_BYTES];
    const struct tl_name *row;
    if (!ahead)
        return TL_E_NOMEM;
    tl_geometry_ahead(&c->from, ahead);
    if (!tl_name_find(c->source, ahead, TL_R_AHEAD_JOIN, ahead->ahead, 0, &row, name))
        return 0;
    struct tl_file_binding file = {.file = c->source, .geometry = ahead, .store = c->store};
    struct binding binding = {c, tl_bind_file(&file)};
    int r = build(ahead, &(struct tl_binder){.context = &binding, .bind = bind_source, .bank = bank_source});
    c->ahead = r >= 0;
    return r == TL_E_FILE ? 0 : r;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static const struct tl_convert_part *part_at(const struct tl_conversion *c, enum tl_role role, uint32_t layer)
{
    uint32_t at = role < TL_ROLES ? c->part_of[tl_convert_slot(c, role, layer)] : TL_NO_PART;
    return at == TL_NO_PART ? NULL : &c->parts[at];
}

enum { FUSED = TL_LAYOUT_EVEN | TL_LAYOUT_ODD | TL_LAYOUT_TOP | TL_LAYOUT_BOTTOM, LATENT = TL_LAYOUT_LATENT_K | TL_LAYOUT_LATENT_V };

static enum tl_role partner_of(enum tl_role role, unsigned layout)
{
    static const enum tl_role pairs[][2] = {
        {TL_R_EXPERT_GATE, TL_R_EXPERT_UP}, {TL_R_EXPERT_GATE_BIAS, TL_R_EXPERT_UP_BIAS}, {TL_R_K_B, TL_R_V_B},
    };
    for (size_t i = 0; i < TL_COUNT(pairs) && layout & (FUSED | LATENT); i++)
        if (pairs[i][0] == role || pairs[i][1] == role)
            return pairs[i][pairs[i][0] == role];
    return TL_ROLES;
}

enum tl_role tl_convert_partner(const struct tl_entry *entry)
{
    return partner_of(entry->listed->want.role, entry->layout);
}

/* The format that all weights of a tensor are in; NULL: in several. */
static const struct tl_number *common_number(const struct tl_conversion *c, const struct tl_want *want, const struct tl_name *name)
{
    enum tl_role roles[] = {
        tl_across_row(&c->to, &c->from, want->role, 0).role, partner_of(want->role, tl_name_layout(&c->to, name)),
        want->role == TL_R_DELTA_QKVZ && !c->from.delta_fused ? TL_R_DELTA_Z : TL_ROLES,
    };
    const struct tl_number *number = NULL;
    for (size_t i = 0; i < TL_COUNT(roles); i++) {
        const struct tl_convert_part *part = part_at(c, roles[i], want->layer);
        if (part && number && part->as != number)
            return NULL;
        number = part ? part->as : number;
    }
    return number;
}

/* Codes beside their scales are for those families whose vendors have them so: their tensors are no ".weight". */
static bool stores(const struct tl_conversion *c, const struct tl_number *number, const struct tl_name *name)
{
    if (c->to.format == TL_MODELFILE_GGUF)
        return number->gguf_type >= 0;
    return number->safetensors || (number->apart && number->apart->split && !tl_text_ends(name->hf, ".weight"));
}

/* f32 holds the values of every format. Other programs want vectors and routers of GGUF in it. */
static const struct tl_number *choose_number(const struct tl_conversion *c, const struct tl_want *want, const struct tl_name *name)
{
    const struct tl_number *number = common_number(c, want, name), *f32 = tl_number(TL_NUMBER_F32);
    bool gguf = c->to.format == TL_MODELFILE_GGUF, routes = want->role == TL_R_ROUTER || want->role == TL_R_SHARED_SWITCH;
    if (!number || !stores(c, number, name) || (gguf && (!want->rows || routes)) || (want->rows && want->cols % number->block_elems))
        return f32;
    bool changes = !want->rows && (c->to.norm_add != c->from.norm_add || want->role == TL_R_DELTA_RATE);
    return changes || (number->group && tl_across_turns_cols(&c->to, &c->from, want->role)) ? f32 : number;
}

/* A layer that predicts a further token may have no last norm but the model's. */
static bool shares_norm(const struct tl_conversion *c, enum tl_role role)
{
    const struct tl_convert_part *own = part_at(c, role, c->from.n_layers), *last = part_at(c, TL_R_OUT_NORM, c->from.n_layers);
    return role == TL_R_AHEAD_NORM && own && last && tl_store_tensor(c->store, own->id) == tl_store_tensor(c->store, last->id);
}

static int bind_file(void *context, const struct tl_want *want, uint32_t *ret_id, const struct tl_number **ret_number)
{
    struct tl_conversion *c = context;
    struct tl_listing *listing = &c->listing;
    uint32_t *slot = &c->listed_of[tl_convert_slot(c, shares_norm(c, want->role) ? TL_R_OUT_NORM : want->role, want->layer)];
    char text[TL_NAME_BYTES];
    enum tl_role role = tl_across_row(&c->to, &c->from, want->role, 0).role;
    *ret_id = TL_NO_WEIGHT;
    if (!part_at(c, role, want->layer))
        return want->optional ? 0 : tl_fail(TL_E_FAIL, "role %d of layer %u is in one kind of file only", (int)want->role, want->layer);
    if (*slot == TL_NO_PART) {
        const struct tl_name *name = tl_name_write(&c->to, want->role, want->layer, 0, text);
        if (!name)
            return tl_fail(TL_E_USAGE, "%s: %s has no name in %s files of the architecture %s", tl_modelfile_path(c->source),
                           tl_store_tensor(c->store, part_at(c, role, want->layer)->id)->name,
                           c->to.format == TL_MODELFILE_GGUF ? "GGUF" : "safetensors", c->to.arch->name);
        if (tl_grow((void **)&listing->tensors, listing->n_tensors, &listing->cap, sizeof(*listing->tensors)) < 0)
            return TL_E_NOMEM;
        *slot = listing->n_tensors;
        listing->tensors[listing->n_tensors++] = (struct tl_listed){.want = *want, .number = choose_number(c, want, name)};
    }
    *ret_id = *slot;
    *ret_number = listing->tensors[*slot].number;
    return 0;
}

static int bank_file(void *context, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank)
{
    struct tl_conversion *c = context;
    (void)ids;
    *ret_bank = c->listing.n_banks++;
    return 0;
}

/* GGUF keeps llama3's scaling as a tensor. */
static int add_factors(struct tl_conversion *c)
{
    float factors[TL_MAX_ROT / 2];
    int r = c->to.format == TL_MODELFILE_GGUF ? tl_geometry_gguf_factors(&c->from, c->source, factors) : 0;
    return r <= 0 ? r : tl_entries_add_factors(&c->entries, factors, c->to.n_rot / 2);
}

static int list_ahead(struct tl_conversion *c)
{
    TL_AUTO struct tl_geometry *ahead = tl_alloc(1, sizeof(*ahead));
    if (!ahead)
        return TL_E_NOMEM;
    tl_geometry_ahead(&c->to, ahead);
    return build(ahead, &(struct tl_binder){.context = c, .bind = bind_file, .bank = bank_file});
}

static int list_file(struct tl_conversion *c)
{
    tl_geometry_as(&c->from, c->from.format == TL_MODELFILE_GGUF ? TL_MODELFILE_SAFETENSORS : TL_MODELFILE_GGUF, &c->to);
    c->to.n_heads_ahead = c->ahead;
    int r = build(&c->to, &(struct tl_binder){.context = c, .bind = bind_file, .bank = bank_file});
    if (r >= 0 && c->ahead)
        r = list_ahead(c);
    if (r >= 0)
        r = tl_entries_make(&c->to, &c->listing, false, &c->entries);
    if (r >= 0)
        r = add_factors(c);
    if (r < 0)
        return r;
    TL_AUTO struct tl_tensor *tensors = tl_alloc(c->entries.n + 1, sizeof(*tensors));
    for (uint64_t i = 0; i < c->entries.n && tensors; i++)
        tensors[i] = tl_entry_tensor(&c->entries.entry[i]);
    const struct tl_tensor_maker maker = {tl_convert_read, c};
    return tensors ? tl_modelfile_made(tl_modelfile_path(c->source), c->to.format, tensors, c->entries.n, &maker, &c->file) : TL_E_NOMEM;
}

/* ------------------------------------------------------------------------------------------------------------------ */

int tl_conversion_open(struct tl_modelfile *source, bool widens, struct tl_pool *pool, struct tl_progress *progress,
                       void (*log)(void *context, int level, const char *text), void *context, struct tl_conversion **ret_conversion)
{
    struct tl_conversion *c = tl_alloc(1, sizeof(*c));
    if (!c)
        return TL_E_NOMEM;
    c->source = source;
    c->widens = widens;
    c->pool = pool;
    c->progress = progress;
    c->log = log;
    c->context = context;
    int r = open_source(c);
    if (r >= 0)
        r = open_ahead(c);
    if (r >= 0)
        r = tl_convert_check_rest(c);
    if (r >= 0 && !widens)
        r = tl_convert_check_scales(c);
    if (r >= 0)
        r = list_file(c);
    if (r >= 0)
        r = tl_tokenizer_new(source, &c->tokenizer);
    if (r >= 0)
        r = tl_conversion_check(c);
    if (r < 0) {
        tl_conversion_close(c);
        return r;
    }
    *ret_conversion = c;
    return 0;
}

void tl_conversion_close(struct tl_conversion *c)
{
    if (!c)
        return;
    tl_modelfile_close(c->file);
    tl_entries_done(&c->entries);
    tl_listing_done(&c->listing);
    tl_store_free(c->store);
    tl_tokenizer_free(c->tokenizer);
    tl_free(c->parts);
    tl_free(c->part_of);
    tl_free(c->listed_of);
    tl_free(c);
}

struct tl_modelfile *tl_conversion_file(const struct tl_conversion *c) { return c->file; }

const struct tl_geometry *tl_conversion_geometry(const struct tl_conversion *c) { return &c->to; }

const struct tl_number *tl_conversion_number(const struct tl_conversion *c, uint64_t tensor)
{
    const struct tl_entry *entry = &c->entries.entry[tensor];
    const struct tl_want *want = entry->kind == TL_ENTRY_GIVEN ? NULL : &entry->listed->want;
    return want ? part_at(c, tl_across_row(&c->to, &c->from, want->role, 0).role, want->layer)->number : entry->number;
}
