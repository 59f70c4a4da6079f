/* SPDX-License-Identifier: MIT */
/* Quality against price: a point for each model, its standard error as a stroke, the frontier as a curve of steps. Better is
 * up, cheaper is to the left. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/command.h"
#include "cli/eval_report.h"
#include "cli/svg.h"

enum { MOST = 64, LINES = 5 };

struct point { const char *name; double quality, error, price; bool frontier; };
struct picture { struct tl_svg svg; struct point point[MOST]; size_t n; bool share, bytes; };

static bool read_point(const struct tl_flat *r, uint32_t i, const char *quality, struct point *ret)
{
    static const struct { const char *quality, *error; } errors[] = {{"solved", "solved_se"}, {"perplexity", "perplexity_se"}};
    char prefix[32];
    snprintf(prefix, sizeof prefix, "models.%" PRIu32 ".", i);
    if (!tl_flat_has(r, prefix, "bytes"))
        return false;
    *ret = (struct point){.name = tl_flat_text(r, prefix, "model"), .quality = tl_flat_number(r, prefix, "quality"),
                          .price = tl_flat_number(r, prefix, "price"), .frontier = tl_flat_number(r, prefix, "frontier") > 0};
    for (size_t k = 0; k < TL_COUNT(errors); k++)
        if (strcmp(quality, errors[k].quality) == 0)
            ret->error = tl_flat_number(r, prefix, errors[k].error);
    return true;
}

static void read_points(const struct tl_flat *r, struct picture *p)
{
    const char *quality = tl_flat_text(r, "", "quality");
    struct point point;
    for (uint32_t i = 0; p->n < MOST && read_point(r, i, quality, &point); i++)
        if (point.price > 0 && isfinite(point.quality))
            p->point[p->n++] = point;
    p->share = strcmp(quality, "solved") == 0;
    p->bytes = strcmp(tl_flat_text(r, "", "price"), "bytes") == 0;
}

static void set_axes(struct picture *p)
{
    struct tl_svg_axis *x = &p->svg.x, *y = &p->svg.y;
    *x = (struct tl_svg_axis){INFINITY, 0, true};
    *y = (struct tl_svg_axis){INFINITY, -INFINITY, false};
    for (size_t i = 0; i < p->n; i++) {
        x->from = fmin(x->from, p->point[i].price);
        x->to = fmax(x->to, p->point[i].price);
        y->from = fmin(y->from, p->point[i].quality - p->point[i].error);
        y->to = fmax(y->to, p->point[i].quality + p->point[i].error);
    }
    double room = y->to > y->from ? 0.1 * (y->to - y->from) : 0.1 * fabs(y->to) + 1e-6;
    *y = (struct tl_svg_axis){y->from - room, y->to + room, false};
    *x = p->n ? (struct tl_svg_axis){x->from / 1.5, x->to * 1.5, true} : (struct tl_svg_axis){1, 10, true};
    if (!p->n)
        *y = (struct tl_svg_axis){0, 1, false};
}

static void draw_grid(struct picture *p, const struct tl_flat *r)
{
    char label[TL_AMOUNT_BYTES + 40], amount[TL_AMOUNT_BYTES];
    for (int i = 0; i < LINES; i++) {
        double share = (double)i / (LINES - 1), x = p->svg.x.from * pow(p->svg.x.to / p->svg.x.from, share);
        double y = p->svg.y.from + (p->svg.y.to - p->svg.y.from) * share;
        if (p->bytes)
            snprintf(label, sizeof label, "%s", tl_amount_of_bytes(x, amount));
        else
            snprintf(label, sizeof label, "%.2g", x);
        tl_svg_grid_x(&p->svg, x, label);
        snprintf(label, sizeof label, p->share ? "%.1f %%" : "%.4g", p->share ? 100 * y : -y);
        tl_svg_grid_y(&p->svg, y, label);
    }
    tl_svg_title_x(&p->svg, tl_flat_text(r, "", "price"));
}

static int by_price(const struct point *a, const struct point *b) { return (a->price > b->price) - (a->price < b->price); }

/* Through the models of the frontier in the order of their prices. */
static void draw_frontier(struct picture *p)
{
    const struct point *order[MOST];
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->point[i].frontier) {
            size_t at = n++;
            for (; at > 0 && by_price(&p->point[i], order[at - 1]) < 0; at--)
                order[at] = order[at - 1];
            order[at] = &p->point[i];
        }
    if (n < 2)
        return;
    tl_svg_curve_begin(&p->svg, "#8888");
    for (size_t i = 0; i < n; i++) {
        if (i)
            tl_svg_curve_point(&p->svg, order[i]->price, order[i - 1]->quality);
        tl_svg_curve_point(&p->svg, order[i]->price, order[i]->quality);
    }
    tl_svg_curve_end(&p->svg);
}

static void draw_points(struct picture *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct point *q = &p->point[i];
        char label[160];
        tl_svg_curve_begin(&p->svg, tl_svg_colour(i));
        tl_svg_curve_point(&p->svg, q->price, q->quality - q->error);
        tl_svg_curve_point(&p->svg, q->price, q->quality + q->error);
        tl_svg_curve_end(&p->svg);
        tl_svg_dot(&p->svg, q->price, q->quality, tl_svg_colour(i), q->name);
        snprintf(label, sizeof label, "%.60s%s", q->name, q->frontier ? " *" : "");
        tl_svg_legend(&p->svg, i, tl_svg_colour(i), label);
    }
}

void tl_eval_report_svg(const struct tl_flat *report, struct tl_buffer *out)
{
    struct picture p = {.svg = {.out = out, .width = 860, .height = 460, .left = 90, .right = 260, .top = 48, .bottom = 48}};
    char title[120];
    read_points(report, &p);
    set_axes(&p);
    snprintf(title, sizeof title, "%s against %s; * on the frontier", tl_flat_text(report, "", "quality"), tl_flat_text(report, "", "price"));
    tl_svg_begin(&p.svg, title);
    draw_grid(&p, report);
    draw_frontier(&p);
    draw_points(&p);
    tl_svg_end(&p.svg);
}
