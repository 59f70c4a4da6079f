/* SPDX-License-Identifier: MIT */
/* Which tensor is stored in which format. A scheme is lines of text, "WHAT [LAYERS] FORMAT", the last that matches decides:
 *
 *     *                   q4_k        # every matrix
 *     attention           q5_k        # a part of the model (plan/parts.def)
 *     experts 0-3,-1      q6_k        # in these layers, counted from the end where negative
 *     blk.*.ffn_down.*    keep        # a name with * and ?; keep: as it is in the source
 *
 * A format's name alone is the scheme "* FORMAT". Where a row has no whole blocks of a format, the next wider one that fits is
 * taken (schemes.def); vectors, routers and norms keep their bits unless they are named. */
#ifndef TL_COMPRESS_SCHEME_H
#define TL_COMPRESS_SCHEME_H

#include "compress/place.h"

struct tl_scheme;

/* text: of the lines; `where` begins the sentence of a failure. TL_E_USAGE: a line that is none, or an unknown format. */
int tl_scheme_new(const char *where, const char *text, size_t n_bytes, struct tl_scheme **ret_scheme);
void tl_scheme_free(struct tl_scheme *scheme);
/* numbers [tensors of the file], NULL where no line matches; "keep" is the tensor's own. Experts that come in 4 bits from their vendor
 * are left alone unless `force`. TL_E_USAGE: a line that matches nothing. */
int tl_scheme_apply(const struct tl_scheme *scheme, const struct tl_modelfile *file, const struct tl_place *places, uint32_t n_layers,
                    bool force, const struct tl_number **numbers);

/* The format, or the nearest one (schemes.def) of which the tensor's rows have whole blocks; its own where there is none. */
const struct tl_number *tl_scheme_fitting(const struct tl_tensor *tensor, const struct tl_number *number);

/* A scheme as text that gives these numbers: "* FORMAT" of the most frequent one, a line for each tensor that gets another. tl_free. */
int tl_scheme_write(const struct tl_modelfile *file, const struct tl_place *places, const struct tl_number *const *numbers, char **ret_text);

#endif
