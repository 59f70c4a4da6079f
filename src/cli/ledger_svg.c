/* SPDX-License-Identifier: MIT */
/* Bars of energy: one a day, a model or a command; the metered part of each is darker. */
#include <math.h>
#include <stdio.h>

#include "cli/ledger_view.h"
#include "cli/svg.h"

enum { WIDTH = 760, ROW = 22, TOP = 52, LEFT = 190, RIGHT = 230, MOST = 60 };

static double energy(const struct tl_ledger_entry *e) { return e->figure[TL_FIGURE_JOULES] / 3600; }

static void draw_part(struct tl_svg *svg, int row, double value, const char *opacity)
{
    tl_buffer_printf(svg->out, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" fill-opacity=\"%s\"/>\n", LEFT, TOP + ROW * row,
                     tl_svg_x(svg, value) - LEFT, ROW - 6, tl_svg_colour(1), opacity);
}

static void draw_bar(struct tl_svg *svg, const struct tl_ledger_entry *e, int row)
{
    char words[96];
    double metered = e->figure[TL_FIGURE_MEASURED] / 3600;
    snprintf(words, sizeof words, "%.3g Wh, money %.3g, %.0f tokens", energy(e), e->figure[TL_FIGURE_MONEY], e->figure[TL_FIGURE_TOKENS]);
    tl_svg_text(svg, LEFT - 8, TOP + ROW * row + 13, "end", e->label);
    draw_part(svg, row, energy(e), "0.5");
    if (metered > 0)
        draw_part(svg, row, metered, "1");
    tl_svg_text(svg, tl_svg_x(svg, energy(e)) + 8, TOP + ROW * row + 13, "start", words);
}

void tl_ledger_view_svg(const struct tl_ledger_view *view, struct tl_buffer *out)
{
    static const struct tl_ledger_group none = {.name = "day"};
    const struct tl_ledger_group *group = view->n_groups ? &view->groups[0] : &none;
    const double *all = view->totals.figure;
    uint64_t from = group->n > MOST ? group->n - MOST : 0;
    struct tl_svg svg = {.out = out, .width = WIDTH, .height = TOP + ROW * (double)(group->n - from) + 16, .left = LEFT, .right = RIGHT, .top = TOP};
    char title[160];
    for (uint64_t i = from; i < group->n; i++)
        svg.x.to = fmax(svg.x.to, energy(&group->entries[i]));
    svg.x.to = svg.x.to > 0 ? svg.x.to : 1;
    snprintf(title, sizeof title, "energy by %s: %.0f runs, %.3g Wh, money %.3g, %.3g g CO2e", group->name, all[TL_FIGURE_RUNS], energy(&view->totals),
             all[TL_FIGURE_MONEY], all[TL_FIGURE_CARBON]);
    tl_svg_begin(&svg, title);
    for (uint64_t i = from; i < group->n; i++)
        draw_bar(&svg, &group->entries[i], (int)(i - from));
    tl_svg_end(&svg);
}
