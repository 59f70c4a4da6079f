/* SPDX-License-Identifier: MIT */
/* Adding a row: the table is made, or gets the columns it lacks, only when a row does not go in. */
#include "base/error.h"
#include "base/file.h"
#include "ledger/database.h"
#include "ledger/ledger.h"

static const char *sql_type(enum tl_ledger_kind kind)
{
    return kind == TL_LEDGER_KIND_COUNT ? "INTEGER" : kind == TL_LEDGER_KIND_REAL ? "REAL" : "TEXT";
}

/* --- the table ------------------------------------------------------------------------------------------------------------ */

static int has_column(sqlite3 *database, const char *path, const char *name, bool *ret_has)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database, "SELECT 1 FROM pragma_table_info('runs') WHERE name = ?", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *ret_has = code == SQLITE_ROW;
    int status = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : tl_database_fail(database, path, code);
    sqlite3_finalize(statement);
    return status;
}

static int add_columns(sqlite3 *database, const char *path)
{
    int status = tl_database_run(database, path, "CREATE TABLE IF NOT EXISTS runs(id INTEGER PRIMARY KEY)");
    for (int i = 0; i < TL_LEDGER_COLUMNS && status >= 0; i++) {
        struct tl_buffer sql;
        bool has = false;
        status = has_column(database, path, tl_ledger_facts[i].name, &has);
        if (status < 0 || has)
            continue;
        tl_buffer_init(&sql, 0);
        tl_buffer_printf(&sql, "ALTER TABLE runs ADD COLUMN %s %s", tl_ledger_facts[i].name, sql_type(tl_ledger_facts[i].kind));
        status = sql.status < 0 ? sql.status : tl_database_run(database, path, sql.data);
        tl_buffer_done(&sql);
    }
    return status;
}

/* In one transaction, so that of several runs at once one does it and the others find it done. */
static int make_table(sqlite3 *database, const char *path)
{
    int status = tl_database_run(database, path, "BEGIN IMMEDIATE");
    if (status < 0)
        return status;
    status = add_columns(database, path);
    if (status >= 0)
        status = tl_database_run(database, path, "COMMIT");
    if (status < 0)
        sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* --- the row -------------------------------------------------------------------------------------------------------------- */

static int write_insert(struct tl_buffer *sql)
{
    tl_buffer_printf(sql, "INSERT INTO runs(");
    for (int i = 0; i < TL_LEDGER_COLUMNS; i++)
        tl_buffer_printf(sql, "%s%s", i ? "," : "", tl_ledger_facts[i].name);
    tl_buffer_printf(sql, ") VALUES(?");
    for (int i = 1; i < TL_LEDGER_COLUMNS; i++)
        tl_buffer_printf(sql, ",?");
    return tl_buffer_printf(sql, ")");
}

static int bind(sqlite3_stmt *statement, const struct tl_ledger_row *row)
{
    int code = SQLITE_OK;
    for (int i = 0; i < TL_LEDGER_COLUMNS && code == SQLITE_OK; i++) {
        const struct tl_ledger_value *value = &row->value[i];
        if (!value->known)
            continue;
        switch (tl_ledger_facts[i].kind) {
        case TL_LEDGER_KIND_COUNT: code = sqlite3_bind_int64(statement, i + 1, value->count); break;
        case TL_LEDGER_KIND_REAL:  code = sqlite3_bind_double(statement, i + 1, value->real); break;
        case TL_LEDGER_KIND_TEXT:  code = sqlite3_bind_text(statement, i + 1, value->text, -1, SQLITE_STATIC); break;
        }
    }
    return code;
}

static int insert(sqlite3 *database, const char *path, const struct tl_ledger_row *row)
{
    sqlite3_stmt *statement = NULL;
    struct tl_buffer sql;
    tl_buffer_init(&sql, 0);
    int status = write_insert(&sql), code = SQLITE_OK;
    if (status >= 0)
        code = sqlite3_prepare_v2(database, sql.data, -1, &statement, NULL);
    if (status >= 0 && (code & 0xff) == SQLITE_ERROR) {          /* no table, or not all columns */
        status = make_table(database, path);
        code = status < 0 ? code : sqlite3_prepare_v2(database, sql.data, -1, &statement, NULL);
    }
    if (status >= 0 && code == SQLITE_OK)
        code = bind(statement, row);
    if (status >= 0 && code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (status >= 0 && code != SQLITE_DONE)
        status = tl_database_fail(database, path, code);
    sqlite3_finalize(statement);
    tl_buffer_done(&sql);
    return status;
}

static int add(const char *path, const struct tl_ledger_row *row)
{
    sqlite3 *database = NULL;
    int status = tl_database_open(path, TL_DATABASE_WRITE, &database);
    if (status >= 0)
        status = insert(database, path, row);
    tl_database_close(database);
    return status;
}

/* --- all of it ------------------------------------------------------------------------------------------------------------ */

int tl_ledger_record(const char *path, const struct tl_ledger_row *row, struct tl_buffer *ret_notice)
{
    int status = tl_file_make_folders(path);
    if (status < 0)
        return status;
    int lock = tl_database_lock(path, false);
    status = add(path, row);
    tl_database_unlock(lock);
    if (status != TL_E_FILE)
        return status;
    lock = tl_database_lock(path, true);
    status = add(path, row);                                     /* another run may have been here meanwhile */
    if (status == TL_E_FILE && (status = tl_database_set_aside(path, ret_notice)) >= 0)
        status = add(path, row);
    tl_database_unlock(lock);
    return status;
}
