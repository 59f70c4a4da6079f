/* SPDX-License-Identifier: MIT */
/* Charts, drawn by hand: axes that are even or logarithmic, grids, curves, points with names, a legend to the right.
 * Colours stand on light and dark grounds. All texts from outside are escaped here. */
#ifndef TL_CLI_SVG_H
#define TL_CLI_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct tl_svg_axis { double from, to; bool logarithmic; };

struct tl_svg {
    struct tl_buffer *out;
    double width, height, left, right, top, bottom;      /* margins hold labels */
    struct tl_svg_axis x, y;
};

void tl_svg_begin(struct tl_svg *svg, const char *title);
void tl_svg_end(struct tl_svg *svg);

double tl_svg_x(const struct tl_svg *svg, double value);
double tl_svg_y(const struct tl_svg *svg, double value);
const char *tl_svg_colour(size_t series);

void tl_svg_grid_x(struct tl_svg *svg, double value, const char *label);
void tl_svg_grid_y(struct tl_svg *svg, double value, const char *label);
void tl_svg_title_x(struct tl_svg *svg, const char *label);
/* An upright line in dashes. */
void tl_svg_mark_x(struct tl_svg *svg, double value, const char *label);
void tl_svg_text(struct tl_svg *svg, double x, double y, const char *anchor, const char *text);       /* in places, not values */
/* Points follow one by one between these two. */
void tl_svg_curve_begin(struct tl_svg *svg, const char *colour);
void tl_svg_curve_point(struct tl_svg *svg, double x, double y);
void tl_svg_curve_end(struct tl_svg *svg);
void tl_svg_dot(struct tl_svg *svg, double x, double y, const char *colour, const char *title);
void tl_svg_legend(struct tl_svg *svg, size_t row, const char *colour, const char *name);

/* Writes the chart beside its place, syncs and renames it. */
int tl_svg_write(const char *path, const struct tl_buffer *chart);

#endif
