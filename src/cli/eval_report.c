/* SPDX-License-Identifier: MIT */
/* Columns that have a value for some model, as many as fit in 100 characters; the others follow below under the same names. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/command.h"
#include "cli/eval_report.h"

enum { COLUMNS = 100, MOST_NAME = 24, LEAST_NAME = 8, CELL = 40, MOST_MODELS = 128, PREFIX = 32, MOST_PAIRS = 24 };

/* PLAIN: value and error as they are; SHARE: in hundredths. */
enum kind { BYTES, PLAIN, SHARE, RATE, MONEY, JOULES };

static const struct column { const char *title, *path; enum kind kind; } columns[] = {
    {"bytes", "bytes", BYTES},
    {"perplexity", "perplexity", PLAIN},
    {"bits/byte", "bits_per_byte", PLAIN},
    {"KL", "kl", PLAIN},
    {"top-1 %", "agreement", SHARE},
    {"solved %", "solved", SHARE},
    {"choice %", "choices", SHARE},
    {"raw %", "choices_raw", SHARE},
    {"exact %", "expect", SHARE},
    {"verified %", "verify", SHARE},
    {"JSON %", "json", SHARE},
    {"loops %", "loops", SHARE},
    {"refusals %", "refusals", SHARE},
    {"changed %", "changed", SHARE},
    {"gained %", "refusals_gained", SHARE},
    {"lost %", "refusals_lost", SHARE},
    {"prompt t/s", "prompt_tokens_per_s", RATE},
    {"answer t/s", "answer_tokens_per_s", RATE},
    {"joules", "joules", JOULES},
    {"money", "money", MONEY},
    {"/solved", "money_per_solved", MONEY},
};
enum { TITLES = TL_COUNT(columns) };

struct table { const struct tl_flat *report; struct tl_buffer *out; uint32_t n_models; int name_width; };

static void prefix_of(uint32_t model, char *prefix) { snprintf(prefix, PREFIX, "models.%" PRIu32 ".", model); }

/* --- cells -------------------------------------------------------------------------------------------------------- */

/* Value and standard error with as many digits as the error deserves: two of its own. */
static void put_with_error(char *cell, double value, double error)
{
    int digits = error > 0 ? (int)ceil(1 - log10(error)) : 4;
    digits = digits < 0 ? 0 : digits > 7 ? 7 : digits;
    if (error > 0)
        snprintf(cell, CELL, "%.*f ±%.*f", digits, value, digits, error);
    else
        snprintf(cell, CELL, "%.*f", digits, value);
}

/* Without an error all items are alike, and whole hundredths are enough. */
static void put_share(char *cell, double value, double error)
{
    if (error > 0)
        put_with_error(cell, 100 * value, 100 * error);
    else
        snprintf(cell, CELL, "%.0f", 100 * value);
}

static void put_cell(const struct table *t, uint32_t model, const struct column *column, char *cell)
{
    char prefix[PREFIX], error_path[64], amount[TL_AMOUNT_BYTES];
    prefix_of(model, prefix);
    snprintf(error_path, sizeof error_path, "%s_se", column->path);
    double value = tl_flat_number(t->report, prefix, column->path), error = tl_flat_number(t->report, prefix, error_path);
    if (!tl_flat_has(t->report, prefix, column->path)) {
        snprintf(cell, CELL, "-");
        return;
    }
    switch (column->kind) {
    case BYTES: snprintf(cell, CELL, "%s", tl_amount_of_bytes(value, amount)); break;
    case PLAIN: put_with_error(cell, value, error); break;
    case SHARE: put_share(cell, value, error); break;
    case RATE:
    case JOULES: snprintf(cell, CELL, "%s", tl_amount_of_number(value, amount)); break;
    case MONEY: snprintf(cell, CELL, "%.3g", value); break;
    }
}

/* Characters, not bytes. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void pad(const struct table *t, int n) { tl_buffer_printf(t->out, "%*s", n > 0 ? n : 0, ""); }

/* 0: no model has it, or all would show the same that another column says. */
static int column_width(const struct table *t, const struct column *column)
{
    char cell[CELL];
    int width = width_of(column->title);
    bool any = false;
    for (uint32_t i = 0; i < t->n_models; i++) {
        put_cell(t, i, column, cell);
        any |= strcmp(cell, "-") != 0;
        width = width_of(cell) > width ? width_of(cell) : width;
    }
    return any ? width : 0;
}

/* Without a second kind of tasks, all of them say nothing that the one does not. */
static bool is_wanted(const struct table *t, const struct column *column)
{
    int kinds = 0;
    for (int i = 0; i < TITLES; i++)
        kinds += strcmp(columns[i].path, "choices") == 0 || strcmp(columns[i].path, "expect") == 0 || strcmp(columns[i].path, "verify") == 0 ||
                         strcmp(columns[i].path, "json") == 0 ? column_width(t, &columns[i]) > 0 : 0;
    if (strcmp(column->path, "solved") == 0)
        return kinds > 1;
    if (strcmp(column->path, "bits_per_byte") == 0)
        return tl_flat_number(t->report, "", "same_vocabulary") == 0;
    return true;
}

/* --- blocks of columns -------------------------------------------------------------------------------------------- */

static const char *name_of(const struct table *t, uint32_t model)
{
    char prefix[PREFIX];
    prefix_of(model, prefix);
    return tl_flat_text(t->report, prefix, "model");
}

static void put_name(const struct table *t, const char *name)
{
    tl_buffer_printf(t->out, "%.*s", t->name_width, name);
    pad(t, t->name_width - (int)strnlen(name, (size_t)t->name_width));
}

static void put_block(const struct table *t, const int *width, int from, int to)
{
    char cell[CELL];
    put_name(t, "model");
    for (int c = from; c < to; c++) {
        pad(t, width[c] ? width[c] - width_of(columns[c].title) + 2 : 0);
        tl_buffer_printf(t->out, "%s", width[c] ? columns[c].title : "");
    }
    tl_buffer_printf(t->out, "\n");
    for (uint32_t i = 0; i < t->n_models; i++) {
        char prefix[PREFIX];
        prefix_of(i, prefix);
        put_name(t, name_of(t, i));
        for (int c = from; c < to; c++) {
            if (!width[c])
                continue;
            put_cell(t, i, &columns[c], cell);
            pad(t, width[c] - width_of(cell) + 2);
            tl_buffer_printf(t->out, "%s", cell);
        }
        tl_buffer_printf(t->out, "%s\n", tl_flat_number(t->report, prefix, "frontier") > 0 && t->n_models > 1 ? " *" : "");
    }
}

static int next_block(const struct table *t, const int *width, int from)
{
    int taken = t->name_width + 2;                   /* with the mark of the frontier */
    for (int c = from; c < TITLES; c++) {
        int more = width[c] ? width[c] + 2 : 0;
        if (taken + more > COLUMNS && taken > t->name_width + 2)
            return c;
        taken += more;
    }
    return TITLES;
}

static void put_reference(const struct table *t)
{
    const struct tl_flat *r = t->report;
    char cell[CELL], amount[TL_AMOUNT_BYTES];
    if (!tl_flat_has(r, "reference.", "model"))
        return;
    tl_buffer_printf(t->out, "reference: %s", tl_flat_text(r, "reference.", "model"));
    if (tl_flat_has(r, "reference.", "perplexity")) {
        put_with_error(cell, tl_flat_number(r, "reference.", "perplexity"), tl_flat_number(r, "reference.", "perplexity_se"));
        tl_buffer_printf(t->out, ", perplexity %s; %s of records, %s", cell, tl_amount_of_bytes(tl_flat_number(r, "reference.", "bytes"), amount),
                         tl_flat_number(r, "reference.", "stored") > 0 ? "stored before" : "swept now");
    }
    tl_buffer_printf(t->out, "\n");
}

void tl_eval_report_table(const struct tl_flat *report, struct tl_buffer *out)
{
    struct table t = {.report = report, .out = out, .name_width = LEAST_NAME};
    int width[TITLES];
    char prefix[PREFIX];
    for (prefix_of(0, prefix); tl_flat_has(report, prefix, "bytes"); prefix_of(t.n_models, prefix)) {
        int n = (int)strlen(name_of(&t, t.n_models++));
        t.name_width = n > t.name_width ? n < MOST_NAME ? n : MOST_NAME : t.name_width;
    }
    for (int c = 0; c < TITLES; c++)
        width[c] = is_wanted(&t, &columns[c]) ? column_width(&t, &columns[c]) : 0;
    for (int from = 0, to; from < TITLES; from = to) {
        to = next_block(&t, width, from);
        if (from)
            tl_buffer_printf(out, "\n");
        put_block(&t, width, from, to);
    }
    put_reference(&t);
    if (tl_flat_text(report, "", "quality")[0] && t.n_models > 1)
        tl_buffer_printf(out, "* on the frontier: no other has a better %s at less %s\n",
                         strcmp(tl_flat_text(report, "", "quality"), "solved") == 0 ? "share of solved tasks" : tl_flat_text(report, "", "quality"),
                         tl_flat_text(report, "", "price"));
}

/* --- groups of prompts -------------------------------------------------------------------------------------------- */

static void put_group(const struct tl_flat *r, const char *model, const char *prefix, struct tl_buffer *out)
{
    static const struct { const char *path, *word; } shares[] = {
        {"loops", "loop"}, {"refusals", "refuse"}, {"changed", "changed"}, {"refusals_gained", "gained"}, {"refusals_lost", "lost"},
    };
    char cell[CELL];
    tl_buffer_printf(out, "%.24s, %.24s (%.0f):", model, tl_flat_text(r, prefix, "tag"), tl_flat_number(r, prefix, "prompts"));
    for (size_t i = 0; i < TL_COUNT(shares); i++) {
        char error[64];
        snprintf(error, sizeof error, "%s_se", shares[i].path);
        if (!tl_flat_has(r, prefix, shares[i].path))
            continue;
        put_share(cell, tl_flat_number(r, prefix, shares[i].path), tl_flat_number(r, prefix, error));
        tl_buffer_printf(out, "%s %s %s %%", i ? "," : "", shares[i].word, cell);
    }
    tl_buffer_printf(out, "\n");
}

void tl_eval_report_groups(const struct tl_flat *report, struct tl_buffer *out)
{
    char model[PREFIX], group[2 * PREFIX];
    uint32_t i = 0;
    for (prefix_of(0, model); tl_flat_has(report, model, "bytes"); prefix_of(++i, model)) {
        uint32_t k = 0;
        for (snprintf(group, sizeof group, "%sgroups.0.", model); tl_flat_has(report, group, "prompts");
             snprintf(group, sizeof group, "%sgroups.%" PRIu32 ".", model, ++k))
            put_group(report, tl_flat_text(report, model, "model"), group, out);
    }
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

static const struct { const char *measure, *words; double scale; const char *unit; } measures[] = {
    {"text", "predicts the text better than", 1, "nats a token"},
    {"kl", "is nearer to the reference than", 1, "nats of KL"},
    {"agreement", "agrees with the reference more often than", 100, "%"},
    {"tasks", "solves more tasks than", 100, "%"},
};

static bool put_pair(const struct tl_flat *r, const char *prefix, struct tl_buffer *out)
{
    const char *better = tl_flat_text(r, prefix, "better"), *a = tl_flat_text(r, prefix, "a"), *b = tl_flat_text(r, prefix, "b");
    size_t m = 0;
    while (m + 1 < TL_COUNT(measures) && strcmp(measures[m].measure, tl_flat_text(r, prefix, "measure")) != 0)
        m++;
    if (!*better || !tl_flat_has(r, prefix, "difference"))
        return false;
    double difference = fabs(tl_flat_number(r, prefix, "difference")) * measures[m].scale;
    tl_buffer_printf(out, "%.30s %s %.30s: %.3g ±%.2g %s, p %.2g\n", better, measures[m].words, strcmp(better, a) == 0 ? b : a, difference,
                     tl_flat_number(r, prefix, "difference_se") * measures[m].scale, measures[m].unit, tl_flat_number(r, prefix, "p"));
    return true;
}

void tl_eval_report_pairs(const struct tl_flat *report, struct tl_buffer *out)
{
    char prefix[PREFIX];
    uint32_t n = 0, told = 0, alike = 0;
    for (snprintf(prefix, PREFIX, "pairs.0."); tl_flat_has(report, prefix, "measure"); snprintf(prefix, PREFIX, "pairs.%" PRIu32 ".", ++n)) {
        if (told < MOST_PAIRS && put_pair(report, prefix, out))
            told++;
        alike += !*tl_flat_text(report, prefix, "better");
    }
    if (alike)
        tl_buffer_printf(out, "%" PRIu32 " of %" PRIu32 " comparisons of two models show no difference beyond two standard errors\n", alike, n);
    if (n - alike > told)
        tl_buffer_printf(out, "%" PRIu32 " more differences: --json\n", n - alike - told);
}
