/* SPDX-License-Identifier: MIT */
/* What the ledger says of the runs in it: totals, groups, single runs, and how far predictions were off. The SQL is put
 * together from the rows of totals.def, groups.def and quantities.def alone; nothing of a question but numbers gets into it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/option.h"
#include "ledger/database.h"
#include "ledger/ledger.h"

static const struct { const char *name, *sql; } totals[] = {
#define TOTAL(name, unit, sql, meaning) {name, sql},
#include "ledger/totals.def"
#undef TOTAL
};

static const struct group { const char *name, *label, *order; } groups[] = {
#define GROUP(name, label, order) {name, label, order},
#include "ledger/groups.def"
#undef GROUP
};

static const struct quantity { const char *name, *unit, *predicted, *measured, *where; } quantities[] = {
#define QUANTITY(name, unit, predicted, measured, where) {name, unit, predicted, measured, where},
#include "ledger/quantities.def"
#undef QUANTITY
};

enum { N_TOTALS = TL_COUNT(totals), N_GROUPS = TL_COUNT(groups),
       N_QUANTITIES = TL_COUNT(quantities) };
static const double near = 0.1;

struct report {
    sqlite3 *database;                   /* NULL: there are no runs */
    const char *path;
    const char *runs;                    /* SQL: the runs that are asked for, with all columns */
    const struct tl_ledger_question *question;
    struct tl_buffer *json;
};

/* --- rows as JSON ----------------------------------------------------------------------------------------------------- */

static void write_number(double number, struct tl_buffer *json)
{
    if (!isfinite(number))
        tl_buffer_printf(json, "null");
    else if (number == floor(number) && fabs(number) < 0x1p53)
        tl_buffer_printf(json, "%.0f", number);
    else
        tl_buffer_printf(json, "%.9g", number);
}

static void write_value(sqlite3_stmt *statement, int column, struct tl_buffer *json)
{
    const char *text;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        tl_buffer_printf(json, "%" PRId64, (int64_t)sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        write_number(sqlite3_column_double(statement, column), json);
        break;
    case SQLITE_TEXT:
        text = (const char *)sqlite3_column_text(statement, column);
        tl_buffer_json_string(json, text ? text : "", text ? (size_t)sqlite3_column_bytes(statement, column) : 0);
        break;
    default:
        tl_buffer_printf(json, "null");
    }
}

static void write_row(sqlite3_stmt *statement, struct tl_buffer *json)
{
    int n = sqlite3_column_count(statement);
    for (int i = 0; i < n; i++) {
        tl_buffer_printf(json, i ? ",\"%s\":" : "{\"%s\":", sqlite3_column_name(statement, i));
        write_value(statement, i, json);
    }
    tl_buffer_printf(json, "}");
}

/* --- queries ---------------------------------------------------------------------------------------------------------- */

static int prepare(const struct report *r, const struct tl_buffer *sql, sqlite3_stmt **ret_statement)
{
    if (sql->status < 0)
        return sql->status;
    int code = sqlite3_prepare_v2(r->database, sql->data, -1, ret_statement, NULL);
    return code == SQLITE_OK ? 0 : tl_database_fail(r->database, r->path, code);
}

/* 1: a row is there; 0: there are no more. */
static int step(const struct report *r, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : tl_database_fail(r->database, r->path, code);
}

/* The rows of a query with commas between them. */
static int write_rows(const struct report *r, const struct tl_buffer *sql)
{
    sqlite3_stmt *statement = NULL;
    int status = prepare(r, sql, &statement);
    for (int n = 0; status >= 0 && (status = step(r, statement)) > 0; n++) {
        tl_buffer_append(r->json, ",\n  ", n ? 4 : 0);
        write_row(statement, r->json);
    }
    sqlite3_finalize(statement);
    return status;
}

static void write_totals(struct tl_buffer *sql)
{
    for (int i = 0; i < N_TOTALS; i++)
        tl_buffer_printf(sql, "%s%s AS %s", i ? ", " : "", totals[i].sql, totals[i].name);
}

static int report_totals(const struct report *r)
{
    struct tl_buffer sql;
    tl_buffer_init(&sql, 0);
    tl_buffer_printf(&sql, "SELECT ");
    write_totals(&sql);
    tl_buffer_printf(&sql, " FROM %s", r->runs);
    tl_buffer_printf(r->json, ",\n \"totals\":");
    int status = write_rows(r, &sql);
    tl_buffer_done(&sql);
    return status;
}

static int report_group(const struct report *r, const struct group *group)
{
    struct tl_buffer sql;
    tl_buffer_init(&sql, 0);
    tl_buffer_printf(&sql, "SELECT label AS %s, ", group->name);
    write_totals(&sql);
    tl_buffer_printf(&sql, " FROM (SELECT *, %s AS label FROM %s) GROUP BY label ORDER BY %s", group->label, r->runs, group->order);
    tl_buffer_printf(r->json, ",\n \"by_%s\":[", group->name);
    int status = write_rows(r, &sql);
    tl_buffer_printf(r->json, "]");
    tl_buffer_done(&sql);
    return status;
}

/* In the order in which they were recorded, whatever the clock said. */
static int report_runs(const struct report *r)
{
    struct tl_buffer sql;
    tl_buffer_init(&sql, 0);
    tl_buffer_printf(&sql, "SELECT * FROM (SELECT * FROM %s ORDER BY id DESC LIMIT %" PRIu64 ") ORDER BY id", r->runs,
                     r->question->last < INT64_MAX ? r->question->last : (uint64_t)INT64_MAX);
    tl_buffer_printf(r->json, ",\n \"rows\":[");
    int status = write_rows(r, &sql);
    tl_buffer_printf(r->json, "]");
    tl_buffer_done(&sql);
    return status;
}

/* --- predictions ------------------------------------------------------------------------------------------------------ */

struct errors { double *error; uint64_t n, cap; };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint64_t n)
{
    qsort(values, n, sizeof(*values), compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static int gather(const struct report *r, const struct quantity *quantity, struct errors *e)
{
    sqlite3_stmt *statement = NULL;
    struct tl_buffer sql;
    tl_buffer_init(&sql, 0);
    tl_buffer_printf(&sql, "SELECT p / m - 1 FROM (SELECT 1.0 * (%s) AS p, 1.0 * (%s) AS m FROM %s WHERE status = 'done' AND %s)"
                     " WHERE p > 0 AND m > 0", quantity->predicted, quantity->measured, r->runs, quantity->where);
    int status = prepare(r, &sql, &statement);
    while (status >= 0 && (status = step(r, statement)) > 0) {
        double error = sqlite3_column_double(statement, 0);
        status = isfinite(error) ? tl_grow((void **)&e->error, e->n, &e->cap, sizeof(*e->error)) : 1;
        if (status == 0)
            e->error[e->n++] = error;
    }
    sqlite3_finalize(statement);
    tl_buffer_done(&sql);
    return status;
}

static void write_error(struct tl_buffer *json, const char *name, double error)
{
    tl_buffer_printf(json, ",\"%s\":%.6g", name, error);
}

/* Errors are predicted / measured - 1: above 0, more was predicted than came. */
static void write_errors(struct errors *e, struct tl_buffer *json)
{
    double worst = 0;
    uint64_t n_near = 0;
    for (uint64_t i = 0; i < e->n; i++) {
        worst = fabs(e->error[i]) > fabs(worst) ? e->error[i] : worst;
        n_near += fabs(e->error[i]) <= near;
    }
    write_error(json, "median_error", median(e->error, e->n));
    write_error(json, "least_error", e->error[0]);               /* sorted by now */
    write_error(json, "most_error", e->error[e->n - 1]);
    write_error(json, "worst_error", worst);
    write_error(json, "within_10_percent", (double)n_near / (double)e->n);
    for (uint64_t i = 0; i < e->n; i++)
        e->error[i] = fabs(e->error[i]);
    write_error(json, "median_absolute_error", median(e->error, e->n));
}

static int report_accuracy(const struct report *r)
{
    int status = 0;
    tl_buffer_printf(r->json, ",\n \"accuracy\":[");
    for (int i = 0; i < N_QUANTITIES && status >= 0; i++) {
        struct errors errors = {0};
        status = r->database ? gather(r, &quantities[i], &errors) : 0;
        tl_buffer_printf(r->json, "%s{\"quantity\":\"%s\",\"unit\":\"%s\",\"runs\":%" PRIu64, i ? ",\n  " : "", quantities[i].name,
                         quantities[i].unit, errors.n);
        if (status >= 0 && errors.n)
            write_errors(&errors, r->json);
        tl_buffer_printf(r->json, "}");
        tl_free(errors.error);
    }
    tl_buffer_printf(r->json, "]");
    return status;
}

/* --- all of it -------------------------------------------------------------------------------------------------------- */

static bool wanted(const struct tl_ledger_question *question, const struct group *group)
{
    return !question->by || strcmp(question->by, group->name) == 0;
}

static int report_runs_there_are(const struct report *r)
{
    int status = report_totals(r);
    for (int i = 0; i < N_GROUPS && status >= 0; i++)
        if (wanted(r->question, &groups[i]))
            status = report_group(r, &groups[i]);
    if (status >= 0 && r->question->last)
        status = report_runs(r);
    return status;
}

static void report_nothing(const struct report *r)
{
    tl_buffer_printf(r->json, ",\n \"totals\":");
    for (int i = 0; i < N_TOTALS; i++)
        tl_buffer_printf(r->json, "%s\"%s\":0", i ? "," : "{", totals[i].name);
    tl_buffer_printf(r->json, "}");
    for (int i = 0; i < N_GROUPS; i++)
        if (wanted(r->question, &groups[i]))
            tl_buffer_printf(r->json, ",\n \"by_%s\":[]", groups[i].name);
    if (r->question->last)
        tl_buffer_printf(r->json, ",\n \"rows\":[]");
}

/* "(SELECT ... FROM runs ...)": a column that an older trill did not have is unknown in all rows. */
static int find_columns(struct report *r, struct tl_buffer *runs)
{
    sqlite3_stmt *statement = NULL;
    bool has[TL_LEDGER_COLUMNS] = {false};
    struct tl_buffer sql;
    int n = 0;
    tl_buffer_init(&sql, 0);
    tl_buffer_printf(&sql, "SELECT name FROM pragma_table_info('runs')");
    int status = prepare(r, &sql, &statement);
    for (; status >= 0 && (status = step(r, statement)) > 0; n++) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        for (int i = 0; i < TL_LEDGER_COLUMNS && name; i++)
            has[i] |= strcmp(name, tl_ledger_facts[i].name) == 0;
    }
    sqlite3_finalize(statement);
    tl_buffer_done(&sql);
    tl_buffer_printf(runs, "(SELECT id");
    for (int i = 0; i < TL_LEDGER_COLUMNS; i++)
        tl_buffer_printf(runs, has[i] ? ", %s" : ", NULL AS %s", tl_ledger_facts[i].name);
    tl_buffer_printf(runs, " FROM runs");
    if (r->question->since != INT64_MIN)
        tl_buffer_printf(runs, " WHERE time >= %" PRId64, r->question->since);
    tl_buffer_printf(runs, ")");
    return status < 0 ? status : runs->status < 0 ? runs->status : n;
}

static int report(struct report *r)
{
    struct tl_buffer runs;
    tl_buffer_init(&runs, 0);
    int status = r->database ? find_columns(r, &runs) : 0;
    r->runs = runs.data;
    if (status == 0) {                   /* no table: nothing was recorded yet */
        tl_database_close(r->database);
        r->database = NULL;
    }
    tl_buffer_printf(r->json, "{\"ledger\":");
    tl_buffer_json_string(r->json, r->path, strlen(r->path));
    if (r->question->since != INT64_MIN)
        tl_buffer_printf(r->json, ",\"since\":%" PRId64, r->question->since);
    if (status > 0)
        status = report_runs_there_are(r);
    else if (status == 0)
        report_nothing(r);
    if (status >= 0 && r->question->accuracy)
        status = report_accuracy(r);
    tl_buffer_printf(r->json, "}\n");
    tl_buffer_done(&runs);
    return status < 0 ? status : r->json->status;
}

static int attempt(const char *path, const struct tl_ledger_question *question, struct tl_buffer *json)
{
    struct report r = {.path = path, .question = question, .json = json};
    tl_buffer_clear(json);
    int status = tl_file_exists(path) ? tl_database_open(path, TL_DATABASE_READ, &r.database) : 0;
    if (status >= 0)
        status = report(&r);
    tl_database_close(r.database);
    return status;
}

static int check(const struct tl_ledger_question *question)
{
    const char *names[N_GROUPS];
    for (int i = 0; i < N_GROUPS; i++) {
        names[i] = groups[i].name;
        if (wanted(question, &groups[i]))
            return 0;
    }
    const char *nearest = tl_option_nearest(question->by, names, N_GROUPS);
    return tl_fail(TL_E_USAGE, "by: found \"%.40s\", expected day, model or command%s%s", question->by, nearest ? "; nearest is " : "",
                   nearest ? nearest : "");
}

int tl_ledger_report(const char *path, const struct tl_ledger_question *question, struct tl_buffer *json, struct tl_buffer *ret_notice)
{
    int status = check(question);
    if (status >= 0)
        status = attempt(path, question, json);
    if (status != TL_E_FILE)
        return status;
    int lock = tl_database_lock(path, true);
    status = attempt(path, question, json);                      /* a run may have been here meanwhile */
    if (status == TL_E_FILE && (status = tl_database_set_aside(path, ret_notice)) >= 0)
        status = attempt(path, question, json);
    tl_database_unlock(lock);
    return status;
}
