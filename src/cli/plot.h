/* SPDX-License-Identifier: MIT */
/* A small plot in characters: columns whose heights are values, blocks where the terminal's characters are UTF-8, else #. */
#ifndef TL_CLI_PLOT_H
#define TL_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum { TL_PLOT_COLUMNS = 88, TL_PLOT_ROWS = 10 };        /* with its labels at most 100 columns */

/* values [n]: as many columns as there are, or means of neighbours where that is too many. x_label stands below the last. */
void tl_plot(const double *values, size_t n, bool utf8, const char *x_label, struct tl_buffer *out);
bool tl_plot_utf8(void);                                 /* as the user's locale says */

#endif
