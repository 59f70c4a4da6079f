/* SPDX-License-Identifier: MIT */
/* One SQLite database file, opened for a moment: what SQLite says as a status with a sentence, waiting that ends soon, and
 * setting aside what is damaged. Private to this room.
 *
 * TL_E_FILE means: the file is damaged. Everything else that fails is TL_E_IO or TL_E_NOMEM. */
#ifndef TL_LEDGER_DATABASE_H
#define TL_LEDGER_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buffer.h"

enum tl_database_use { TL_DATABASE_WRITE, TL_DATABASE_READ };

/* WRITE creates the file. READ works in folders that cannot be written, too. Triggers and views of the file are off. */
int tl_database_open(const char *path, enum tl_database_use use, sqlite3 **ret_database);
void tl_database_close(sqlite3 *database);                            /* NULL is fine; what was written stays in the log beside the file */

/* The status of a result code of SQLite, with a sentence. */
int tl_database_fail(sqlite3 *database, const char *path, int code);
int tl_database_run(sqlite3 *database, const char *path, const char *sql);

/* Keeps others who lock the same folder out (or, shared, those who want it alone). Returns a descriptor for unlock, or -1: then
 * the file system knows no locks, or the wait was too long, and the work goes on without. */
int tl_database_lock(const char *path, bool alone);
void tl_database_unlock(int lock);

/* Renames the file and what SQLite keeps beside it; the folder must be locked alone. */
int tl_database_set_aside(const char *path, struct tl_buffer *ret_notice);

#endif
