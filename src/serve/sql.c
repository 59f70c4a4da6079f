/* SPDX-License-Identifier: MIT */
/* SQLite with a write-ahead log, so that readers never wait and a crash loses at most the last moment. Nothing in the file is
 * trusted: its triggers and views are off, and values have a bound. */
#include "serve/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"

enum { WAIT_MS = 2000, MOST_VALUE_BYTES = 64 << 20 };

static int fail(const struct tl_sql *sql, int code)
{
    int system = sql->database ? sqlite3_system_errno(sql->database) : 0;
    const char *reason = sql->database ? sqlite3_errmsg(sql->database) : sqlite3_errstr(code);
    if (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE)              /* what a quota and a limit look like */
        return tl_fail(TL_E_BUDGET, "%s: the drive takes no more; there may be no room left", sql->path);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return tl_fail(TL_E_NOMEM, "%s: out of memory", sql->path);
    case SQLITE_FULL:
        return tl_fail(TL_E_BUDGET, "%s: there is no room left on the drive", sql->path);
    case SQLITE_CORRUPT: case SQLITE_NOTADB:
        return tl_fail(TL_E_FAIL, "%s is damaged (%s); moved away it is kept, and a new one is begun", sql->path, reason);
    case SQLITE_BUSY: case SQLITE_LOCKED:
        return tl_fail(TL_E_IO, "%s is locked by another program", sql->path);
    case SQLITE_READONLY:
        return tl_fail(TL_E_IO, "%s cannot be written", sql->path);
    case SQLITE_CANTOPEN: case SQLITE_PERM: case SQLITE_IOERR: case SQLITE_AUTH:
        return tl_fail(TL_E_IO, "%s: %s", sql->path, system ? strerror(system) : reason);
    default:
        return tl_fail(TL_E_IO, "%s: %s", sql->path, reason);
    }
}

int tl_sql_run(const struct tl_sql *sql, const char *text)
{
    int code = sqlite3_exec(sql->database, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : fail(sql, code);
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

static void distrust(sqlite3 *database)
{
    sqlite3_busy_timeout(database, WAIT_MS);
    sqlite3_extended_result_codes(database, 1);
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

/* Opens, and looks whether it can be read: only then does SQLite touch the file. */
static int attempt(const char *name, int flags, const char *first, struct tl_sql *sql)
{
    int code = sqlite3_open_v2(name, &sql->database, flags | SQLITE_OPEN_NOMUTEX, NULL), status = 0;
    if (code == SQLITE_OK) {
        distrust(sql->database);
        code = sqlite3_exec(sql->database, first, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        status = fail(sql, code);
        tl_sql_close(sql);
    }
    return status;
}

static void as_uri(const char *path, struct tl_buffer *uri)
{
    tl_buffer_printf(uri, "file:");
    for (; *path; path++)
        tl_buffer_printf(uri, *path == '?' || *path == '#' || *path == '%' ? "%%%02x" : "%c", (unsigned char)*path);
    tl_buffer_printf(uri, "?immutable=1");
}

/* In a folder that cannot be written a log has no place. Where there is none, the file alone says all. */
static int open_to_read(const char *path, struct tl_sql *sql)
{
    static const char look[] = "SELECT count(*) FROM sqlite_master";
    struct tl_buffer name;
    int status = attempt(path, SQLITE_OPEN_READONLY, look, sql);
    if (status != TL_E_IO)
        return status;
    tl_buffer_init(&name, 0);
    if (tl_buffer_printf(&name, "%s-wal", path) >= 0 && !tl_file_exists(name.data)) {
        tl_buffer_clear(&name);
        as_uri(path, &name);
        status = name.status < 0 ? name.status : attempt(name.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, look, sql);
    }
    tl_buffer_done(&name);
    return status;
}

int tl_sql_open(const char *path, struct tl_sql *ret_sql)
{
    struct tl_sql sql = {.path = path};
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    else if (errno != EROFS && errno != EACCES && errno != EPERM)
        return tl_fail(errno == ENOSPC || errno == EDQUOT ? TL_E_BUDGET : TL_E_IO, "%s: %s", path, strerror(errno));
    else if (!tl_file_exists(path))
        return tl_fail(TL_E_IO, "%s cannot be made: %s", path, strerror(errno));
    int status = file < 0 ? TL_E_IO : attempt(path, SQLITE_OPEN_READWRITE, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                                                            "PRAGMA foreign_keys=ON", &sql);
    if (status == TL_E_IO)
        status = open_to_read(path, &sql);
    if (status >= 0)
        *ret_sql = sql;
    return status;
}

void tl_sql_close(struct tl_sql *sql)
{
    sqlite3_close(sql->database);
    sql->database = NULL;
}

/* --- statements ------------------------------------------------------------------------------------------------------------- */

int tl_sql_ask(const struct tl_sql *sql, sqlite3_stmt **ret_statement, const char *text, const char *kinds, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list values;
    int code = sqlite3_prepare_v2(sql->database, text, -1, &statement, NULL);
    va_start(values, kinds);
    for (int i = 0; kinds[i] && code == SQLITE_OK; i++)
        if (kinds[i] == 'i') {
            code = sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
        } else {
            const char *bytes = va_arg(values, const char *);
            code = sqlite3_bind_text64(statement, i + 1, bytes, va_arg(values, size_t), SQLITE_STATIC, SQLITE_UTF8);
        }
    va_end(values);
    if (code != SQLITE_OK) {
        int status = fail(sql, code);
        sqlite3_finalize(statement);
        return status;
    }
    *ret_statement = statement;
    return 0;
}

int tl_sql_step(const struct tl_sql *sql, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : fail(sql, code);
}

int tl_sql_finish(const struct tl_sql *sql, sqlite3_stmt *statement)
{
    int status = tl_sql_step(sql, statement);
    sqlite3_finalize(statement);
    return status;
}
