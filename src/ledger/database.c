/* SPDX-License-Identifier: MIT */
/* SQLite, as the ledger uses it: a write-ahead log, so that a row is one append and readers never wait. The log is folded into
 * the file, which waits for the drive, once in a hundred rows or so: each who opens it reads all of it first, so that it must
 * stay short. Nothing in the file is trusted. */
#include "ledger/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { WAIT_MS = 200, NAP_MS = 2, MOST_VALUE_BYTES = 1 << 20, MOST_ASIDE = 1000, LONG_LOG = 128 /* pages */ };

int tl_database_fail(sqlite3 *database, const char *path, int code)
{
    int system = database ? sqlite3_system_errno(database) : 0;
    const char *reason = database ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return tl_fail(TL_E_NOMEM, "%s: out of memory", path);
    case SQLITE_CORRUPT: case SQLITE_NOTADB:
        return tl_fail(TL_E_FILE, "%s is damaged: %s", path, reason);
    case SQLITE_BUSY: case SQLITE_LOCKED:
        return tl_fail(TL_E_IO, "%s is locked by another program", path);
    case SQLITE_FULL:
        return tl_fail(TL_E_IO, "%s: there is no room for a row", path);
    case SQLITE_READONLY: case SQLITE_CANTOPEN: case SQLITE_PERM: case SQLITE_IOERR: case SQLITE_AUTH:
        return tl_fail(TL_E_IO, "%s: %s", path, system ? strerror(system) : reason);
    default:
        return tl_fail(TL_E_IO, "%s: %s", path, reason);
    }
}

int tl_database_run(sqlite3 *database, const char *path, const char *sql)
{
    int code = sqlite3_exec(database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : tl_database_fail(database, path, code);
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

/* Where others are at work on it, they or a later run will do it. */
static int fold_log(void *context, sqlite3 *database, const char *name, int n_pages)
{
    (void)context, (void)name;
    if (n_pages >= LONG_LOG) {
        sqlite3_busy_timeout(database, 0);
        sqlite3_wal_checkpoint_v2(database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        sqlite3_busy_timeout(database, WAIT_MS);
    }
    return SQLITE_OK;
}

static void distrust(sqlite3 *database)
{
    sqlite3_busy_timeout(database, WAIT_MS);
    sqlite3_extended_result_codes(database, 1);
    sqlite3_wal_hook(database, fold_log, NULL);
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Opens, and looks whether it can be read: only then does SQLite touch the file. */
static int attempt(const char *name, const char *path, int flags, const char *first, sqlite3 **ret_database)
{
    sqlite3 *database = NULL;
    int code = sqlite3_open_v2(name, &database, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        distrust(database);
        code = sqlite3_exec(database, first, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        *ret_database = database;
        return 0;
    }
    int status = tl_database_fail(database, path, code);
    sqlite3_close(database);
    return status;
}

static void as_uri(const char *path, struct tl_buffer *uri)
{
    tl_buffer_printf(uri, "file:");
    for (; *path; path++)
        tl_buffer_printf(uri, *path == '?' || *path == '#' || *path == '%' ? "%%%02x" : "%c", (unsigned char)*path);
    tl_buffer_printf(uri, "?immutable=1");
}

static bool has_log(const char *path)
{
    struct tl_buffer log;
    tl_buffer_init(&log, 0);
    bool there = tl_buffer_printf(&log, "%s-wal", path) < 0 || tl_file_exists(log.data);
    tl_buffer_done(&log);
    return there;
}

/* In a folder that cannot be written a log has no place. Where there is none, the file alone says all. */
static int open_to_read(const char *path, sqlite3 **ret_database)
{
    static const char look[] = "SELECT count(*) FROM sqlite_master";
    struct tl_buffer uri;
    int status = attempt(path, path, SQLITE_OPEN_READWRITE, look, ret_database);
    if (status != TL_E_IO)
        return status;
    status = attempt(path, path, SQLITE_OPEN_READONLY, look, ret_database);
    if (status != TL_E_IO || has_log(path))
        return status;
    tl_buffer_init(&uri, 0);
    as_uri(path, &uri);
    status = uri.status < 0 ? uri.status : attempt(uri.data, path, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, look, ret_database);
    tl_buffer_done(&uri);
    return status;
}

int tl_database_open(const char *path, enum tl_database_use use, sqlite3 **ret_database)
{
    if (use == TL_DATABASE_READ)
        return open_to_read(path, ret_database);
    return attempt(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", ret_database);
}

void tl_database_close(sqlite3 *database) { sqlite3_close(database); }

/* --- locks ---------------------------------------------------------------------------------------------------------------- */

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? tl_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : tl_strdup(".");
}

int tl_database_lock(const char *path, bool alone)
{
    TL_AUTO char *folder = folder_of(path);
    uint64_t begin = tl_clock_ns();
    int lock = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    while (lock >= 0 && flock(lock, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
        if (errno != EINTR && (errno != EWOULDBLOCK || tl_clock_ns() - begin > WAIT_MS * 1000000u)) {
            close(lock);
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000}, NULL);
    }
    return lock;
}

void tl_database_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

/* --- setting aside -------------------------------------------------------------------------------------------------------- */

/* The first name that is free, "ledger.db.damaged-1". */
static int free_name(const char *path, struct tl_buffer *ret_name)
{
    for (int i = 1; i <= MOST_ASIDE; i++) {
        tl_buffer_clear(ret_name);
        if (tl_buffer_printf(ret_name, "%s.damaged-%d", path, i) < 0)
            return ret_name->status;
        if (!tl_file_exists(ret_name->data))
            return 0;
    }
    return tl_fail(TL_E_IO, "%s is damaged, as were %d before it", path, MOST_ASIDE);
}

static void move_beside(const char *path, const char *aside, const char *suffix)
{
    struct tl_buffer from, to;
    tl_buffer_init(&from, 0);
    tl_buffer_init(&to, 0);
    if (tl_buffer_printf(&from, "%s%s", path, suffix) >= 0 && tl_buffer_printf(&to, "%s%s", aside, suffix) >= 0)
        rename(from.data, to.data);
    tl_buffer_done(&from);
    tl_buffer_done(&to);
}

int tl_database_set_aside(const char *path, struct tl_buffer *ret_notice)
{
    struct tl_buffer name;
    tl_buffer_init(&name, 0);
    int status = free_name(path, &name);
    if (status >= 0 && rename(path, name.data) < 0)
        status = tl_fail(TL_E_IO, "%s is damaged and cannot be renamed: %s", path, strerror(errno));
    if (status >= 0) {
        move_beside(path, name.data, "-wal");
        move_beside(path, name.data, "-shm");
        tl_buffer_printf(ret_notice, "the ledger was damaged; it is kept as %s, and a new one is begun", name.data);
    }
    tl_buffer_done(&name);
    return status;
}
