/* SPDX-License-Identifier: MIT */
/* The forms by their names and paths. */
#include "wire/form.h"

#include <string.h>

#include "base/array.h"

#define FORM(name, path) extern const struct tl_form tl_form_##name;
#include "wire/forms.def"
#undef FORM

static const struct tl_form *const forms[] = {
#define FORM(name, path) &tl_form_##name,
#include "wire/forms.def"
#undef FORM
};

const struct tl_form *tl_form_find(const char *name)
{
    for (size_t i = 0; i < TL_COUNT(forms); i++)
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    return NULL;
}

const struct tl_form *tl_form_at(const char *path)
{
    for (size_t i = 0; i < TL_COUNT(forms); i++)
        if (strcmp(forms[i]->path, path) == 0)
            return forms[i];
    return NULL;
}

const char *tl_form_names(void)
{
    static const char names[] =
#define FORM(name, path) " " #name
#include "wire/forms.def"
#undef FORM
        ;
    return names + 1;
}
