/* SPDX-License-Identifier: MIT */
/* read() rather than stdio: a signal must end the wait at once, and what was read before it must not be lost. */
#include "cli/line.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/output.h"

enum { LINE_LIMIT_BYTES = 1 << 26 };

void tl_line_init(struct tl_line_reader *reader)
{
    reader->prompts = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    tl_buffer_init(&reader->ahead, LINE_LIMIT_BYTES);
}

void tl_line_done(struct tl_line_reader *reader)
{
    tl_buffer_done(&reader->ahead);
}

/* More of standard input into `ahead`. 1: there was some; 0: the end; TL_E_CANCEL: Ctrl-C. */
static int read_more(struct tl_line_reader *reader)
{
    char bytes[4096];
    for (;;) {
        if (!tl_interrupt_wait(STDIN_FILENO))
            return TL_E_CANCEL;
        ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n >= 0) {
            int r = tl_buffer_append(&reader->ahead, bytes, (size_t)n);
            return r < 0 ? tl_fail_in(r, "standard input") : n > 0;
        }
        if (errno != EINTR)
            return tl_fail(TL_E_IO, "standard input: %s", strerror(errno));
    }
}

static void drop_ahead(struct tl_buffer *ahead, size_t n_bytes)
{
    ahead->len -= n_bytes;
    memmove(ahead->data, ahead->data + n_bytes, ahead->len + 1);
}

/* One line as typed, appended without its end. */
static int read_physical(struct tl_line_reader *reader, struct tl_buffer *line)
{
    struct tl_buffer *ahead = &reader->ahead;
    for (size_t seen = 0;;) {
        char *end = ahead->len > seen ? memchr(ahead->data + seen, '\n', ahead->len - seen) : NULL;
        if (end) {
            size_t n = (size_t)(end - ahead->data);
            int r = tl_buffer_append(line, ahead->data, n && end[-1] == '\r' ? n - 1 : n);
            drop_ahead(ahead, n + 1);
            return r < 0 ? r : TL_LINE_TEXT;
        }
        seen = ahead->len;
        int r = read_more(reader);
        if (r == TL_E_CANCEL)
            return TL_LINE_INTERRUPTED;
        if (r < 0)
            return r;
        if (r == 0) {
            bool any = ahead->len > 0;
            r = tl_buffer_append(line, ahead->data, ahead->len);
            tl_buffer_clear(ahead);
            return r < 0 ? r : any ? TL_LINE_TEXT : TL_LINE_END;
        }
    }
}

int tl_line_read(struct tl_line_reader *reader, struct tl_buffer *line)
{
    tl_buffer_clear(line);
    for (bool first = true;; first = false) {
        if (reader->prompts)
            tl_output_note("%s", first ? "> " : ". ");
        int r = read_physical(reader, line);
        if (r == TL_LINE_END && !first)
            return TL_LINE_TEXT;
        if (r != TL_LINE_TEXT || line->len == 0 || line->data[line->len - 1] != '\\')
            return r;
        line->data[line->len - 1] = '\n';
    }
}
