/* SPDX-License-Identifier: MIT */
/* Lines of standard input, as chat reads them: a backslash at the end continues on the next line. */
#ifndef TL_CLI_LINE_H
#define TL_CLI_LINE_H

#include <stdbool.h>

#include "base/buffer.h"

enum tl_line { TL_LINE_END, TL_LINE_TEXT, TL_LINE_INTERRUPTED };     /* interrupted: Ctrl-C; the line is what was complete before */

struct tl_line_reader {
    bool prompts;            /* show that a line is expected, on stderr */
    struct tl_buffer ahead;  /* read and not yet given out */
};

void tl_line_init(struct tl_line_reader *reader);
void tl_line_done(struct tl_line_reader *reader);
/* Replaces what is in `line`. An enum tl_line, or a status. */
int tl_line_read(struct tl_line_reader *reader, struct tl_buffer *line);

#endif
