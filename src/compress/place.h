/* SPDX-License-Identifier: MIT */
/* What a tensor of a file is: of which part of the model, in which layer. From the names that its architecture gives to roles. */
#ifndef TL_COMPRESS_PLACE_H
#define TL_COMPRESS_PLACE_H

#include "compress/convert.h"
#include "model/model.h"
#include "modelfile/modelfile.h"
#include "plan/cost.h"

/* What experts came as, of a file that holds them in other blocks. */
#define TL_NATIVE_KEY "trill.native"

enum { TL_NO_LAYER = -1, TL_NO_EXPERT = -1 };

struct tl_place {
    int part;                            /* of parts.def; TL_PARTS: of none */
    int role;                            /* TL_ROLES: of none */
    int64_t layer;                       /* TL_NO_LAYER: of none; those that predict further tokens follow the model's */
    int64_t expert;                      /* that the tensor is one of; TL_NO_EXPERT: of none, or of all of its layer */
    bool beside;                         /* not the matrix but what its name goes on with: its codes, their scales, its shape */
    const struct tl_number *native;      /* of experts in the 4 bits that their vendor trained them in: what these came as; else NULL */
};

/* ret_places [tensors of the file]: tl_free. conversion: whose file it is; NULL: nobody's, and a note of it tells what experts came as. */
int tl_place_all(const struct tl_model *model, const struct tl_modelfile *file, const struct tl_conversion *conversion, struct tl_place **ret_places);

/* Of a tensor of that name in a file of that kind, which is not native. */
struct tl_place tl_place_of(const struct tl_geometry *geometry, enum tl_modelfile_format format, const char *name);

enum { TL_PLACE_NAME_BYTES = 320 };
/* "...experts.7.down_proj.weight", a tensor of one expert, as it would be called of another; ret_was: 7. False: it is none, or too long. */
bool tl_place_rename(const char *name, uint64_t expert, char ret_name[TL_PLACE_NAME_BYTES], uint64_t *ret_was);

/* A matrix whose values may be rounded: not what decides where tokens go or look, nor what mixes or scales streams. */
bool tl_place_rounds(const struct tl_place *place, const struct tl_tensor *tensor);

#endif
