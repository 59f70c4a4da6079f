/* SPDX-License-Identifier: MIT */
/* Formats by name, and what goes with the one that is named. */
#include "plan/recipe.h"

#include "base/array.h"
#include "base/error.h"

static int by_name(const char *option, const char *name, const struct tl_number **ret)
{
    *ret = name ? tl_number_by_name(name) : NULL;
    return name && !*ret ? tl_fail(TL_E_USAGE, "--%s: \"%.40s\" is not a number format", option, name) : 0;
}

static bool stores(enum tl_modelfile_format format, const struct tl_number *number)
{
    return format == TL_MODELFILE_GGUF ? number->gguf_type >= 0 : number->safetensors || number->apart;
}

static int check(enum tl_modelfile_format format, const struct tl_number *number)
{
    bool gguf = format == TL_MODELFILE_GGUF;
    return stores(format, number) ? 0 : tl_fail(TL_E_USAGE, "%s cannot be stored in %s (%s can)", number->name, gguf ? "GGUF" : "safetensors",
                                                gguf ? "safetensors" : "GGUF");
}

/* Formats that vendors give to experts alone. */
static bool of_experts(const struct tl_number *number)
{
    return number->id == TL_NUMBER_MXFP4 || number->id == TL_NUMBER_INT4_G32 || number->id == TL_NUMBER_NVFP4;
}

static const struct tl_number *wide(enum tl_modelfile_format format)
{
    return tl_number(format == TL_MODELFILE_GGUF ? TL_NUMBER_Q8_0 : TL_NUMBER_BF16);
}

enum tl_modelfile_format tl_recipe_format(const struct tl_recipe_names *names, const struct tl_known *known)
{
    const char *const given[] = {names->to, names->experts, names->trunk, names->embed, names->head, names->to || !known ? NULL : known->native};
    for (size_t i = 0; i < TL_COUNT(given); i++) {
        const struct tl_number *number = given[i] ? tl_number_by_name(given[i]) : NULL;
        if (number && !stores(TL_MODELFILE_GGUF, number))
            return TL_MODELFILE_SAFETENSORS;
    }
    return TL_MODELFILE_GGUF;
}

int tl_recipe_make(const struct tl_recipe_names *how, enum tl_modelfile_format format, const struct tl_known *known, bool experts,
                   struct tl_recipe *ret)
{
    struct tl_recipe recipe = {0};
    const struct tl_number *to = NULL;
    int r = by_name("to", how->to, &to);
    if (r >= 0)
        r = by_name("experts", how->experts, &recipe.experts);
    if (r >= 0)
        r = by_name("trunk", how->trunk, &recipe.trunk);
    if (r >= 0)
        r = by_name("embed", how->embed, &recipe.embed);
    if (r >= 0)
        r = by_name("head", how->head, &recipe.head);
    if (r < 0)
        return r;
    if (!to && known)
        to = tl_number_by_name(known->native);
    if (!to || (!how->to && !stores(format, to)))
        to = wide(format);
    recipe.experts = recipe.experts ? recipe.experts : to;
    recipe.trunk = recipe.trunk ? recipe.trunk : experts && of_experts(to) ? wide(format) : to;
    const struct tl_number *ends = recipe.trunk->block_elems == 1 ? recipe.trunk : wide(format);
    recipe.embed = recipe.embed ? recipe.embed : ends;
    recipe.head = recipe.head ? recipe.head : ends;
    recipe.router = tl_number(format == TL_MODELFILE_GGUF ? TL_NUMBER_F32 : recipe.trunk->id == TL_NUMBER_F32 ? TL_NUMBER_F32 : TL_NUMBER_BF16);
    recipe.vectors = recipe.router;
    r = experts ? check(format, recipe.experts) : 0;
    if (r >= 0)
        r = check(format, recipe.trunk);
    if (r >= 0)
        r = check(format, recipe.embed);
    if (r >= 0)
        r = check(format, recipe.head);
    if (r >= 0)
        *ret = recipe;
    return r;
}
