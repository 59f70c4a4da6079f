/* SPDX-License-Identifier: MIT */
/* Plans side by side: a column each, as many as fit in 100 columns, then the next ones below. */
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/command.h"
#include "cli/plan_report.h"

enum { LABEL = 22, LEAST_WIDTH = 15, MOST_WIDTH = 26, COLUMNS = 99, ACROSS = (COLUMNS - LABEL) / LEAST_WIDTH, CELL = 64 };

struct column { const struct tl_flat *plans; char prefix[24]; };

static double number(const struct column *c, const char *path) { return tl_flat_number(c->plans, c->prefix, path); }
static const char *text(const struct column *c, const char *path) { return tl_flat_text(c->plans, c->prefix, path); }

/* How a value becomes a cell. */
enum kind { HELD, TEXT, COUNT, BYTES, NUMBER, SECONDS, GRAMS, RATE, SHARE };

static const struct row { const char *label, *path; enum kind kind; } rows[] = {
    {"format", "format", TEXT},
    {"licence", "licence", TEXT},
    {"machine", "machine.name", TEXT},
    {"", NULL, TEXT},
    {"parameters", "parameters", COUNT},
    {"  used for a token", "active_parameters", COUNT},
    {"weights", "weight_bytes", BYTES},
    {"context, a token", "kv_bytes_per_token", BYTES},
    {"", NULL, TEXT},
    {"memory, budget", "budget_bytes", BYTES},
    {"  peak", "peak_bytes", BYTES},
    {"weights in memory", "held", HELD},
    {"  all of them with", "all_resident_bytes", BYTES},
    {"  context", "context", COUNT},
    {"  experts found", "expected_hits", SHARE},
    {"  read for a token", "read_bytes_per_token", BYTES},
    {"", NULL, TEXT},
    {"answer, tokens/s", "decode_tokens_per_s", NUMBER},
    {"  at least", "speed.decode.low_tokens_per_s", NUMBER},
    {"  at most", "speed.decode.high_tokens_per_s", NUMBER},
    {"  limited by", "bound.decode", TEXT},
    {"prompt, tokens/s", "prefill_tokens_per_s", NUMBER},
    {"  limited by", "bound.prefill", TEXT},
    {"long text, tokens/s", "score_tokens_per_s", NUMBER},
    {"  limited by", "bound.score", TEXT},
    {"batch, tokens/s", "batch_tokens_per_s", NUMBER},
    {"  limited by", "bound.batch", TEXT},
    {"a request takes", "request.seconds", SECONDS},
    {"", NULL, TEXT},
    {"answer, J a token", "speed.decode.joules_per_token", NUMBER},
    {"  a million: money", "speed.decode.price_per_million_tokens", NUMBER},
    {"  a million: CO2", "speed.decode.grams_per_million_tokens", GRAMS},
    {"long text, J a token", "speed.score.joules_per_token", NUMBER},
    {"  a million: money", "speed.score.price_per_million_tokens", NUMBER},
};

static const char *held(const char *word)
{
    return strcmp(word, "resident") == 0 ? "all" : strcmp(word, "streamed") == 0 ? "a part" : "not experts";
}

static void put_cell(const struct column *c, const struct row *row, char *cell)
{
    char amount[TL_AMOUNT_BYTES] = "-";
    const char *value = amount;
    double v = number(c, row->path);
    if (!tl_flat_has(c->plans, c->prefix, row->path)) {
        snprintf(cell, CELL, "-");
        return;
    }
    switch (row->kind) {
    case HELD: value = held(text(c, row->path)); break;
    case TEXT: value = text(c, row->path); break;
    case COUNT: tl_amount_of_count(v, amount); break;
    case BYTES: tl_amount_of_bytes(v, amount); break;
    case NUMBER: tl_amount_of_number(v, amount); break;
    case SECONDS: tl_amount_of_seconds(v, amount); break;
    case GRAMS: tl_amount_of_grams(v, amount); break;
    case RATE: tl_amount_of_rate(v, amount); break;
    case SHARE: snprintf(amount, sizeof amount, "%.0f %%", 100 * v); break;
    }
    snprintf(cell, CELL, "%s", value);
}

/* A row that says the same, or nothing, everywhere is left out. */
static bool worth_it(const struct column *columns, uint64_t n, const struct row *row)
{
    char first[CELL], cell[CELL];
    bool common = row->kind == TEXT && (strcmp(row->path, "format") == 0 || strcmp(row->path, "machine.name") == 0);
    bool any = false, differs = !common;
    for (uint64_t i = 0; i < n; i++) {
        put_cell(&columns[i], row, cell);
        any = any || strcmp(cell, "-") != 0;
        if (i == 0)
            memcpy(first, cell, sizeof first);
        differs = differs || strcmp(first, cell) != 0;
    }
    return any && differs;
}

static void put_padded(struct tl_buffer *out, const char *cell, int width)
{
    int n = (int)strlen(cell);
    if (n > width - 1)
        tl_buffer_printf(out, " %.*s~", width - 2, cell);
    else
        tl_buffer_printf(out, "%*s%s", width - n, "", cell);
}

static void compare(const struct column *columns, uint64_t n, struct tl_buffer *out)
{
    bool gap = false;
    int width = (COLUMNS - LABEL) / (int)n;
    width = width > MOST_WIDTH ? MOST_WIDTH : width;
    tl_buffer_printf(out, "%-*s", LABEL, "");
    for (uint64_t i = 0; i < n; i++) {
        char name[CELL];
        snprintf(name, sizeof name, "%s", text(&columns[i], "model"));
        char *slash = strrchr(name, '/'), *end = strstr(name, ".gguf");
        if (end && !end[5])
            *end = 0;
        put_padded(out, slash && slash[1] ? slash + 1 : name, width);
    }
    tl_buffer_printf(out, "\n");
    for (size_t k = 0; k < TL_COUNT(rows); k++) {
        if (!rows[k].path || !worth_it(columns, n, &rows[k])) {
            gap = gap || !rows[k].path;
            continue;
        }
        tl_buffer_printf(out, "%s%-*s", gap ? "\n" : "", LABEL, rows[k].label);
        gap = false;
        for (uint64_t i = 0; i < n; i++) {
            char cell[CELL];
            put_cell(&columns[i], &rows[k], cell);
            put_padded(out, cell, width);
        }
        tl_buffer_printf(out, "\n");
    }
}

void tl_plan_compare(const struct tl_flat *plans, uint64_t n_plans, struct tl_buffer *out)
{
    for (uint64_t from = 0; from < n_plans; from += ACROSS) {
        struct column columns[ACROSS];
        uint64_t n = n_plans - from < ACROSS ? n_plans - from : ACROSS;
        for (uint64_t i = 0; i < n; i++) {
            columns[i].plans = plans;
            snprintf(columns[i].prefix, sizeof columns[i].prefix, "plans.%u.", (unsigned)(from + i));
        }
        compare(columns, n, out);
        tl_buffer_printf(out, "\n");
    }
    for (uint64_t i = 0; i < n_plans; i++) {
        struct column c = {.plans = plans};
        snprintf(c.prefix, sizeof c.prefix, "plans.%u.", (unsigned)i);
        if (!*text(&c, "error"))
            continue;
        struct tl_buffer why;
        tl_buffer_init(&why, 0);
        tl_buffer_printf(&why, "%s: %s", text(&c, "model"), text(&c, "error"));
        tl_plan_wrap(why.data ? why.data : "", 0, out);
        tl_buffer_done(&why);
    }
}
