/* SPDX-License-Identifier: MIT */
/* What a training came to, for people: in words, with a small plot of the losses, and as a chart. */
#ifndef TL_CLI_TRAIN_REPORT_H
#define TL_CLI_TRAIN_REPORT_H

#include "cli/flat.h"

void tl_train_report_forecast(const struct tl_flat *report);          /* on stderr, as the next */
void tl_train_report_tell(const struct tl_flat *report);
int tl_train_report_draw(const struct tl_flat *report, const char *path);

#endif
