/* SPDX-License-Identifier: MIT */
/* Rotation frequencies and their scaling variants. */
#ifndef TL_MODEL_ROPE_H
#define TL_MODEL_ROPE_H

#include "model/geometry.h"

/* What a file says about one set. Zero members take the usual values. */
struct tl_rope_facts {
    const char *type;                    /* "default", "linear", "llama3", "yarn"; NULL: default */
    float base, factor;
    float original_context;
    float low_freq_factor, high_freq_factor;     /* llama3 */
    float beta_fast, beta_slow, attention_factor, mscale, mscale_all_dim;        /* yarn */
    bool no_truncate;                    /* yarn: the borders of the ramp are not rounded to whole dimensions */
};

/* Reads the facts from the metadata. `object` is the key of a rope object behind the prefix in config.json
 * ("rope_parameters", "rope_parameters.full_attention", "rope_scaling"). */
int tl_rope_read(const struct tl_modelfile *file, const struct tl_geometry *geometry, const char *object, struct tl_rope_facts *facts);

/* Those of a file with one set for all layers, under old keys (rope_theta, rope_scaling) or new ones (rope_parameters). */
int tl_rope_read_set(const struct tl_modelfile *file, const struct tl_geometry *geometry, struct tl_rope_facts *facts);

/* Computes the frequencies for n_rot dimensions; an unknown type is refused by name. */
int tl_rope_make(const struct tl_modelfile *file, const struct tl_rope_facts *facts, uint32_t n_rot, struct tl_rope *ret_rope);

#endif
