/* SPDX-License-Identifier: MIT */
/* From one kind of file to the other: where a row of a weight lies there. Names, layouts and what is added to vectors follow
 * from the tables of names and from the geometries (tl_geometry_as); this is the rest.
 *
 * - llama.cpp's converter has the two halves of each head of q and k alternate where rotation pairs neighbours.
 * - Value heads of delta nets follow their key head in safetensors; GGUF of some families has them by their number within a
 *   key head first (delta_tiled).
 * - Qwen3-Next's safetensors hold what enters a delta net in one matrix, by key head: q, k, v, z (delta_fused). */
#ifndef TL_MODEL_ACROSS_H
#define TL_MODEL_ACROSS_H

#include "model/program.h"

struct tl_across { enum tl_role role; uint64_t row; };

/* The weight and its row (of a vector: its element) that in `from` is what row `row` of a role is in `to`. */
struct tl_across tl_across_row(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role, uint64_t row);
/* The same of a column. */
uint64_t tl_across_col(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role, uint64_t col);
/* Are columns of this role in another order? */
bool tl_across_turns_cols(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role);
/* A value of a vector as `to` stores it, from what `from` means by it (tl_store_values); `add`: that of the want in `to`. */
float tl_across_value(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role, float value, float add);

#endif
