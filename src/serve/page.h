/* SPDX-License-Identifier: MIT */
/* The page: the files of src/serve/page as they are, in the program. Nothing is built of them and nothing else is asked for. */
#ifndef TL_SERVE_PAGE_H
#define TL_SERVE_PAGE_H

#include <stddef.h>

struct tl_page_file {
    const char *name, *type;
    const char *tag;                     /* of its bytes, with its quotes: what HTTP calls an entity tag */
    const unsigned char *bytes;          /* with a NUL behind n_bytes */
    size_t n_bytes;
};

extern const struct tl_page_file tl_page_files[];
extern const size_t tl_page_files_count;

#endif
