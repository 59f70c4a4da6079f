/* SPDX-License-Identifier: MIT */
/* Reads the report by the names of its members; what it does not know it passes over. */
#include "cli/ledger_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/utf8.h"

enum { LABEL_COLUMNS = 24 };

static const char *const names[TL_FIGURES] = {
    [TL_FIGURE_RUNS] = "runs", [TL_FIGURE_UNFINISHED] = "unfinished", [TL_FIGURE_PROMPT] = "prompt_tokens",
    [TL_FIGURE_GENERATED] = "generated_tokens", [TL_FIGURE_SCORED] = "scored_tokens", [TL_FIGURE_TRAINED] = "trained_tokens", [TL_FIGURE_TOKENS] = "computed_tokens",
    [TL_FIGURE_SECONDS] = "seconds", [TL_FIGURE_BUSY] = "busy_s", [TL_FIGURE_DRIVE] = "drive_bytes", [TL_FIGURE_JOULES] = "joules",
    [TL_FIGURE_MEASURED] = "measured_joules", [TL_FIGURE_MONEY] = "money", [TL_FIGURE_CARBON] = "carbon_g", [TL_FIGURE_FIRST] = "first_time",
};

/* --- reading ---------------------------------------------------------------------------------------------------------- */

/* Printable, and cut to the room there is: names come from outside. */
static void copy_text(char *to, size_t room, const struct tl_buffer *from)
{
    size_t n = 0;
    for (size_t i = 0; i < from->len && n < room - 1; i++)
        to[n++] = (unsigned char)from->data[i] < 0x20 || from->data[i] == 0x7F ? ' ' : from->data[i];
    if (n < from->len)
        n -= tl_utf8_unfinished(to, n);
    to[n] = 0;
}

/* The next value, if it is a number; 0 where it is none. */
static int read_number(struct tl_json *json, double *ret)
{
    int r = tl_json_next(json);
    *ret = 0;
    if (r == TL_JSON_NUMBER)
        tl_parse_f64(json->raw, json->raw_bytes, ret);
    return r == TL_JSON_OBJECT || r == TL_JSON_ARRAY ? tl_json_skip(json) : r;
}

static int read_label(struct tl_json *json, struct tl_ledger_entry *entry)
{
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING)
        copy_text(entry->label, sizeof entry->label, &json->string);
    return r == TL_JSON_OBJECT || r == TL_JSON_ARRAY ? tl_json_skip(json) : r;
}

/* Behind the object's beginning. group: the member that is its label, or NULL. */
static int read_entry(struct tl_json *json, const char *group, struct tl_ledger_entry *entry)
{
    int r = 0;
    snprintf(entry->label, sizeof entry->label, "-");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        int figure = 0;
        while (figure < TL_FIGURES && !tl_json_is(json, names[figure]))
            figure++;
        if (group && tl_json_is(json, group))
            r = read_label(json, entry);
        else
            r = figure < TL_FIGURES ? read_number(json, &entry->figure[figure]) : tl_json_skip(json);
    }
    return r;
}

static int read_group(struct tl_json *json, const char *name, struct tl_ledger_view *view)
{
    struct tl_ledger_group *group = &view->groups[view->n_groups];
    if (view->n_groups == TL_LEDGER_BY)
        return tl_json_skip(json);
    view->n_groups++;
    snprintf(group->name, sizeof group->name, "%.15s", name);
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT) {
        r = tl_grow((void **)&group->entries, group->n, &group->cap, sizeof *group->entries);
        if (r >= 0) {
            memset(&group->entries[group->n], 0, sizeof *group->entries);
            r = read_entry(json, group->name, &group->entries[group->n++]);
        }
    }
    return r;
}

static int read_quantity(struct tl_json *json, struct tl_ledger_quantity *q)
{
    const struct { const char *name; double *value; } numbers[] = {
        {"runs", &q->runs}, {"median_error", &q->median}, {"median_absolute_error", &q->median_absolute}, {"least_error", &q->least},
        {"most_error", &q->most}, {"within_10_percent", &q->near},
    };
    int r = 0;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        double *value = NULL;
        char *text = tl_json_is(json, "quantity") ? q->name : tl_json_is(json, "unit") ? q->unit : NULL;
        size_t room = text == q->name ? sizeof q->name : sizeof q->unit;
        for (size_t i = 0; i < TL_COUNT(numbers); i++)
            value = tl_json_is(json, numbers[i].name) ? numbers[i].value : value;
        r = value ? read_number(json, value) : text ? tl_json_next(json) : tl_json_skip(json);
        if (text && r == TL_JSON_STRING)
            copy_text(text, room, &json->string);
    }
    return r;
}

static int read_accuracy(struct tl_json *json, struct tl_ledger_view *view)
{
    int r = tl_json_next(json);
    view->has_accuracy = true;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT)
        r = view->n_quantities < TL_LEDGER_QUANTITIES ? read_quantity(json, &view->quantities[view->n_quantities++]) : tl_json_skip(json);
    return r;
}

static int read_member(struct tl_json *json, struct tl_ledger_view *view)
{
    char name[16];
    if (tl_json_is(json, "recording"))
        return tl_json_bool(json, &view->recording);
    if (tl_json_is(json, "accuracy"))
        return read_accuracy(json, view);
    if (tl_json_is(json, "totals")) {
        int r = tl_json_next(json);
        return r == TL_JSON_OBJECT ? read_entry(json, NULL, &view->totals) : r;
    }
    if (json->string.len <= 3 || memcmp(json->string.data, "by_", 3) != 0)
        return tl_json_skip(json);
    snprintf(name, sizeof name, "%.15s", json->string.data + 3);
    return read_group(json, name, view);
}

int tl_ledger_view_read(const char *report, struct tl_ledger_view *view)
{
    struct tl_json json;
    *view = (struct tl_ledger_view){0};
    tl_json_init(&json, "the report", report, strlen(report));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = read_member(&json, view);
    tl_json_done(&json);
    return r < 0 ? r : 0;
}

void tl_ledger_view_done(struct tl_ledger_view *view)
{
    for (size_t i = 0; i < view->n_groups; i++)
        tl_free(view->groups[i].entries);
    view->n_groups = 0;
}

/* --- numbers for people ----------------------------------------------------------------------------------------------- */

/* Three digits and a prefix: "12.3 GB", "4.05 mg". */
static const char *scaled(double value, const char *unit, char *text, size_t room)
{
    static const char *const prefixes[] = {"u", "m", "", "k", "M", "G", "T", "P"};
    size_t i = 2;
    for (; fabs(value) >= 999.5 && i + 1 < TL_COUNT(prefixes); i++)
        value /= 1000;
    for (; value != 0 && fabs(value) < 0.995 && i > 0; i--)
        value *= 1000;
    snprintf(text, room, i != 2 || value != floor(value) ? "%.3g %s%s" : "%.0f %s%s", value, prefixes[i], unit);
    size_t n = strlen(text);
    text[n - (n && text[n - 1] == ' ')] = 0;
    return text;
}

static const char *span(double seconds, char *text, size_t room)
{
    uint64_t s = seconds > 0 && seconds < 1e15 ? (uint64_t)seconds : 0;
    if (s < 60)
        snprintf(text, room, "%.1f s", seconds);
    else if (s < 6000)
        snprintf(text, room, "%" PRIu64 ":%02" PRIu64 " min", s / 60, s % 60);
    else
        snprintf(text, room, "%" PRIu64 ":%02" PRIu64 " h", s / 3600, s / 60 % 60);
    return text;
}

/* --- tables ----------------------------------------------------------------------------------------------------------- */

static void print_entry(const struct tl_ledger_entry *e, const char *label, struct tl_buffer *out)
{
    char tokens[32], time[32], drive[32], energy[32], carbon[32];
    const double *f = e->figure;
    int bytes = 0, columns = 0;          /* characters of UTF-8 have one first byte each */
    for (; label[bytes] && columns < LABEL_COLUMNS; columns++)
        do
            bytes++;
        while (((unsigned char)label[bytes] & 0xC0) == 0x80);
    tl_buffer_printf(out, "| %.*s%*s | %5.0f | %6s | %9s | %7s | %8s | %9.4g | %7s |\n", bytes, label, LABEL_COLUMNS - columns, "", f[TL_FIGURE_RUNS],
                     scaled(f[TL_FIGURE_TOKENS] + f[TL_FIGURE_TRAINED], "", tokens, sizeof tokens), span(f[TL_FIGURE_BUSY], time, sizeof time),
                     scaled(f[TL_FIGURE_DRIVE], "B", drive, sizeof drive), scaled(f[TL_FIGURE_JOULES] / 3600, "Wh", energy, sizeof energy),
                     f[TL_FIGURE_MONEY], scaled(f[TL_FIGURE_CARBON], "g", carbon, sizeof carbon));
}

static void print_group(const struct tl_ledger_view *view, const struct tl_ledger_group *group, uint64_t most, struct tl_buffer *out)
{
    bool days = strcmp(group->name, "day") == 0;
    uint64_t from = days && most && group->n > most ? group->n - most : 0;
    char label[LABEL_COLUMNS + 1];
    snprintf(label, sizeof label, "by %s", group->name);
    tl_buffer_printf(out, "\n| %-*s |  runs | tokens |      busy |   drive |   energy |     money |    CO2e |\n", LABEL_COLUMNS, label);
    tl_buffer_printf(out, "| :----------------------- | ----: | -----: | --------: | ------: | -------: | --------: | ------: |\n");
    if (from)
        tl_buffer_printf(out, "| %-*s |       |        |           |         |          |           |         |\n", LABEL_COLUMNS, "... (--by day: all)");
    for (uint64_t i = from; i < group->n; i++)
        print_entry(&group->entries[i], group->entries[i].label, out);
    if (group->n > 1)
        print_entry(&view->totals, "all", out);
}

/* "+4.2 %" */
static const char *percent(double error, char *text, size_t room)
{
    snprintf(text, room, fabs(error) < 9.995 ? "%+.1f %%" : "%+.0f %%", 100 * error);
    return text;
}

static void print_accuracy(const struct tl_ledger_view *view, struct tl_buffer *out)
{
    tl_buffer_printf(out, "\nWhat plans said against what was measured, over runs: + is more than came, - is less.\n\n"
                          "| quantity               | runs | median error | median size | least ... most         | within 10 %% |\n"
                          "| :--------------------- | ---: | -----------: | ----------: | :--------------------- | ----------: |\n");
    for (size_t i = 0; i < view->n_quantities; i++) {
        const struct tl_ledger_quantity *q = &view->quantities[i];
        char median[32], size[32], least[32], most[32], range[72];
        if (!q->runs) {
            tl_buffer_printf(out, "| %-22.22s | %4.0f |              |             |                        |             |\n", q->name, q->runs);
            continue;
        }
        snprintf(range, sizeof range, "%s ... %s", percent(q->least, least, sizeof least), percent(q->most, most, sizeof most));
        percent(q->median_absolute, size, sizeof size);
        tl_buffer_printf(out, "| %-22.22s | %4.0f | %12s | %11s | %-22s | %9.0f %% |\n", q->name, q->runs,
                         percent(q->median, median, sizeof median), size + (*size == '+'), range, 100 * q->near);
    }
}

static void print_sources(const struct tl_ledger_view *view, struct tl_buffer *out)
{
    const double *f = view->totals.figure;
    double share = f[TL_FIGURE_JOULES] > 0 ? f[TL_FIGURE_MEASURED] / f[TL_FIGURE_JOULES] : 0;
    if (share >= 0.995)
        tl_buffer_printf(out, "\nEnergy: as the meters of processors and memory counted.");
    else if (share < 0.005)
        tl_buffer_printf(out, "\nEnergy: estimated, the machine's watts times busy seconds.");
    else
        tl_buffer_printf(out, "\nEnergy: %.0f %% of it metered, the rest estimated: the machine's watts times busy seconds.", 100 * share);
    tl_buffer_printf(out, " Money: at the prices of each run's time.\n");
}

void tl_ledger_view_print(const struct tl_ledger_view *view, uint64_t most, struct tl_buffer *out)
{
    const double *f = view->totals.figure;
    if (!view->recording)
        tl_buffer_printf(out, "Nothing is recorded: trill ledger --on begins again.\n");
    if (f[TL_FIGURE_RUNS] < 1) {
        tl_buffer_printf(out, "No runs yet.\n");
        return;
    }
    tl_buffer_printf(out, "%.0f run%s", f[TL_FIGURE_RUNS], f[TL_FIGURE_RUNS] > 1 ? "s" : "");
    if (f[TL_FIGURE_UNFINISHED] > 0)
        tl_buffer_printf(out, ", %.0f of them not finished", f[TL_FIGURE_UNFINISHED]);
    tl_buffer_printf(out, "; tokens: %.0f of prompts, %.0f of answers, %.0f scored, %.0f learnt\n", f[TL_FIGURE_PROMPT], f[TL_FIGURE_GENERATED],
                     f[TL_FIGURE_SCORED], f[TL_FIGURE_TRAINED]);
    if (view->has_accuracy) {
        print_accuracy(view, out);
        return;
    }
    for (size_t i = 0; i < view->n_groups; i++)
        print_group(view, &view->groups[i], most, out);
    print_sources(view, out);
}
