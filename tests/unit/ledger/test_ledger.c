/* SPDX-License-Identifier: MIT */
/* Recording: every column comes back, old databases get new columns, several writers at once lose nothing, and what is
 * damaged, locked, full or not to be written costs a sentence and at most a moment. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/error.h"
#include "ledger/database.h"
#include "ledger/ledger.h"
#include "folder.h"

static char path[128];
static struct tl_buffer notice;

static int set_up(void **state)
{
    (void)state;
    if (make_folder(state) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/state/trill/ledger.db", folder);
    tl_buffer_init(&notice, 0);
    return 0;
}

static int tear_down(void **state)
{
    tl_buffer_done(&notice);
    return remove_folder(state);
}

static struct tl_ledger_row full_row(uint64_t time)
{
    struct tl_ledger_row row = {0};
    for (int i = 0; i < TL_LEDGER_COLUMNS; i++)
        switch (tl_ledger_facts[i].kind) {
        case TL_LEDGER_KIND_COUNT: tl_ledger_set_count(&row, (enum tl_ledger_column)i, (uint64_t)i + 1000); break;
        case TL_LEDGER_KIND_REAL:  tl_ledger_set_real(&row, (enum tl_ledger_column)i, i + 0.5); break;
        case TL_LEDGER_KIND_TEXT:  tl_ledger_set_text(&row, (enum tl_ledger_column)i, tl_ledger_facts[i].name); break;
        }
    tl_ledger_set_count(&row, TL_LEDGER_TIME, time);
    return row;
}

static void record(uint64_t time)
{
    struct tl_ledger_row row = full_row(time);
    if (tl_ledger_record(path, &row, &notice) < 0)
        fail_msg("%s", tl_error_text());
}

/* The first value of the first row of a query, as text. */
static const char *ask(const char *sql)
{
    static char text[256];
    sqlite3 *database;
    sqlite3_stmt *statement;
    if (tl_database_open(path, TL_DATABASE_READ, &database) < 0)
        fail_msg("%s", tl_error_text());
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    tl_database_close(database);
    return text;
}

/* --- rows ----------------------------------------------------------------------------------------------------------------- */

static void test_every_column(void **state)
{
    (void)state;
    record(1);
    for (int i = 0; i < TL_LEDGER_COLUMNS; i++) {
        char sql[128], expected[64];
        snprintf(sql, sizeof sql, "SELECT %s FROM runs", tl_ledger_facts[i].name);
        if (tl_ledger_facts[i].kind == TL_LEDGER_KIND_TEXT)
            snprintf(expected, sizeof expected, "%s", tl_ledger_facts[i].name);
        else
            snprintf(expected, sizeof expected, tl_ledger_facts[i].kind == TL_LEDGER_KIND_REAL ? "%d.5" : "%d", i == TL_LEDGER_TIME ? 1 : i + (tl_ledger_facts[i].kind == TL_LEDGER_KIND_REAL ? 0 : 1000));
        assert_string_equal(ask(sql), expected);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(tl_ledger_facts[i].name, tl_ledger_facts[k].name);
        assert_true(*tl_ledger_facts[i].meaning);
    }
    assert_int_equal(notice.len, 0);
}

static void test_unknown_stays_unknown(void **state)
{
    struct tl_ledger_row row = {0};
    (void)state;
    tl_ledger_set_real(&row, TL_LEDGER_SECONDS, NAN);
    tl_ledger_set_text(&row, TL_LEDGER_MODEL, NULL);
    tl_ledger_set_count(&row, TL_LEDGER_PROMPT, UINT64_MAX);
    assert_int_equal(tl_ledger_record(path, &row, &notice), 0);
    assert_string_equal(ask("SELECT count(*) FROM runs WHERE seconds IS NULL AND model IS NULL AND time IS NULL"), "1");
    assert_string_equal(ask("SELECT prompt_tokens FROM runs"), "9223372036854775807");
}

static void test_json(void **state)
{
    struct tl_ledger_row row = {0};
    struct tl_buffer json;
    static const char plan[] = "{\"peak_bytes\":12,\"bound\":{\"decode\":\"drive\"},\"decode_tokens_per_s\":2.5,\"model\":3,\"joules_per_token\":null,"
                               "\"score_tokens_per_s\":\"fast\",\"read_bytes_per_token\":[1]}";
    (void)state;
    tl_buffer_init(&json, 0);
    tl_ledger_row_json(&row, &json);
    assert_string_equal(json.data, "{}");
    tl_buffer_clear(&json);
    assert_int_equal(tl_ledger_set_json(&row, "predicted_", plan, strlen(plan)), 0);
    tl_ledger_set_text(&row, TL_LEDGER_MODEL, "a \"model\"");
    tl_ledger_row_json(&row, &json);
    assert_string_equal(json.data, "{\"model\":\"a \\\"model\\\"\",\"predicted_peak_bytes\":12,\"predicted_decode_tokens_per_s\":2.5}");
    assert_true(tl_ledger_set_json(&row, "predicted_", "[1]", 3) < 0);
    assert_true(tl_ledger_set_json(&row, "predicted_", "{\"peak_bytes\":", 14) < 0);
    tl_buffer_done(&json);
}

static void test_price(void **state)
{
    struct tl_machine machine = {.name = "this"};
    struct tl_ledger_row row = {0};
    (void)state;
    machine.value[TL_FACT_WATTS] = 100;
    machine.value[TL_FACT_KWH] = 0.5;
    machine.value[TL_FACT_HOUR] = 2;
    machine.value[TL_FACT_PUE] = 1.5;
    machine.value[TL_FACT_CARBON] = 400;
    tl_ledger_set_real(&row, TL_LEDGER_SECONDS, 1e6);            /* a conversation waits for its user */
    tl_ledger_set_real(&row, TL_LEDGER_BUSY_S, 36);
    tl_ledger_price(&row, &machine, -1);                         /* 3600 J, drawn one and a half times: 0.0015 kWh */
    assert_float_equal(row.value[TL_LEDGER_JOULES].real, 5400, 1e-9);
    assert_float_equal(row.value[TL_LEDGER_WATTS].real, 100, 0);
    assert_string_equal(row.value[TL_LEDGER_JOULES_SOURCE].text, "estimated");
    assert_float_equal(row.value[TL_LEDGER_MONEY].real, 0.00075 + 0.02, 1e-12);
    assert_float_equal(row.value[TL_LEDGER_CARBON].real, 0.6, 1e-12);
    row.value[TL_LEDGER_WATTS].known = false;
    tl_ledger_price(&row, &machine, 7200);
    assert_float_equal(row.value[TL_LEDGER_JOULES].real, 10800, 0);
    assert_string_equal(row.value[TL_LEDGER_JOULES_SOURCE].text, "measured");
    assert_false(row.value[TL_LEDGER_WATTS].known);
    assert_float_equal(row.value[TL_LEDGER_CARBON].real, 1.2, 1e-12);
}

/* --- databases ------------------------------------------------------------------------------------------------------------ */

static void make_database(const char *sql)
{
    sqlite3 *database;
    record(1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void test_old_columns(void **state)
{
    (void)state;
    make_database("CREATE TABLE runs(id INTEGER PRIMARY KEY, time INTEGER, model TEXT, older REAL); INSERT INTO runs VALUES(7, 5, 'old', 1.5)");
    record(2);
    assert_string_equal(ask("SELECT group_concat(time || coalesce(model, '-') || coalesce(older, '-')) FROM runs"), "5old1.5,2model-");
    assert_int_equal(notice.len, 0);
}

static void test_foreign_schema(void **state)
{
    struct tl_ledger_row row = full_row(1);
    (void)state;
    make_database("CREATE TABLE other(x); CREATE VIEW runs AS SELECT x FROM other");
    assert_int_equal(tl_ledger_record(path, &row, &notice), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), path));
}

/* Everything in the file, nothing in the log beside it, which would heal the file. */
static void settle(void)
{
    char log[160];
    sqlite3 *database;
    assert_int_equal(tl_database_open(path, TL_DATABASE_WRITE, &database), 0);
    assert_int_equal(tl_database_run(database, path, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    tl_database_close(database);
    snprintf(log, sizeof log, "%s-wal", path);
    unlink(log);
}

static void spoil(long offset, const char *bytes, size_t n_bytes)
{
    settle();
    int file = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, bytes, n_bytes, offset), n_bytes);
    close(file);
}

static void expect_aside(int number)
{
    char aside[160];
    struct stat found;
    snprintf(aside, sizeof aside, "%s.damaged-%d", path, number);
    assert_int_equal(stat(aside, &found), 0);
    assert_non_null(strstr(notice.data, aside));
    tl_buffer_clear(&notice);
}

static void test_damaged(void **state)
{
    static const char noise[6000] = "not a database, and long enough to have pages of its own";
    (void)state;
    record(1);
    spoil(0, noise, sizeof noise);                               /* no header any more */
    record(2);
    expect_aside(1);
    assert_string_equal(ask("SELECT group_concat(time) FROM runs"), "2");
    make_database("CREATE TABLE runs(id INTEGER PRIMARY KEY); PRAGMA user_version=1");
    spoil(100, noise + 200, 3000);                               /* a header, and a schema of zeros */
    record(3);
    expect_aside(2);
    assert_string_equal(ask("SELECT group_concat(time) FROM runs"), "3");
    settle();
    assert_int_equal(truncate(path, 700), 0);
    record(4);
    assert_string_equal(ask("SELECT count(*) FROM runs WHERE time = 4"), "1");
}

static void test_folder_in_the_way(void **state)
{
    struct tl_ledger_row row = full_row(1);
    (void)state;
    record(1);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(tl_ledger_record(path, &row, &notice), TL_E_IO);
    snprintf(path, sizeof path, "%s/file/ledger.db", folder);
    char file[96];
    snprintf(file, sizeof file, "%s/file", folder);
    int descriptor = open(file, O_CREAT | O_WRONLY, 0600);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(tl_ledger_record(path, &row, &notice), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), file));
}

/* --- company -------------------------------------------------------------------------------------------------------------- */

static void test_locked(void **state)
{
    struct tl_ledger_row row = full_row(2);
    sqlite3 *other;
    (void)state;
    record(1);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    uint64_t begin = tl_clock_ns();
    assert_int_equal(tl_ledger_record(path, &row, &notice), TL_E_IO);
    assert_true(tl_clock_seconds(begin) < 20);            /* a hundred times what it waits */
    assert_non_null(strstr(tl_error_text(), "locked"));
    assert_int_equal(notice.len, 0);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    record(3);
    assert_string_equal(ask("SELECT group_concat(time) FROM runs"), "1,3");
}

enum { WRITERS = 6, ROWS = 25 };

/* Processes that begin together, in a folder where there is nothing yet, or where what there is is damaged. */
static void write_together(void)
{
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    for (int w = 0; w < WRITERS; w++)
        if (fork() == 0) {
            char byte;
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0)
                _exit(9);
            for (int i = 0; i < ROWS; i++) {
                struct tl_ledger_row row = full_row((uint64_t)(w * ROWS + i));
                uint64_t begin = tl_clock_ns();                  /* a machine with other work may be slower than the wait */
                while (tl_ledger_record(path, &row, &notice) < 0)
                    if (!strstr(tl_error_text(), "locked") || tl_clock_seconds(begin) > 60) {
                        fprintf(stderr, "%s\n", tl_error_text());
                        _exit(1);
                    }
            }
            _exit(0);
        }
    close(gate[0]);
    close(gate[1]);
    for (int w = 0; w < WRITERS; w++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

static void test_writers(void **state)
{
    char expected[32];
    (void)state;
    snprintf(expected, sizeof expected, "%d", WRITERS * ROWS);
    write_together();
    assert_string_equal(ask("SELECT count(DISTINCT time) FROM runs"), expected);
    assert_string_equal(ask("PRAGMA integrity_check"), "ok");
}

/* Each run reads all of the log first: it is folded into the file before it is long. */
static void test_log_stays_short(void **state)
{
    char log[160];
    struct stat found;
    (void)state;
    for (uint64_t i = 0; i < 300; i++)
        record(i);
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(stat(log, &found), 0);
    assert_true(found.st_size < 640 << 10);
    assert_string_equal(ask("SELECT count(*) FROM runs"), "300");
}

static void test_writers_find_damage(void **state)
{
    char expected[32], second[160];
    struct stat found;
    (void)state;
    snprintf(expected, sizeof expected, "%d", WRITERS * ROWS);
    record(1000);
    spoil(0, "damage", 6);
    write_together();
    assert_string_equal(ask("SELECT count(DISTINCT time) FROM runs"), expected);
    assert_string_equal(ask("PRAGMA integrity_check"), "ok");
    snprintf(second, sizeof second, "%s.damaged-2", path);
    assert_int_not_equal(stat(second, &found), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_column), TEST(test_unknown_stays_unknown), TEST(test_json), TEST(test_price), TEST(test_old_columns),
        TEST(test_foreign_schema), TEST(test_damaged), TEST(test_folder_in_the_way), TEST(test_locked), TEST(test_writers), TEST(test_log_stays_short),
        TEST(test_writers_find_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
