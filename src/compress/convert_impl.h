/* SPDX-License-Identifier: MIT */
/* What a conversion is made of. Private to convert*.c. */
#ifndef TL_COMPRESS_CONVERT_IMPL_H
#define TL_COMPRESS_CONVERT_IMPL_H

#include "base/buffer.h"
#include "compress/convert.h"
#include "plan/entries.h"
#include "text/tokenizer.h"

#define TL_NO_PART UINT32_MAX

/* A weight of the source, and the format whose blocks can say the same; its own where there is none. */
struct tl_convert_part { struct tl_want want; uint32_t id; const struct tl_number *number, *as; };

struct tl_conversion {
    struct tl_modelfile *source, *file;
    struct tl_geometry from, to;         /* as the source has it, as the file has it */
    struct tl_meters meters;
    struct tl_store *store;              /* of the source */
    struct tl_convert_part *parts;
    uint64_t n_parts, cap_parts;
    struct tl_listing listing;           /* of the file */
    struct tl_entries entries;           /* a tensor of the file each */
    uint32_t *part_of, *listed_of;       /* [layers + 1][TL_ROLES]: TL_NO_PART: none */
    struct tl_tokenizer *tokenizer;
    bool widens;
    struct tl_pool *pool;                /* not the conversion's */
    struct tl_progress *progress;        /* nor this */
    bool ahead;                          /* with the layer that predicts a further token */
    void (*log)(void *context, int level, const char *text);
    void *context;
};

static inline uint64_t tl_convert_slot(const struct tl_conversion *c, enum tl_role role, uint32_t layer)
{
    return (uint64_t)(layer <= c->from.n_layers && role != TL_R_EMBED ? layer : 0) * TL_ROLES + role;
}

/* Of the other side's weight, what is in a tensor beside the first: the second half of fused ones; TL_ROLES: nothing. */
enum tl_role tl_convert_partner(const struct tl_entry *entry);

/* convert_rest.c: what is left out is told; TL_E_USAGE: a tensor that nobody knows. A layer ahead of which something is not known stays
 * away (c->ahead). */
int tl_convert_check_rest(struct tl_conversion *c);

/* convert_scales.c: sets what parts can be restated as. TL_E_USAGE: a scale that the other format cannot say. */
int tl_convert_check_scales(struct tl_conversion *c);

/* convert_read.c: bytes of a tensor of the file; the maker's function. */
int tl_convert_read(void *conversion, uint64_t index, uint64_t offset, void *ret_bytes, size_t n_bytes);

/* convert_meta.c: can the other kind say what the model is? */
int tl_conversion_check(const struct tl_conversion *conversion);

#endif
