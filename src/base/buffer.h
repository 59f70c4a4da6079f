/* SPDX-License-Identifier: MIT */
/* A growable run of bytes with a bound. Appending past the bound or out of memory fails once and stays failed, so that
 * a writer checks only at its end. `data` is always NUL-terminated behind `len` when not NULL. */
#ifndef TL_BASE_BUFFER_H
#define TL_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_buffer {
    char *data;
    size_t len, cap;
    size_t limit;            /* 0: none */
    int status;              /* first failure, sticky */
};

void tl_buffer_init(struct tl_buffer *buffer, size_t limit);
void tl_buffer_done(struct tl_buffer *buffer);
int tl_buffer_append(struct tl_buffer *buffer, const void *bytes, size_t n_bytes);
int tl_buffer_printf(struct tl_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
int tl_buffer_json_string(struct tl_buffer *buffer, const char *text, size_t n_bytes);  /* quoted, escaped; invalid UTF-8 -> U+FFFD */
/* "name":"text", behind a comma but where an object begins; NULL: null */
int tl_buffer_json_member(struct tl_buffer *buffer, const char *name, const char *text);
void tl_buffer_clear(struct tl_buffer *buffer);
char *tl_buffer_take(struct tl_buffer *buffer, size_t *ret_len);      /* hands the bytes over (tl_free); NULL if failed: freed */

#endif
