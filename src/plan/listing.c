/* SPDX-License-Identifier: MIT */
/* A binder that finds every tensor: it notes what is asked for. A tensor that several operations use is listed once. */
#include "plan/listing.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/arch.h"

struct lister {
    const struct tl_geometry *geometry;
    const struct tl_modelfile *config;
    const struct tl_recipe *recipe;
    struct tl_listing *listing;
    uint64_t bytes;                      /* of all so far */
    uint32_t head;                       /* listed as this one; TL_NO_WEIGHT: not yet */
};

static const uint64_t most_bytes = 1000000000000000000u;

bool tl_role_routed(enum tl_role role)
{
    return role == TL_R_EXPERT_GATE || role == TL_R_EXPERT_UP || role == TL_R_EXPERT_DOWN;
}

/* --- formats ------------------------------------------------------------------------------------------------------ */

static const struct tl_number *chosen(const struct tl_recipe *r, const struct tl_want *want)
{
    const struct tl_number *trunk = r->trunk ? r->trunk : tl_number(TL_NUMBER_Q8_0);
    if (!want->rows)
        return r->vectors ? r->vectors : tl_number(TL_NUMBER_F32);
    if (tl_role_routed(want->role))
        return r->experts ? r->experts : trunk;
    if (want->role == TL_R_ROUTER || want->role == TL_R_SHARED_SWITCH)
        return r->router ? r->router : tl_number(TL_NUMBER_F32);
    if (want->role == TL_R_EMBED)
        return r->embed ? r->embed : trunk;
    if (want->role == TL_R_HEAD)
        return r->head ? r->head : trunk;
    return trunk;
}

const struct tl_number *tl_recipe_number(const struct tl_recipe *recipe, const struct tl_want *want)
{
    const struct tl_number *number = chosen(recipe, want);
    if (!number->group || want->cols % number->block_elems == 0)
        return number;
    number = tl_number(TL_NUMBER_Q8_0);
    return want->cols % number->block_elems == 0 ? number : tl_number(TL_NUMBER_F16);
}

/* --- tensors ------------------------------------------------------------------------------------------------------ */

/* A configuration may ask for anything: what cannot be counted is refused. */
static int count(struct lister *lister, struct tl_listed *listed)
{
    const struct tl_want *want = &listed->want;
    const struct tl_number *number = listed->number;
    uint64_t rows = (uint64_t)(want->count ? want->count : 1) * (want->rows ? want->rows : 1), blocks;
    bool counts = tl_checked_mul(rows, want->cols, &listed->n_elems) &&
                  tl_checked_mul(rows, (want->cols + number->block_elems - 1) / number->block_elems, &blocks) &&
                  tl_checked_mul(blocks, number->block_bytes, &listed->n_bytes) &&
                  tl_checked_add(lister->bytes, listed->n_bytes, &lister->bytes) && lister->bytes <= most_bytes;
    return counts ? 0 : tl_fail(TL_E_FILE, "%s: found sizes of more than 10^18 bytes of weights, expected less", tl_modelfile_path(lister->config));
}

static int append(struct tl_listing *listing, const struct tl_listed *listed)
{
    if (tl_grow((void **)&listing->tensors, listing->n_tensors, &listing->cap, sizeof(*listing->tensors)) < 0)
        return TL_E_NOMEM;
    listing->tensors[listing->n_tensors++] = *listed;
    return 0;
}

static int bind(void *context, const struct tl_want *want, uint32_t *ret_id, const struct tl_number **ret_number)
{
    struct lister *lister = context;
    struct tl_listing *listing = lister->listing;
    *ret_id = TL_NO_WEIGHT;
    if (!tl_arch_brings(lister->geometry->arch, lister->config, want))
        return 0;
    if (want->role == TL_R_EMBED && listing->n_tensors) {            /* the head of tied models */
        *ret_id = 0;
        *ret_number = listing->tensors[0].number;
        return 0;
    }
    if (want->role == TL_R_HEAD && lister->head != TL_NO_WEIGHT) {   /* of a layer that predicts a further token */
        *ret_id = lister->head;
        *ret_number = listing->tensors[lister->head].number;
        return 0;
    }
    lister->head = want->role == TL_R_HEAD ? listing->n_tensors : lister->head;
    struct tl_listed listed = {.want = *want, .number = tl_recipe_number(lister->recipe, want)};
    *ret_id = listing->n_tensors;
    *ret_number = listed.number;
    int status = count(lister, &listed);
    return status < 0 ? status : append(listing, &listed);
}

static int bank(void *context, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank)
{
    struct lister *lister = context;
    (void)ids;
    *ret_bank = lister->listing->n_banks++;
    return 0;
}

static int list_ahead(struct lister *lister)
{
    struct tl_geometry *ahead = tl_alloc(1, sizeof(*ahead));
    struct tl_binder binder = {.context = lister, .bind = bind, .bank = bank};
    struct tl_program program;
    if (!ahead)
        return TL_E_NOMEM;
    tl_geometry_ahead(lister->geometry, ahead);
    int status = tl_program_build(ahead, &binder, false, &program);
    if (status >= 0)
        tl_program_done(&program);
    tl_free(ahead);
    return status;
}

int tl_listing_make(const struct tl_geometry *geometry, const struct tl_modelfile *config, const struct tl_recipe *recipe,
                    struct tl_listing *ret_listing)
{
    struct tl_listing listing = {0};
    struct lister lister = {.geometry = geometry, .config = config, .recipe = recipe, .listing = &listing, .head = TL_NO_WEIGHT};
    struct tl_binder binder = {.context = &lister, .bind = bind, .bank = bank};
    int status = tl_program_build(geometry, &binder, false, &listing.program);
    if (status >= 0 && recipe->ahead)
        status = list_ahead(&lister);
    if (status < 0) {
        tl_program_done(&listing.program);
        tl_free(listing.tensors);
        return status;
    }
    *ret_listing = listing;
    return 0;
}

void tl_listing_done(struct tl_listing *listing)
{
    tl_program_done(&listing->program);
    tl_free(listing->tensors);
    *listing = (struct tl_listing){0};
}

uint64_t tl_listing_bytes(const struct tl_listing *listing, const struct tl_number *number)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < listing->n_tensors; i++)
        bytes += !number || listing->tensors[i].number == number ? listing->tensors[i].n_bytes : 0;
    return bytes;
}
