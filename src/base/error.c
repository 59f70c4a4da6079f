/* SPDX-License-Identifier: MIT */
/* The sentence of a thread's last failure, and the table of status codes.
 *
 * The text lives in thread-local storage of fixed size: recording a failure needs no memory and cannot fail itself.
 * A sentence that is too long is cut. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 1024 };

static _Thread_local char error_text[TEXT_BYTES];

int tl_fail(int code, const char *format, ...)
{
    int saved_errno = errno;
    char text[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);      /* arguments may point into error_text */
    va_end(args);
    errno = saved_errno;
    return tl_error_set(code, text);
}

int tl_fail_in(int code, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = length < 0 ? 0 : (size_t)length;
    for (const char *rest = ": "; *rest && used < sizeof text - 1; rest++)
        text[used++] = *rest;
    for (const char *rest = error_text; *rest && used < sizeof text - 1; rest++)
        text[used++] = *rest;
    text[used < sizeof text ? used : sizeof text - 1] = 0;
    return tl_error_set(code, text);
}

const char *tl_error_text(void)
{
    return error_text;
}

int tl_error_set(int code, const char *text)
{
    if (text != error_text) {
        size_t length = strnlen(text, TEXT_BYTES - 1);
        memmove(error_text, text, length);
        error_text[length] = 0;
    }
    return code;
}

int tl_status_exit(int code)
{
    switch (code < 0 ? code : 0) {
#define STATUS(name, value, exit_code, meaning) case value: return exit_code;
#include "base/status.def"
#undef STATUS
    }
    return 1;
}
