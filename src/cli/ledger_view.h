/* SPDX-License-Identifier: MIT */
/* The report of the job "ledger", read back for people: totals, groups, errors of predictions. */
#ifndef TL_CLI_LEDGER_VIEW_H
#define TL_CLI_LEDGER_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum tl_ledger_figure {
    TL_FIGURE_RUNS, TL_FIGURE_UNFINISHED, TL_FIGURE_PROMPT, TL_FIGURE_GENERATED, TL_FIGURE_SCORED, TL_FIGURE_TRAINED, TL_FIGURE_TOKENS, TL_FIGURE_SECONDS,
    TL_FIGURE_BUSY, TL_FIGURE_DRIVE, TL_FIGURE_JOULES, TL_FIGURE_MEASURED, TL_FIGURE_MONEY, TL_FIGURE_CARBON, TL_FIGURE_FIRST, TL_FIGURES
};

struct tl_ledger_entry { char label[64]; double figure[TL_FIGURES]; };

enum { TL_LEDGER_BY = 3, TL_LEDGER_QUANTITIES = 32 };

struct tl_ledger_group { char name[16]; struct tl_ledger_entry *entries; uint64_t n, cap; };

struct tl_ledger_quantity { char name[48], unit[16]; double runs, median, median_absolute, least, most, near; };

struct tl_ledger_view {
    bool recording;
    struct tl_ledger_entry totals;
    struct tl_ledger_group groups[TL_LEDGER_BY];
    size_t n_groups;
    bool has_accuracy;
    struct tl_ledger_quantity quantities[TL_LEDGER_QUANTITIES];
    size_t n_quantities;
};

int tl_ledger_view_read(const char *report, struct tl_ledger_view *ret_view);
void tl_ledger_view_done(struct tl_ledger_view *view);

/* Tables in at most 100 columns. most: entries of a group of days, the latest; 0: all. */
void tl_ledger_view_print(const struct tl_ledger_view *view, uint64_t most, struct tl_buffer *out);
/* A chart of the first group: energy, with money and tokens in words. */
void tl_ledger_view_svg(const struct tl_ledger_view *view, struct tl_buffer *out);

#endif
