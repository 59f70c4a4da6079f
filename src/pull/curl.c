/* SPDX-License-Identifier: MIT */
/* Finds libcurl by the names under which distributions have it. */
#include "pull/curl.h"

#include "base/library.h"

int tl_curl_load(struct tl_curl *ret_curl)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
    void *library;
    int r = tl_library_open("libcurl", names, &library);
#define FUNCTION(name)                                                                                                  \
    if (r >= 0)                                                                                                         \
        r = tl_library_find(library, "libcurl", "curl_" #name, &ret_curl->name);
#include "pull/curl.def"
#undef FUNCTION
    return r;
}
