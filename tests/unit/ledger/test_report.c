/* SPDX-License-Identifier: MIT */
/* Looking back: sums, groups, spans of time, errors of predictions; always one JSON document, whatever is in the database and
 * whatever the clock said. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/error.h"
#include "base/json.h"
#include "base/parse.h"
#include "ledger/database.h"
#include "ledger/ledger.h"
#include "folder.h"

static char path[128];
static struct tl_buffer notice, json;
static const struct tl_ledger_question everything = {.since = INT64_MIN, .last = 1000, .accuracy = true};

static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    if (make_folder(state) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/ledger.db", folder);
    tl_buffer_init(&notice, 0);
    tl_buffer_init(&json, 0);
    return 0;
}

static int tear_down(void **state)
{
    tl_buffer_done(&notice);
    tl_buffer_done(&json);
    return remove_folder(state);
}

static void add(int64_t time, const char *command, const char *model, double seconds)
{
    struct tl_ledger_row row = {0};
    row.value[TL_LEDGER_TIME] = (struct tl_ledger_value){.known = true, .count = time};
    tl_ledger_set_text(&row, TL_LEDGER_COMMAND, command);
    tl_ledger_set_text(&row, TL_LEDGER_STATUS, "done");
    tl_ledger_set_text(&row, TL_LEDGER_MODEL, model);
    tl_ledger_set_real(&row, TL_LEDGER_SECONDS, seconds);
    tl_ledger_set_count(&row, TL_LEDGER_PROMPT, 10);
    tl_ledger_set_count(&row, TL_LEDGER_TRAINED, 7);
    if (tl_ledger_record(path, &row, &notice) < 0)
        fail_msg("%s", tl_error_text());
}

static void ask(const struct tl_ledger_question *question)
{
    if (tl_ledger_report(path, question, &json, &notice) < 0)
        fail_msg("%s", tl_error_text());
}

/* Reads all of the document; the number of values in it. */
static int walk(const struct tl_buffer *text)
{
    struct tl_json reader;
    int n = 0, event;
    tl_json_init(&reader, "report", text->data, text->len);
    while ((event = tl_json_next(&reader)) != TL_JSON_END) {
        if (event < 0)
            fail_msg("%s in %s", tl_error_text(), text->data);
        n++;
    }
    tl_json_done(&reader);
    return n;
}

static void expect(const char *words)
{
    walk(&json);
    if (!strstr(json.data, words))
        fail_msg("no %s in %s", words, json.data);
}

/* The number behind "name": after `from`; NAN: there is none. */
static double number(const char *from, const char *name)
{
    char key[64];
    double value;
    const char *at = strstr(json.data, from);
    snprintf(key, sizeof key, "\"%s\":", name);
    at = at ? strstr(at, key) : NULL;
    if (!at)
        return NAN;
    at += strlen(key);
    return tl_parse_f64(at, strspn(at, "-+.0123456789e"), &value) ? value : NAN;
}

static const int64_t noon = 1763812800;          /* 2025-11-22 12:00 UTC */
enum { DAY = 86400 };

/* --- sums --------------------------------------------------------------------------------------------------------------- */

static void test_nothing(void **state)
{
    (void)state;
    ask(&everything);
    expect("\"totals\":{\"runs\":0,");
    expect("\"by_day\":[],");
    expect("\"rows\":[]");
    expect("\"quantity\":\"peak_bytes\",\"unit\":\"bytes\",\"runs\":0}");
    sqlite3 *database;                           /* a database without a table */
    assert_int_equal(tl_database_open(path, TL_DATABASE_WRITE, &database), 0);
    tl_database_close(database);
    ask(&everything);
    expect("\"totals\":{\"runs\":0,");
}

static void test_sums(void **state)
{
    struct tl_ledger_question by_model = {.by = "model", .since = INT64_MIN}, since = {.by = "day", .since = noon};
    (void)state;
    add(noon - DAY, "run", "small", 1);
    add(noon, "score", "giant", 100);
    add(noon + 60, "run", "giant", 2.5);
    ask(&everything);
    assert_float_equal(number("totals", "runs"), 3, 0);
    assert_float_equal(number("totals", "seconds"), 103.5, 1e-9);
    assert_float_equal(number("totals", "prompt_tokens"), 30, 0);
    assert_float_equal(number("totals", "trained_tokens"), 21, 0);
    assert_float_equal(number("totals", "first_time"), (double)(noon - DAY), 0);
    assert_float_equal(number("\"day\":\"2025-11-21\"", "runs"), 1, 0);
    assert_float_equal(number("\"day\":\"2025-11-22\"", "runs"), 2, 0);
    assert_float_equal(number("\"command\":\"run\"", "seconds"), 3.5, 1e-9);
    expect("\"by_model\":[{\"model\":\"giant\"");                  /* what took most comes first */
    ask(&by_model);
    expect("\"model\":\"small\",\"runs\":1,");
    assert_null(strstr(json.data, "by_day"));
    assert_null(strstr(json.data, "rows"));
    ask(&since);
    assert_float_equal(number("totals", "runs"), 2, 0);
    assert_null(strstr(json.data, "2025-11-21"));
    assert_int_equal(notice.len, 0);
}

static void test_last(void **state)
{
    struct tl_ledger_question last = {.by = "day", .since = INT64_MIN, .last = 2};
    (void)state;
    add(noon, "run", "first", 1);
    add(noon, "run", "second", 1);
    add(noon, "run", "third", 1);
    ask(&last);
    assert_null(strstr(json.data, "\"model\":\"first\""));
    expect("\"rows\":[{\"id\":2,");
    last.last = UINT64_MAX;
    ask(&last);
    expect("\"rows\":[{\"id\":1,");
    last.by = "modle";
    assert_int_equal(tl_ledger_report(path, &last, &json, &notice), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "nearest is model"));
}

/* Back by decades and forward by centuries: rows stay in the order in which they came, days in that of the calendar. */
static void test_clock_jumps(void **state)
{
    static const int64_t times[] = {1763812800, 0, 1763812801, INT64_C(253402300800), INT64_MAX, -86400, 1763812802};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        add(times[i], "run", "model", 1);
    ask(&everything);
    walk(&json);
    assert_float_equal(number("totals", "runs"), 7, 0);
    assert_float_equal(number("totals", "seconds"), 7, 0);
    assert_float_equal(number("\"day\":\"2025-11-22\"", "runs"), 3, 0);
    assert_float_equal(number("\"day\":\"1970-01-01\"", "runs"), 1, 0);
    const char *at = strstr(json.data, "rows");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[64];
        snprintf(text, sizeof text, "\"id\":%zu,\"time\":%" PRId64 ",", i + 1, times[i]);
        assert_non_null(at = strstr(at, text));
    }
}

/* --- predictions -------------------------------------------------------------------------------------------------------- */

static void add_prediction(double predicted, double measured, const char *status)
{
    struct tl_ledger_row row = {0};
    tl_ledger_set_text(&row, TL_LEDGER_STATUS, status);
    tl_ledger_set_text(&row, TL_LEDGER_COMMAND, "run");
    tl_ledger_set_count(&row, TL_LEDGER_DECODE, 100);
    tl_ledger_set_real(&row, TL_LEDGER_DECODE_S, measured > 0 ? 100 / measured : 0);
    tl_ledger_set_real(&row, TL_LEDGER_WANT_DECODE, predicted);
    assert_int_equal(tl_ledger_record(path, &row, &notice), 0);
}

static void test_accuracy(void **state)
{
    static const char name[] = "\"quantity\":\"decode_tokens_per_s\"";
    (void)state;
    add_prediction(105, 100, "done");
    add_prediction(90, 100, "done");
    add_prediction(130, 100, "done");
    add_prediction(900, 100, "failed");                          /* none of these counts */
    add_prediction(900, 0, "done");
    add_prediction(0, 100, "done");
    add_prediction(NAN, 100, "done");
    ask(&everything);
    walk(&json);
    assert_float_equal(number(name, "runs"), 3, 0);
    assert_float_equal(number(name, "median_error"), 0.05, 1e-6);
    assert_float_equal(number(name, "median_absolute_error"), 0.1, 1e-6);
    assert_float_equal(number(name, "least_error"), -0.1, 1e-6);
    assert_float_equal(number(name, "most_error"), 0.3, 1e-6);
    assert_float_equal(number(name, "worst_error"), 0.3, 1e-6);
    assert_float_equal(number(name, "within_10_percent"), 2.0 / 3, 1e-5);
    add_prediction(80, 100, "done");
    ask(&everything);
    assert_float_equal(number(name, "median_error"), -0.025, 1e-6);
}

/* --- what is in the database --------------------------------------------------------------------------------------------- */

static void make_database(const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(database));
    sqlite3_close(database);
}

static void test_strange_values(void **state)
{
    (void)state;
    make_database("CREATE TABLE runs(id INTEGER PRIMARY KEY, time, model, seconds, prompt_tokens, joules);"
                  "INSERT INTO runs VALUES(1, 'never', CAST(x'22ff0a5c' AS TEXT), 9e999, 'many', -9e999);"
                  "INSERT INTO runs VALUES(2, x'00', x'0102', 'soon', 9223372036854775807, 1e308);"
                  "INSERT INTO runs VALUES(3, NULL, NULL, NULL, 9223372036854775807, 1e308);"
                  "INSERT INTO runs VALUES(4, 1e300, '\", \"x\": [', 1, 1, 1)");
    ask(&everything);
    walk(&json);
    assert_float_equal(number("totals", "runs"), 4, 0);
    assert_true(number("totals", "prompt_tokens") > 1e19);       /* no sum overflows */
    expect("\"seconds\":null");
}

static void test_old_columns(void **state)
{
    (void)state;
    make_database("CREATE TABLE runs(id INTEGER PRIMARY KEY, time INTEGER, model TEXT); INSERT INTO runs VALUES(1, 5, 'old')");
    ask(&everything);
    expect("\"model\":\"old\"");
    expect("\"joules\":null");
    assert_float_equal(number("totals", "joules"), 0, 0);
}

/* A view could do endless work, a trigger anything. */
static void test_views_are_refused(void **state)
{
    (void)state;
    make_database("CREATE VIEW runs(id, time) AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i FROM n");
    assert_int_equal(tl_ledger_report(path, &everything, &json, &notice), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), path));
}

static void test_damaged(void **state)
{
    FILE *file = fopen(path, "w");
    struct stat found;
    char aside[160];
    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 3000; i++)
        fputs("noise", file);
    fclose(file);
    ask(&everything);
    expect("\"totals\":{\"runs\":0,");
    snprintf(aside, sizeof aside, "%s.damaged-1", path);
    assert_int_equal(stat(aside, &found), 0);
    assert_int_equal(found.st_size, 15000);
    assert_non_null(strstr(notice.data, aside));
}

static void forget(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".damaged-1", ".damaged-1-wal", ".damaged-1-shm", ".damaged-2", ".damaged-2-wal", ".damaged-2-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* Bytes of a small ledger wrong, one at a time: a report or a sentence, and JSON in any case. */
static void test_any_damage(void **state)
{
    sqlite3 *database;
    struct stat found;
    (void)state;
    add(noon, "run", "model", 1);
    assert_int_equal(tl_database_open(path, TL_DATABASE_WRITE, &database), 0);
    assert_int_equal(tl_database_run(database, path, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    tl_database_close(database);
    assert_int_equal(stat(path, &found), 0);
    char *good = malloc((size_t)found.st_size);
    FILE *file = fopen(path, "r");
    assert_int_equal(fread(good, 1, (size_t)found.st_size, file), found.st_size);
    fclose(file);
    int step = getenv("TRILL_FAST") ? 509 : 61, good_ones = 0;
    for (long at = 0; at < found.st_size; at += at < 200 ? 1 : step) {
        good[at] ^= 0x5A;
        make_file(path, good, (size_t)found.st_size);
        good[at] ^= 0x5A;
        if (tl_ledger_report(path, &everything, &json, &notice) >= 0)
            good_ones += walk(&json) > 0;
        struct tl_ledger_row row = {0};
        tl_ledger_set_text(&row, TL_LEDGER_COMMAND, "run");
        tl_ledger_record(path, &row, &notice);
        forget();
    }
    assert_true(good_ones > 100);
    free(good);
}

/* --- what the user says -------------------------------------------------------------------------------------------------- */

static void test_wish(void **state)
{
    bool wanted = false;
    const char *file = in_folder("ledger.json");
    static const char *const bad[] = {"", "[]", "{\"record\":1}", "{\"record\":true", "{} x"};
    (void)state;
    assert_int_equal(tl_ledger_wanted(NULL, &wanted), 0);
    assert_true(wanted);
    assert_int_equal(tl_ledger_wanted(folder, &wanted), 0);
    assert_true(wanted);
    assert_int_equal(tl_ledger_want(folder, false), 0);
    assert_int_equal(tl_ledger_wanted(folder, &wanted), 0);
    assert_false(wanted);
    assert_int_equal(tl_ledger_want(folder, true), 0);
    assert_int_equal(tl_ledger_wanted(folder, &wanted), 0);
    assert_true(wanted);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        make_text(file, bad[i]);
        wanted = true;
        if (tl_ledger_wanted(folder, &wanted) >= 0)
            fail_msg("%s was read", bad[i]);
        assert_false(wanted);                    /* who wants none must not get one by mistake */
        assert_non_null(strstr(tl_error_text(), "ledger.json"));
    }
}

static void test_since(void **state)
{
    static const struct { const char *text; int64_t since; } good[] = {
        {"12h", 1000000 - 12 * 3600}, {"7d", 1000000 - 7 * DAY}, {"4w", 1000000 - 28 * DAY}, {"0d", 1000000}, {"2025-11-22", 1763769600},
        {"1970-01-01", 0}, {"2024-02-29", 1709164800},
    };
    static const char *const bad[] = {"", "d", "7", "7y", "-1d", "1.5d", "yesterday", "2025-11-31", "2025-13-01", "2025-1-1", "2025-11-22 ", "0000-01-01",
                                      "2023-02-29", "99999999d", "2025-11-2x"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t since = -1;
        if (tl_ledger_since(good[i].text, 1000000, &since) < 0 || since != good[i].since)
            fail_msg("%s: %" PRId64, good[i].text, since);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t since;
        if (tl_ledger_since(bad[i], 1000000, &since) != TL_E_USAGE)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(tl_error_text(), "expected a date"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing), TEST(test_sums), TEST(test_last), TEST(test_clock_jumps), TEST(test_accuracy), TEST(test_strange_values),
        TEST(test_old_columns), TEST(test_views_are_refused), TEST(test_damaged), TEST(test_any_damage), TEST(test_wish), TEST(test_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
