/* SPDX-License-Identifier: MIT */
/* How a text begins and ends. */
#ifndef TL_BASE_TEXT_H
#define TL_BASE_TEXT_H

#include <stdbool.h>
#include <string.h>

static inline bool tl_text_begins(const char *text, const char *head) { return strncmp(text, head, strlen(head)) == 0; }

static inline bool tl_text_ends(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

#endif
