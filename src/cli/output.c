/* SPDX-License-Identifier: MIT */
/* Writes to standard output in full or says why not. Nothing is buffered here: callers hand over a whole document or
 * one piece of a stream, so that what a reader has seen is always what was reported as written. */
#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/interrupt.h"

static int wait_writable(void)
{
    struct pollfd poll_fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&poll_fd, 1, -1) < 0 && errno != EINTR ? -1 : 0;
}

int tl_output_write(const void *bytes, size_t n_bytes)
{
    const char *at = bytes;
    while (n_bytes) {
        ssize_t n = write(STDOUT_FILENO, at, n_bytes);
        if (n >= 0) {
            at += n;
            n_bytes -= (size_t)n;
        } else if (errno == EINTR) {
            if (tl_interrupt_seen())
                return tl_fail(TL_E_CANCEL, "interrupted");
        } else if (errno == EPIPE) {
            return tl_fail(TL_CLI_QUIET, "standard output is closed");
        } else if (errno != EAGAIN || wait_writable() < 0) {
            return tl_fail(TL_E_IO, "standard output: %s", strerror(errno));
        }
    }
    return 0;
}

int tl_output_text(const char *text)
{
    return tl_output_write(text, strlen(text));
}

int tl_output_buffer(const struct tl_buffer *buffer)
{
    if (buffer->status < 0)
        return buffer->status;
    return tl_output_write(buffer->data, buffer->len);
}

void tl_output_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}
