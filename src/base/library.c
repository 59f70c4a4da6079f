/* SPDX-License-Identifier: MIT */
/* Shared libraries by their names. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

int tl_library_open(const char *what, const char *const *names, void **ret_library)
{
    void *library = NULL;
    while (!library && *names)
        library = dlopen(*names++, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return tl_fail(TL_E_FAIL, "%s is not installed: %s", what, dlerror());
    *ret_library = library;
    return 0;
}

int tl_library_find(void *library, const char *what, const char *name, void *ret_function)
{
    void *function = dlsym(library, name);
    if (!function)
        return tl_fail(TL_E_FAIL, "%s has no %s: it is too old", what, name);
    memcpy(ret_function, &function, sizeof function);        /* ISO C knows no cast from an object to a function */
    return 0;
}
