/* SPDX-License-Identifier: MIT */
/* Where long work is, on stderr: a bar that is redrawn where that is a terminal, a line now and then where it is not,
 * nothing with --quiet. Nothing is shown of what takes less than half a second. */
#ifndef TL_CLI_PROGRESS_H
#define TL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "trill.h"

struct tl_progress_bar {
    bool quiet;
    bool drawn;              /* a bar stands in the last line */
    int terminal;            /* 0: not asked yet, then 1 yes, -1 no */
    uint64_t began_ns, told_ns;
    const char *stage;       /* of what was drawn last; since when it lasts, and how much of it was done then */
    uint64_t stage_ns, stage_done;
};

void tl_progress_draw(struct tl_progress_bar *bar, const struct trill_progress *progress);
void tl_progress_erase(struct tl_progress_bar *bar);                  /* before other lines, and at the end */

#endif
