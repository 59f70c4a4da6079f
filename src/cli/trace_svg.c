/* SPDX-License-Identifier: MIT */
/* One chart: share of the experts in memory to the right, share of accesses that hit upwards. */
#include "cli/trace_svg.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/svg.h"

static void draw_grid(struct tl_svg *svg)
{
    for (int i = 0; i <= 5; i++) {
        char label[16];
        snprintf(label, sizeof label, "%d %%", 20 * i);
        tl_svg_grid_x(svg, i / 5.0, label);
        tl_svg_grid_y(svg, i / 5.0, label);
    }
    tl_svg_title_x(svg, "experts in memory");
}

/* The mean of a step's accesses: below it, recency alone hits nothing. */
static void draw_working_set(const struct tl_trace_table *t, struct tl_svg *svg)
{
    double share = t->experts ? t->working_set / (double)t->experts : 0;
    if (share > 0 && share < 1)
        tl_svg_mark_x(svg, share, "one step's experts");
}

static void draw_curve(const struct tl_trace_table *t, size_t curve, struct tl_svg *svg)
{
    tl_svg_curve_begin(svg, tl_svg_colour(curve));
    for (size_t i = 0; i < t->n_sizes; i++)
        tl_svg_curve_point(svg, t->shares[i], t->hits[curve][i]);
    tl_svg_curve_end(svg);
    for (size_t i = 0; i < t->n_sizes; i++) {
        char title[96];
        snprintf(title, sizeof title, "%s, %" PRIu64 " experts: %.1f %%", t->names[curve], t->frames[i], 100 * t->hits[curve][i]);
        tl_svg_dot(svg, t->shares[i], t->hits[curve][i], tl_svg_colour(curve), title);
    }
    tl_svg_legend(svg, curve, tl_svg_colour(curve), t->names[curve]);
}

void tl_trace_svg(const struct tl_trace_table *t, struct tl_buffer *out)
{
    struct tl_svg svg = {.out = out, .width = 720, .height = 440, .left = 64, .right = 150, .top = 48, .bottom = 56, .x = {0, 1, false}, .y = {0, 1, false}};
    char title[128];
    snprintf(title, sizeof title, "share of %" PRIu64 " accesses that hit: %" PRIu64 " experts in %" PRIu64 " layers, %" PRIu64 " steps", t->accesses,
             t->experts, t->layers, t->steps);
    tl_svg_begin(&svg, title);
    draw_grid(&svg);
    draw_working_set(t, &svg);
    for (size_t i = 0; i < t->n_curves; i++)
        draw_curve(t, i, &svg);
    tl_svg_end(&svg);
}
