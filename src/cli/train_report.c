/* SPDX-License-Identifier: MIT */
/* A few lines, the plot, and one chart: steps to the right, nats a token upwards. */
#include "cli/train_report.h"

#include <math.h>
#include <stdio.h>

#include "base/amount.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/plot.h"
#include "cli/svg.h"

enum { POINTS = 512 };

static double number(const struct tl_flat *report, const char *path) { return tl_flat_number(report, "", path); }

static const char *count(double value, char *text) { return tl_amount_of_count(value, text); }

void tl_train_report_forecast(const struct tl_flat *report)
{
    char parameters[TL_AMOUNT_BYTES], beyond[TL_AMOUNT_BYTES], tokens[TL_AMOUNT_BYTES];
    double all = number(report, "parameters");
    tl_output_note("%s: %.0f layers of width %.0f, %s weights, %s of them beyond the embeddings", tl_flat_text(report, "", "model"), number(report, "layers"),
                   number(report, "width"), count(all, parameters), count(all - number(report, "embedding_parameters"), beyond));
    if (number(report, "expected_tokens") > 0)
        tl_output_note("; about %s tokens", count(number(report, "expected_tokens"), tokens));
    if (number(report, "predicted_loss") > 0)
        tl_output_note("; predicted loss %.2f, by a law that was measured on models of 44 million weights and more", number(report, "predicted_loss"));
    tl_output_note("\n");
}

/* --- the curve ---------------------------------------------------------------------------------------------------- */

struct point { double step, loss; };

static size_t read_curve(const struct tl_flat *report, struct point *points)
{
    double every = number(report, "curve.every");
    uint64_t at = 0;
    const char *tail;
    size_t n = 0;
    for (const struct tl_flat_row *row; n < POINTS && (row = tl_flat_next(report, "", "curve.loss", &at, &tail)); n++)
        points[n] = (struct point){every * ((double)n + 0.5) + 0.5, row->number};
    return n;
}

static size_t read_held(const struct tl_flat *report, struct point *points)
{
    size_t n = 0;
    for (char path[64]; n < POINTS; n++) {
        snprintf(path, sizeof path, "curve.held.%zu.loss", n);
        if (!tl_flat_has(report, "", path))
            break;
        points[n].loss = number(report, path);
        snprintf(path, sizeof path, "curve.held.%zu.step", n);
        points[n].step = number(report, path);
    }
    return n;
}

static void plot(const struct tl_flat *report)
{
    struct point points[POINTS];
    double values[POINTS];
    char label[64];
    struct tl_buffer out;
    size_t n = read_curve(report, points);
    for (size_t i = 0; i < n; i++)
        values[i] = points[i].loss;
    snprintf(label, sizeof label, "%.0f steps", number(report, "steps"));
    tl_buffer_init(&out, 0);
    tl_plot(values, n, tl_plot_utf8(), label, &out);
    if (n > 1 && out.status >= 0)
        tl_output_note("loss\n%s", out.data);
    tl_buffer_done(&out);
}

void tl_train_report_tell(const struct tl_flat *report)
{
    char parameters[TL_AMOUNT_BYTES], tokens[TL_AMOUNT_BYTES], time[TL_AMOUNT_BYTES];
    tl_job_note_warnings(report);
    plot(report);
    const bool adapts = tl_flat_has(report, "", "lora_rank");
    tl_output_note("%s: %s %s, %s tokens learnt in %s, %.0f tokens/s, %.0f %% of the f32 peak; %.0f J %s\n", tl_flat_text(report, "", "output"),
                   count(number(report, adapts ? "adapter_parameters" : "parameters"), parameters),
                   adapts ? "values of adapters" : "weights", count(number(report, "tokens"), tokens), tl_amount_of_seconds(number(report, "seconds"), time),
                   number(report, "tokens_per_s"), 100 * number(report, "peak_share"), number(report, "joules"), tl_flat_text(report, "", "joules_source"));
    if (!tl_flat_has(report, "", "held_loss")) {
        tl_output_note("loss %.3f; nothing was held out\n", number(report, "loss"));
        return;
    }
    char error[48] = "";                     /* one window has none */
    if (number(report, "held_loss_se") > 0)
        snprintf(error, sizeof error, " (standard error %.3f)", number(report, "held_loss_se"));
    tl_output_note("loss %.3f; held out %.3f%s, it was %.3f; perplexity %.2f\n", number(report, "loss"), number(report, "held_loss"), error,
                   number(report, "first_held_loss"), number(report, "held_perplexity"));
}

/* --- the chart ---------------------------------------------------------------------------------------------------- */

struct chart { struct point curve[POINTS], held[POINTS]; size_t n_curve, n_held; };

static void widen(const struct point *points, size_t n, struct tl_svg_axis *y)
{
    for (size_t i = 0; i < n; i++) {
        y->from = points[i].loss < y->from ? points[i].loss : y->from;
        y->to = points[i].loss > y->to ? points[i].loss : y->to;
    }
}

/* 1, 2 or 5 of a power of ten: about six of them. */
static double step_of(double span)
{
    double unit = pow(10, floor(log10(span / 6)));
    return span / unit > 30 ? 5 * unit : span / unit > 12 ? 2 * unit : unit;
}

static void draw_grid(struct tl_svg *svg)
{
    char label[32];
    double step = step_of(svg->x.to - svg->x.from);
    for (double x = 0; x <= svg->x.to * 1.0001; x += step) {
        snprintf(label, sizeof label, "%.10g", x);
        tl_svg_grid_x(svg, x, label);
    }
    step = step_of(svg->y.to - svg->y.from);
    for (double y = ceil(svg->y.from / step) * step; y <= svg->y.to; y += step) {
        snprintf(label, sizeof label, "%.4g", y);
        tl_svg_grid_y(svg, y, label);
    }
    tl_svg_title_x(svg, "steps");
}

static void draw_points(const struct point *points, size_t n, size_t series, const char *name, bool dots, struct tl_svg *svg)
{
    if (!n)
        return;
    tl_svg_curve_begin(svg, tl_svg_colour(series));
    for (size_t i = 0; i < n; i++)
        tl_svg_curve_point(svg, points[i].step, points[i].loss);
    tl_svg_curve_end(svg);
    for (size_t i = 0; i < n && dots; i++) {
        char title[64];
        snprintf(title, sizeof title, "step %.0f: %.3f", points[i].step, points[i].loss);
        tl_svg_dot(svg, points[i].step, points[i].loss, tl_svg_colour(series), title);
    }
    tl_svg_legend(svg, series, tl_svg_colour(series), name);
}

int tl_train_report_draw(const struct tl_flat *report, const char *path)
{
    struct tl_buffer out;
    struct chart chart;
    chart.n_curve = read_curve(report, chart.curve);
    chart.n_held = read_held(report, chart.held);
    tl_buffer_init(&out, 0);
    struct tl_svg svg = {.out = &out, .width = 720, .height = 440, .left = 64, .right = 120, .top = 48, .bottom = 56, .y = {INFINITY, -INFINITY, false}};
    widen(chart.curve, chart.n_curve, &svg.y);
    widen(chart.held, chart.n_held, &svg.y);
    double steps = number(report, "steps"), margin = 0.05 * (svg.y.to - svg.y.from);
    svg.x = (struct tl_svg_axis){0, steps > 0 ? steps : 1, false};
    if (!(margin > 0))
        svg.y = (struct tl_svg_axis){0, svg.y.to > 0 ? 2 * svg.y.to : 1, false};
    svg.y.from -= margin > 0 ? margin : 0;
    svg.y.to += margin > 0 ? margin : 0;
    char title[160];
    snprintf(title, sizeof title, "%.80s: nats a token", tl_flat_text(report, "", "output"));
    tl_svg_begin(&svg, title);
    draw_grid(&svg);
    draw_points(chart.curve, chart.n_curve, 0, "learnt", false, &svg);
    draw_points(chart.held, chart.n_held, 1, "held out", true, &svg);
    tl_svg_end(&svg);
    int r = out.status < 0 ? out.status : tl_svg_write(path, &out);
    tl_buffer_done(&out);
    return r;
}
