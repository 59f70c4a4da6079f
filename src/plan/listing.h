/* SPDX-License-Identifier: MIT */
/* The tensors that a model needs, listed without a file: the architecture's own list of operations, bound to nothing.
 * Which format each has is a recipe's; from both follow parameters and bytes. */
#ifndef TL_PLAN_LISTING_H
#define TL_PLAN_LISTING_H

#include "model/program.h"
#include "plan/outline.h"

/* Formats by what a tensor is for; NULL: the default of listing.c. */
struct tl_recipe {
    const struct tl_number *experts;     /* routed experts */
    const struct tl_number *trunk;       /* all other matrices */
    const struct tl_number *embed, *head, *router;
    const struct tl_number *vectors;     /* norms, biases */
    bool ahead;                          /* with the layer that predicts a further token */
};

struct tl_listed {
    struct tl_want want;
    const struct tl_number *number;
    uint64_t n_elems, n_bytes;           /* of all `count`; bytes as blocks, however a file cuts them */
};

struct tl_listing {
    struct tl_listed *tensors;           /* in the order of their use */
    uint32_t n_tensors, n_banks;
    uint64_t cap;
    struct tl_program program;           /* with parameters, active_parameters, product_bytes */
};

/* `geometry` must outlive the listing; `config` is where it came from. */
int tl_listing_make(const struct tl_geometry *geometry, const struct tl_modelfile *config, const struct tl_recipe *recipe,
                    struct tl_listing *ret_listing);
void tl_listing_done(struct tl_listing *listing);
uint64_t tl_listing_bytes(const struct tl_listing *listing, const struct tl_number *number);         /* of one format; NULL: of all */

bool tl_role_routed(enum tl_role role);  /* matrices of routed experts */

/* What a recipe gives to a tensor: its own format where rows are whole blocks of it, else the next wider one that fits. */
const struct tl_number *tl_recipe_number(const struct tl_recipe *recipe, const struct tl_want *want);

#endif
