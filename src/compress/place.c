/* SPDX-License-Identifier: MIT */
/* Places of tensors: every name that a file of this kind may have for a role is looked for. */
#include "compress/place.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/names.h"

static void place_tensor(const struct tl_modelfile *file, const char *name, enum tl_role role, int64_t layer, struct tl_place *places)
{
    const struct tl_tensor *tensor = tl_modelfile_find(file, name);
    struct tl_place *place = tensor ? &places[tensor - tl_modelfile_tensor(file, 0)] : NULL;
    if (place && place->part == TL_PARTS)
        *place = (struct tl_place){(int)tl_weight_part_of(role), (int)role, layer};
}

static void place_role(const struct tl_model *model, const struct tl_modelfile *file, enum tl_role role, uint32_t layer, struct tl_place *places)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    char name[TL_NAME_BYTES];
    const struct tl_name *row;
    for (uint32_t nth = 0; (row = tl_name_each(g->arch, tl_modelfile_format(file), role, layer, 0, nth, name)); nth++) {
        const char *pattern = tl_modelfile_format(file) == TL_MODELFILE_GGUF ? row->gguf : row->hf;
        bool in_layers = strstr(pattern, "%u") != NULL;
        place_tensor(file, name, role, in_layers ? (int64_t)layer : TL_NO_LAYER, places);
        if (!tl_modelfile_find(file, name))
            continue;
        for (uint32_t e = 1; e < g->n_experts && tl_name_each(g->arch, tl_modelfile_format(file), role, layer, e, nth, name); e++)
            place_tensor(file, name, role, layer, places);
    }
}

int tl_place_all(const struct tl_model *model, const struct tl_modelfile *file, struct tl_place **ret_places)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    struct tl_place *places = tl_alloc(tl_modelfile_tensors(file) + 1, sizeof(*places));
    if (!places)
        return TL_E_NOMEM;
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++)
        places[i] = (struct tl_place){TL_PARTS, TL_ROLES, TL_NO_LAYER};
    for (int role = 0; role < TL_ROLES; role++)
        for (uint32_t layer = 0; layer < g->n_layers + g->n_heads_ahead; layer++)
            place_role(model, file, (enum tl_role)role, layer, places);
    *ret_places = places;
    return 0;
}

bool tl_place_rounds(const struct tl_place *place, const struct tl_tensor *tensor)
{
    bool kept = place->part == TL_PARTS || place->part == TL_PART_ROUTER || place->part == TL_PART_NORMS || place->part == TL_PART_RESIDUAL;
    return !kept && tensor->n_dims >= 2 && tensor->number;
}

bool tl_place_native(const struct tl_place *place, const struct tl_tensor *tensor)
{
    enum tl_number_id id = tensor->number ? tensor->number->id : TL_NUMBERS;
    return place->part == TL_PART_EXPERTS && (id == TL_NUMBER_MXFP4 || id == TL_NUMBER_NVFP4 || id == TL_NUMBER_INT4_G32);
}
