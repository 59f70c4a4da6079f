/* SPDX-License-Identifier: MIT */
/* Finds libmicrohttpd by the name under which distributions have it. */
#include "serve/mhd.h"

#include "base/library.h"

int tl_mhd_load(struct tl_mhd *ret_mhd)
{
    static const char *const names[] = {"libmicrohttpd.so.12", NULL};
    void *library;
    int r = tl_library_open("libmicrohttpd", names, &library);
#define FUNCTION(name)                                                                                                  \
    if (r >= 0)                                                                                                         \
        r = tl_library_find(library, "libmicrohttpd", "MHD_" #name, &ret_mhd->name);
#include "serve/mhd.def"
#undef FUNCTION
    return r;
}
