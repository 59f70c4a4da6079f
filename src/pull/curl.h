/* SPDX-License-Identifier: MIT */
/* libcurl, loaded when something is to be fetched: with all that it needs it takes more memory than the program itself, and
 * every command would have it. */
#ifndef TL_PULL_CURL_H
#define TL_PULL_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

struct tl_curl {
#define FUNCTION(name) __typeof__(curl_##name) *name;
#include "pull/curl.def"
#undef FUNCTION
};

int tl_curl_load(struct tl_curl *ret_curl);          /* stays loaded */

#endif
