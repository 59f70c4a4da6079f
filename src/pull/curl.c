/* SPDX-License-Identifier: MIT */
/* Finds libcurl by the names under which distributions have it. */
#include "pull/curl.h"

#include <dlfcn.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

static int find(void *library, const char *name, void *ret_function)
{
    void *function = dlsym(library, name);
    if (!function)
        return tl_fail(TL_E_FAIL, "libcurl has no %s: it is too old", name);
    memcpy(ret_function, &function, sizeof function);        /* ISO C knows no cast from an object to a function */
    return 0;
}

int tl_curl_load(struct tl_curl *ret_curl)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *library = NULL;
    for (size_t i = 0; i < TL_COUNT(names) && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return tl_fail(TL_E_FAIL, "libcurl is not installed: %s", dlerror());
    int r = 0;
#define FUNCTION(name)                                                                                                  \
    if (r >= 0)                                                                                                         \
        r = find(library, "curl_" #name, &ret_curl->name);
#include "pull/curl.def"
#undef FUNCTION
    return r;
}
