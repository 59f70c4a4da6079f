/* SPDX-License-Identifier: MIT */
/* Places of tensors: a name is held against every form that files of this kind have for a role. */
#include "compress/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/names.h"

enum { FORMS = 512, DIGITS = 6 };

struct forms { const char *pattern[FORMS]; int role[FORMS]; size_t n; };

static void list_forms(const struct tl_arch *arch, enum tl_modelfile_format format, struct forms *ret)
{
    char name[TL_NAME_BYTES];
    const struct tl_name *row;
    *ret = (struct forms){0};
    for (int role = 0; role < TL_ROLES; role++)
        for (uint32_t nth = 0; ret->n < FORMS && (row = tl_name_each(arch, format, (enum tl_role)role, 0, 0, nth, name)); nth++) {
            ret->pattern[ret->n] = format == TL_MODELFILE_GGUF ? row->gguf : row->hf;
            ret->role[ret->n++] = role;
        }
}

/* As a model without a vision tower would call it; Qwen's layers that predict further tokens are numbered by themselves. */
static void name_plainly(const struct tl_geometry *g, const char *name, char ret[TL_PLACE_NAME_BYTES])
{
    static const char ahead[] = "mtp.layers.0.", longer[] = "model.language_model.", outer[] = "language_model.";
    if (tl_text_begins(name, ahead))
        snprintf(ret, TL_PLACE_NAME_BYTES, "model.layers.%u.%s", g->n_layers, name + strlen(ahead));
    else if (tl_text_begins(name, longer))
        snprintf(ret, TL_PLACE_NAME_BYTES, "model.%s", name + strlen(longer));
    else
        snprintf(ret, TL_PLACE_NAME_BYTES, "%s", tl_text_begins(name, outer) ? name + strlen(outer) : name);
}

/* Is it the pattern, with numbers for %u and %e? Returns what the name goes on with; NULL: it is not. */
static const char *match(const char *pattern, const char *name, int64_t *ret_layer, int64_t *ret_expert)
{
    *ret_layer = TL_NO_LAYER;
    *ret_expert = TL_NO_EXPERT;
    for (; *pattern; pattern++) {
        if (*pattern != '%') {
            if (*pattern != *name++)
                return NULL;
            continue;
        }
        size_t digits = strspn(name, "0123456789");
        if (digits == 0 || digits > DIGITS || (*name == '0' && digits > 1))
            return NULL;
        *(*++pattern == 'u' ? ret_layer : ret_expert) = strtol(name, NULL, 10);
        name += digits;
    }
    return *name == 0 || *name == '_' ? name : NULL;
}

/* Roles that share a form: the first. A form that is all of the name goes before one that it goes on from. */
static struct tl_place place_of(const struct tl_geometry *g, const struct forms *forms, const char *name)
{
    struct tl_place place = {.part = TL_PARTS, .role = TL_ROLES, .layer = TL_NO_LAYER, .expert = TL_NO_EXPERT};
    char plain[TL_PLACE_NAME_BYTES];
    name_plainly(g, name, plain);
    for (size_t i = 0; i < forms->n; i++) {
        int64_t layer, expert;
        const char *rest = match(forms->pattern[i], plain, &layer, &expert);
        if (!rest || layer >= TL_MAX_LAYERS || expert >= (int64_t)g->n_experts || (*rest && place.role != TL_ROLES))
            continue;
        place = (struct tl_place){(int)tl_weight_part_of((enum tl_role)forms->role[i]), forms->role[i], layer, expert, *rest != 0, NULL};
        if (!*rest)
            break;
    }
    if (tl_text_begins(name, "mtp."))
        place.layer = g->n_layers;
    return place;
}

struct tl_place tl_place_of(const struct tl_geometry *g, enum tl_modelfile_format format, const char *name)
{
    struct forms forms;
    list_forms(g->arch, format, &forms);
    return place_of(g, &forms, name);
}

/* What the vendor's file has it in, whatever kind of file this one is. */
static const struct tl_number *came_as(const struct tl_modelfile *file, const struct tl_conversion *conversion, uint64_t index, const struct tl_number *noted)
{
    const struct tl_number *number = tl_modelfile_tensor(file, index)->number;
    if (conversion)
        return tl_conversion_number(conversion, index);
    return number && noted && tl_number_says(number, noted) ? noted : number;
}

static bool is_native(const struct tl_place *place, const struct tl_tensor *tensor, const struct tl_number *came)
{
    bool four_bits = came && (came->id == TL_NUMBER_MXFP4 || came->id == TL_NUMBER_NVFP4 || came->id == TL_NUMBER_INT4_G32);
    return place->part == TL_PART_EXPERTS && tensor->number && four_bits && tl_number_says(tensor->number, came);
}

static const struct tl_number *read_note(const struct tl_modelfile *file)
{
    const char *name;
    size_t n_bytes;
    return tl_meta_string(file, TL_NATIVE_KEY, &name, &n_bytes) > 0 ? tl_number_by_name(name) : NULL;
}

int tl_place_all(const struct tl_model *model, const struct tl_modelfile *file, const struct tl_conversion *conversion, struct tl_place **ret_places)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    struct tl_place *places = tl_alloc(tl_modelfile_tensors(file) + 1, sizeof(*places));
    const struct tl_number *noted = read_note(file);
    struct forms forms;
    if (!places)
        return TL_E_NOMEM;
    list_forms(g->arch, tl_modelfile_format(file), &forms);
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        places[i] = place_of(g, &forms, tensor->name);
        const struct tl_number *came = came_as(file, conversion, i, noted);
        places[i].native = is_native(&places[i], tensor, came) ? came : NULL;
    }
    *ret_places = places;
    return 0;
}

bool tl_place_rename(const char *name, uint64_t expert, char ret_name[TL_PLACE_NAME_BYTES], uint64_t *ret_was)
{
    static const char mark[] = ".experts.";
    const char *at = strstr(name, mark);
    char *end;
    if (!at || at[strlen(mark)] < '0' || at[strlen(mark)] > '9')
        return false;
    at += strlen(mark);
    *ret_was = strtoull(at, &end, 10);
    int n = snprintf(ret_name, TL_PLACE_NAME_BYTES, "%.*s%" PRIu64 "%s", (int)(at - name), name, expert, end);
    return *end == '.' && n < TL_PLACE_NAME_BYTES;
}

bool tl_place_rounds(const struct tl_place *place, const struct tl_tensor *tensor)
{
    bool kept = place->part == TL_PARTS || place->part == TL_PART_ROUTER || place->part == TL_PART_NORMS || place->part == TL_PART_RESIDUAL ||
                place->part == TL_PART_INDEXER;
    return !kept && !place->beside && tensor->n_dims >= 2 && tensor->number;
}
