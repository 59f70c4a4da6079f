/* SPDX-License-Identifier: MIT */
/* Where weights are. All weights are reached by pin and unpin of an id, nothing else.
 *
 * The model declares what it needs (tl_store_add), lays the store out on an arena, loads it, and then pins: a pin
 * returns a view whose bytes stay until unpin. Matrices arrive as panels of 16 rows (number/panel.h), vectors as f32. */
#ifndef TL_STORE_STORE_H
#define TL_STORE_STORE_H

#include "base/arena.h"
#include "base/meter.h"
#include "base/pool.h"
#include "modelfile/modelfile.h"
#include "number/panel.h"

enum tl_weight_form { TL_WEIGHT_PANELS, TL_WEIGHT_VECTOR };

/* What a pin gives. */
struct tl_weight {
    enum tl_weight_form form;
    const struct tl_number *number;      /* of the stored bits; vectors are f32 here whatever the file has */
    uint32_t rows, cols;                 /* vector: rows 1 */
    const void *data;
};

struct tl_store;

int tl_store_new(const struct tl_modelfile *file, struct tl_meters *meters, struct tl_store **ret_store);
void tl_store_free(struct tl_store *store);

/* Declares a tensor; the same tensor and form twice gives the same id. ret_id counts from 0.
 * `add` is added to every value of a vector (norm weights that are stored minus one). */
int tl_store_add(struct tl_store *store, const struct tl_tensor *tensor, enum tl_weight_form form, float add,
                 uint32_t *ret_id);

/* Takes the resident bytes from `arena`; on a counting arena this only adds up. */
int tl_store_layout(struct tl_store *store, struct tl_arena *arena);
uint32_t tl_store_count(const struct tl_store *store);                /* ids so far */
uint64_t tl_store_bytes(const struct tl_store *store);                /* of all weights declared, as stored */

uint64_t tl_store_staging_bytes(const struct tl_store *store);        /* that one thread takes while loading */

/* Reads and packs everything. Bounded staging per thread. cancel may be NULL; progress may be NULL (bytes done, total). */
typedef void (*tl_store_progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
int tl_store_load(struct tl_store *store, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress,
                  void *context);

int tl_store_pin(struct tl_store *store, uint32_t id, struct tl_weight *ret_weight);
void tl_store_unpin(struct tl_store *store, uint32_t id);

#endif
