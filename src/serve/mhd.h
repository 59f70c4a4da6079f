/* SPDX-License-Identifier: MIT */
/* libmicrohttpd, loaded when a server starts: every other command is smaller by what it brings. */
#ifndef TL_SERVE_MHD_H
#define TL_SERVE_MHD_H

#include <microhttpd.h>

struct tl_mhd {
#define FUNCTION(name) __typeof__(MHD_##name) *name;
#include "serve/mhd.def"
#undef FUNCTION
};

int tl_mhd_load(struct tl_mhd *ret_mhd);             /* stays loaded */

#endif
