/* SPDX-License-Identifier: MIT */
/* SQLite as the conversations use it: a status with a sentence for each of its codes, and statements with their values in one
 * call. Private to this room. TL_E_BUDGET: there is no room; TL_E_FAIL: the file is damaged; TL_E_IO: all else. */
#ifndef TL_SERVE_SQL_H
#define TL_SERVE_SQL_H

#include <sqlite3.h>

struct tl_sql {
    sqlite3 *database;
    const char *path;                    /* for sentences; borrowed */
};

/* Opens for writing and, where that is refused, for reading; makes the file where there is none, for its user alone. */
int tl_sql_open(const char *path, struct tl_sql *ret_sql);
void tl_sql_close(struct tl_sql *sql);
int tl_sql_run(const struct tl_sql *sql, const char *text);
/* A statement with its values, one letter each: t (const char *, size_t) text, which must live as long as the statement;
 * i (int64_t) a number. To be given to sqlite3_finalize. */
int tl_sql_ask(const struct tl_sql *sql, sqlite3_stmt **ret_statement, const char *text, const char *kinds, ...);
int tl_sql_step(const struct tl_sql *sql, sqlite3_stmt *statement);            /* 1: a row; 0: there are no more */
int tl_sql_finish(const struct tl_sql *sql, sqlite3_stmt *statement);          /* a statement without rows: steps and finalizes it */

#endif
