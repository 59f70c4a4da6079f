/* SPDX-License-Identifier: MIT */
/* Pictures of plans. One: operations a second against operations a byte, under the roofs of memory, drive and arithmetic,
 * with a point for each kind of work. Several: money against size, a point for each model, writing and reading apart. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/array.h"
#include "cli/plan_suits.h"
#include "cli/svg.h"

enum { MOST_NAMES = 64 };

#define AMOUNT(kind, value) tl_amount_of_##kind(value, (char[TL_AMOUNT_BYTES]){0})

static void decades_x(struct tl_svg *s, bool counts)
{
    for (double v = s->x.from; v <= s->x.to * 1.001; v *= 10)
        tl_svg_grid_x(s, v, counts ? AMOUNT(count, v) : AMOUNT(number, v));
}

static void decades_y(struct tl_svg *s, bool operations)
{
    for (double v = s->y.from; v <= s->y.to * 1.001; v *= 10)
        tl_svg_grid_y(s, v, operations ? AMOUNT(count, v) : AMOUNT(number, v));
}

static double decade_below(double v) { return pow(10, floor(log10(v))); }
static double decade_above(double v) { return pow(10, ceil(log10(v))); }

/* --- one plan ----------------------------------------------------------------------------------------------------- */

static const struct { const char *work, *label; } works[] = {{"decode", "answer"}, {"prefill", "prompt"}, {"score", "long text, swept"}, {"batch", "batch"}};
enum { WORKS = TL_COUNT(works) };

static double work(const struct tl_flat *r, size_t i, const char *what)
{
    char path[80];
    snprintf(path, sizeof path, "speed.%s.%s", works[i].work, what);
    return tl_flat_number(r, "", path);
}

static double fact(const struct tl_flat *r, const char *name)
{
    char path[80];
    snprintf(path, sizeof path, "machine.facts.%s.value", name);
    return tl_flat_number(r, "", path);
}

/* Operations a byte of what limits; 0: the work does not fit. */
static double intensity(const struct tl_flat *r, size_t i, bool *ret_drive)
{
    char path[80];
    snprintf(path, sizeof path, "speed.%s.bound", works[i].work);
    *ret_drive = strcmp(tl_flat_text(r, "", path), "drive") == 0;
    double bytes = work(r, i, *ret_drive ? "read_bytes_per_token" : "memory_bytes_per_token");
    return bytes > 0 ? work(r, i, "operations_per_token") / bytes : 0;
}

static void draw_roof(struct tl_svg *s, double rate, double peak, const char *colour)
{
    tl_svg_curve_begin(s, colour);
    for (double x = s->x.from; x < peak / rate && x < s->x.to; x *= 1.25)
        if (x * rate >= s->y.from)
            tl_svg_curve_point(s, x, x * rate);
    tl_svg_curve_point(s, fmin(peak / rate, s->x.to), fmin(peak, s->x.to * rate));
    tl_svg_curve_point(s, s->x.to, fmin(peak, s->x.to * rate));
    tl_svg_curve_end(s);
}

static void draw_points(const struct tl_flat *r, struct tl_svg *s)
{
    for (size_t i = 0; i < WORKS; i++) {
        bool drive;
        char title[128];
        double x = intensity(r, i, &drive), y = work(r, i, "operations_per_token") * work(r, i, "tokens_per_s");
        if (!(x > 0) || !(y > 0))
            continue;
        snprintf(title, sizeof title, "%s: %s tokens/s, %s operations a byte of %s", works[i].label, AMOUNT(number, work(r, i, "tokens_per_s")),
                 AMOUNT(number, x), drive ? "the drive" : "memory");
        tl_svg_dot(s, x, y, tl_svg_colour(i + 2), title);
        tl_svg_text(s, tl_svg_x(s, x) + 7, tl_svg_y(s, y) + 4, "start", works[i].label);
    }
}

static void draw_roofline(const struct tl_flat *r, struct tl_buffer *out)
{
    double peak = fact(r, "flops"), memory = fact(r, "memory"), drive = fact(r, "drive"), low = peak, far = 10;
    struct tl_svg s = {.out = out, .width = 760, .height = 460, .left = 96, .right = 150, .top = 48, .bottom = 56};
    char title[160];
    for (size_t i = 0; i < WORKS; i++) {
        bool of_drive;
        double x = intensity(r, i, &of_drive), y = work(r, i, "operations_per_token") * work(r, i, "tokens_per_s");
        far = x > far ? x : far;
        low = y > 0 && y < low ? y : low;
    }
    far = fmax(far, drive > 0 ? peak / drive : 10);
    s.x = (struct tl_svg_axis){0.1, decade_above(far), true};
    s.y = (struct tl_svg_axis){decade_below(fmax(low, 1)) / 10, decade_above(fmax(peak, 10)), true};
    snprintf(title, sizeof title, "%.60s on %.60s: operations a second", tl_flat_text(r, "", "model"), tl_flat_text(r, "", "machine.name"));
    tl_svg_begin(&s, title);
    decades_x(&s, false);
    decades_y(&s, true);
    tl_svg_title_x(&s, "operations for each byte that is read");
    if (memory > 0 && peak > 0) {
        draw_roof(&s, memory, peak, tl_svg_colour(0));
        tl_svg_legend(&s, 0, tl_svg_colour(0), "memory, int8");
    }
    if (drive > 0 && peak > 0) {
        draw_roof(&s, drive, peak, tl_svg_colour(1));
        tl_svg_legend(&s, 1, tl_svg_colour(1), "drive");
    }
    draw_points(r, &s);
    tl_svg_end(&s);
}

/* --- several ------------------------------------------------------------------------------------------------------ */

struct point { double size, write, read; const char *name; };

/* The i-th plan, or the i-th that suits. */
static bool point_of(const struct tl_flat *r, size_t n_plans, size_t i, struct point *ret)
{
    char prefix[40];
    snprintf(prefix, sizeof prefix, n_plans ? "plans.%zu." : "suits.%zu.", i);
    if (!tl_flat_has(r, prefix, "model"))
        return false;
    double rate = tl_flat_number(r, prefix, "score_tokens_per_s"), watts = tl_flat_number(r, prefix, "decode_tokens_per_s");
    double write = tl_flat_number(r, prefix, n_plans ? "speed.decode.price_per_million_tokens" : "price_per_million_tokens");
    *ret = (struct point){tl_flat_number(r, prefix, "parameters"), write, rate > 0 ? write * watts / rate : 0, tl_flat_text(r, prefix, "model")};
    return true;
}

/* Names that would lie on others are left to the points' titles. */
struct names { double x[MOST_NAMES], y[MOST_NAMES], width[MOST_NAMES]; size_t n; };

static void draw_name(struct tl_svg *s, struct names *names, double x, double y, const char *name)
{
    double width = 6.6 * (double)strlen(name);
    for (size_t i = 0; i < names->n; i++)
        if (fabs(names->y[i] - y) < 12 && x < names->x[i] + names->width[i] && names->x[i] < x + width)
            return;
    if (names->n < MOST_NAMES) {
        names->x[names->n] = x;
        names->y[names->n] = y;
        names->width[names->n++] = width;
    }
    tl_svg_text(s, x, y, "start", name);
}

static void draw_series(const struct tl_flat *r, size_t n_plans, struct tl_svg *s)
{
    struct names names = {.n = 0};
    struct point p;
    for (size_t i = 0; point_of(r, n_plans, i, &p); i++) {
        char title[128];
        if (!(p.size > 0) || !(p.write > 0))
            continue;
        snprintf(title, sizeof title, "%.60s, written: %s a million", p.name, AMOUNT(number, p.write));
        tl_svg_dot(s, p.size, p.write, tl_svg_colour(0), title);
        draw_name(s, &names, tl_svg_x(s, p.size) + 6, tl_svg_y(s, p.write) - 5, p.name);
        snprintf(title, sizeof title, "%.60s, read in sweeps: %s a million", p.name, AMOUNT(number, p.read));
        if (p.read > 0)
            tl_svg_dot(s, p.size, p.read, tl_svg_colour(1), title);
    }
}

static void draw_costs(const struct tl_flat *r, size_t n_plans, struct tl_buffer *out)
{
    struct tl_svg s = {.out = out, .width = 760, .height = 480, .left = 72, .right = 170, .top = 48, .bottom = 56};
    double least = INFINITY, most = 0, small = INFINITY, large = 0;
    struct point p;
    for (size_t i = 0; point_of(r, n_plans, i, &p); i++) {
        if (!(p.size > 0) || !(p.write > 0))
            continue;
        small = fmin(small, p.size);
        large = fmax(large, p.size);
        least = fmin(least, p.read > 0 ? fmin(p.read, p.write) : p.write);
        most = fmax(most, p.write);
    }
    s.x = (struct tl_svg_axis){large > 0 ? decade_below(small) : 1, large > 0 ? decade_above(large * 1.01) : 10, true};
    s.y = (struct tl_svg_axis){large > 0 ? decade_below(least) : 1, large > 0 ? decade_above(most * 1.01) : 10, true};
    tl_svg_begin(&s, "what a million tokens cost, against the size of the model");
    decades_x(&s, true);
    decades_y(&s, false);
    tl_svg_title_x(&s, "parameters");
    tl_svg_legend(&s, 0, tl_svg_colour(0), "written");
    tl_svg_legend(&s, 1, tl_svg_colour(1), "read in sweeps");
    draw_series(r, n_plans, &s);
    tl_svg_end(&s);
}

void tl_plan_svg(const struct tl_flat *report, size_t n_plans, struct tl_buffer *out)
{
    if (n_plans == 1)
        draw_roofline(report, out);
    else
        draw_costs(report, n_plans, out);
}
