/* SPDX-License-Identifier: MIT */
/* The rows of turns.def, and which of them a model follows. */
#include "wire/turn_family.h"

#include <string.h>

#include "base/array.h"
#include "wire/turn.h"

static const struct tl_turn_family families[] = {
#define FAMILY(row, ...) {.name = #row, __VA_ARGS__},
#include "wire/turns.def"
#undef FAMILY
};

static bool shown(const struct tl_turn_family *family, const char *template_text)
{
    for (size_t i = 0; i < TL_TURN_SIGNS && family->signs[i]; i++)
        if (!strstr(template_text, family->signs[i]))
            return false;
    return true;
}

const struct tl_turn_family *tl_turn_family_of(const char *template_text, const struct tl_tokenizer *tokenizer)
{
    const struct tl_turn_family *last = &families[TL_COUNT(families) - 1];
    for (const struct tl_turn_family *family = families; family < last; family++) {
        if (template_text ? shown(family, template_text)
                          : family->token && tl_tokenizer_id(tokenizer, family->token, strlen(family->token)) >= 0)
            return family;
    }
    return last;
}

const char *tl_turn_family_name(const struct tl_turn_family *family) { return family->name; }
