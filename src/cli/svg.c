/* SPDX-License-Identifier: MIT */
/* The elements of charts. What lies outside an axis is drawn at its border. */
#include "cli/svg.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"

static double share_of(const struct tl_svg_axis *axis, double value)
{
    double share = axis->logarithmic ? log(value / axis->from) / log(axis->to / axis->from) : (value - axis->from) / (axis->to - axis->from);
    return share > 0 ? share < 1 ? share : 1 : 0;
}

double tl_svg_x(const struct tl_svg *s, double value) { return s->left + share_of(&s->x, value) * (s->width - s->left - s->right); }
double tl_svg_y(const struct tl_svg *s, double value) { return s->height - s->bottom - share_of(&s->y, value) * (s->height - s->top - s->bottom); }

const char *tl_svg_colour(size_t series)
{
    static const char *const colours[] = {"#d1495b", "#2e86ab", "#66a182", "#8d6cab", "#edae49", "#9a6324"};
    return colours[series % TL_COUNT(colours)];
}

static void put_escaped(struct tl_buffer *out, const char *text)
{
    for (; *text; text++) {
        const char *code = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : NULL;
        if (code)
            tl_buffer_append(out, code, strlen(code));
        else if ((unsigned char)*text >= ' ')
            tl_buffer_append(out, text, 1);
    }
}

void tl_svg_text(struct tl_svg *s, double x, double y, const char *anchor, const char *text)
{
    tl_buffer_printf(s->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    put_escaped(s->out, text);
    tl_buffer_printf(s->out, "</text>\n");
}

void tl_svg_begin(struct tl_svg *s, const char *title)
{
    tl_buffer_printf(s->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n", s->width,
                     s->height);
    tl_buffer_printf(s->out, "<style>text{fill:#777}.grid{stroke:#8884;fill:none}.set{stroke:#888;stroke-dasharray:4 4}</style>\n");
    tl_buffer_printf(s->out, "<text x=\"%.0f\" y=\"24\" font-size=\"14\">", s->left);
    put_escaped(s->out, title);
    tl_buffer_printf(s->out, "</text>\n");
}

void tl_svg_end(struct tl_svg *s) { tl_buffer_printf(s->out, "</svg>\n"); }

void tl_svg_grid_x(struct tl_svg *s, double value, const char *label)
{
    tl_buffer_printf(s->out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", tl_svg_x(s, value), s->top, s->height - s->bottom);
    tl_svg_text(s, tl_svg_x(s, value), s->height - s->bottom + 20, "middle", label);
}

void tl_svg_grid_y(struct tl_svg *s, double value, const char *label)
{
    tl_buffer_printf(s->out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", s->left, tl_svg_y(s, value), s->width - s->right);
    tl_svg_text(s, s->left - 8, tl_svg_y(s, value) + 4, "end", label);
}

void tl_svg_title_x(struct tl_svg *s, const char *label)
{
    tl_svg_text(s, (s->left + s->width - s->right) / 2, s->height - 14, "middle", label);
}

void tl_svg_mark_x(struct tl_svg *s, double value, const char *label)
{
    tl_buffer_printf(s->out, "<path class=\"set\" d=\"M%.1f %.1fV%.1f\"/>\n", tl_svg_x(s, value), s->top, s->height - s->bottom);
    tl_svg_text(s, tl_svg_x(s, value) + 4, s->top + 12, "start", label);
}

void tl_svg_curve_begin(struct tl_svg *s, const char *colour)
{
    tl_buffer_printf(s->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
}

void tl_svg_curve_point(struct tl_svg *s, double x, double y) { tl_buffer_printf(s->out, "%.1f,%.1f ", tl_svg_x(s, x), tl_svg_y(s, y)); }
void tl_svg_curve_end(struct tl_svg *s) { tl_buffer_printf(s->out, "\"/>\n"); }

void tl_svg_dot(struct tl_svg *s, double x, double y, const char *colour, const char *title)
{
    tl_buffer_printf(s->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>", tl_svg_x(s, x), tl_svg_y(s, y), colour);
    put_escaped(s->out, title);
    tl_buffer_printf(s->out, "</title></circle>\n");
}

void tl_svg_legend(struct tl_svg *s, size_t row, const char *colour, const char *name)
{
    double at = s->top + 12 + 20.0 * (double)row, from = s->width - s->right + 14;
    tl_buffer_printf(s->out, "<path d=\"M%.1f %.1fh18\" stroke=\"%s\" stroke-width=\"3\"/>", from, at - 4, colour);
    tl_svg_text(s, from + 24, at, "start", name);
}

int tl_svg_write(const char *path, const struct tl_buffer *chart)
{
    return chart->status < 0 ? chart->status : tl_outfile_save(path, chart->data, chart->len);
}
