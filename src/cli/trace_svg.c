/* SPDX-License-Identifier: MIT */
/* One chart, drawn by hand: share of the experts in memory to the right, share of accesses that hit upwards. Colours stand
 * on light and dark grounds. */
#include "cli/trace_svg.h"

#include <inttypes.h>

enum { WIDTH = 720, HEIGHT = 440, LEFT = 64, RIGHT = 150, TOP = 48, BOTTOM = 56 };

static double x_of(double share) { return LEFT + share * (WIDTH - LEFT - RIGHT); }
static double y_of(double hits) { return HEIGHT - BOTTOM - hits * (HEIGHT - TOP - BOTTOM); }

static void draw_grid(struct tl_buffer *out)
{
    for (int i = 0; i <= 5; i++) {
        double part = i / 5.0;
        tl_buffer_printf(out, "<path class=\"grid\" d=\"M%d %.1fH%dM%.1f %dV%d\"/>\n", LEFT, y_of(part), WIDTH - RIGHT, x_of(part), TOP, HEIGHT - BOTTOM);
        tl_buffer_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>\n", LEFT - 8, y_of(part) + 4, 20 * i);
        tl_buffer_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d %%</text>\n", x_of(part), HEIGHT - BOTTOM + 20, 20 * i);
    }
    tl_buffer_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">experts in memory</text>\n", x_of(0.5), HEIGHT - 14);
}

/* The mean of a step's accesses: below it, recency alone hits nothing. */
static void draw_working_set(const struct tl_trace_table *t, struct tl_buffer *out)
{
    double share = t->experts ? t->working_set / (double)t->experts : 0;
    if (share <= 0 || share >= 1)
        return;
    tl_buffer_printf(out, "<path class=\"set\" d=\"M%.1f %dV%d\"/>\n<text x=\"%.1f\" y=\"%d\">one step's experts</text>\n", x_of(share), TOP,
                     HEIGHT - BOTTOM, x_of(share) + 4, TOP + 12);
}

static void draw_curve(const struct tl_trace_table *t, size_t curve, struct tl_buffer *out)
{
    static const char *const colours[] = {"#d1495b", "#2e86ab", "#66a182", "#8d6cab", "#edae49", "#9a6324"};
    const char *colour = colours[curve % (sizeof colours / sizeof colours[0])];
    tl_buffer_printf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
    for (size_t i = 0; i < t->n_sizes; i++)
        tl_buffer_printf(out, "%.1f,%.1f ", x_of(t->shares[i]), y_of(t->hits[curve][i]));
    tl_buffer_printf(out, "\"/>\n");
    for (size_t i = 0; i < t->n_sizes; i++)
        tl_buffer_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s, %" PRIu64 " experts: %.1f %%</title></circle>\n",
                         x_of(t->shares[i]), y_of(t->hits[curve][i]), colour, t->names[curve], t->frames[i], 100 * t->hits[curve][i]);
    double at = TOP + 12 + 20.0 * (double)curve;
    tl_buffer_printf(out, "<path d=\"M%d %.1fh18\" stroke=\"%s\" stroke-width=\"3\"/><text x=\"%d\" y=\"%.1f\">%s</text>\n", WIDTH - RIGHT + 14, at - 4,
                     colour, WIDTH - RIGHT + 38, at, t->names[curve]);
}

void tl_trace_svg(const struct tl_trace_table *t, struct tl_buffer *out)
{
    tl_buffer_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", WIDTH, HEIGHT);
    tl_buffer_printf(out, "<style>text{fill:#777}.grid{stroke:#8884;fill:none}.set{stroke:#888;stroke-dasharray:4 4}</style>\n");
    tl_buffer_printf(out, "<text x=\"%d\" y=\"24\" font-size=\"14\">share of %" PRIu64 " accesses that hit: %" PRIu64 " experts in %" PRIu64 " layers, %" PRIu64
                          " steps</text>\n", LEFT, t->accesses, t->experts, t->layers, t->steps);
    draw_grid(out);
    draw_working_set(t, out);
    for (size_t i = 0; i < t->n_curves; i++)
        draw_curve(t, i, out);
    tl_buffer_printf(out, "</svg>\n");
}
