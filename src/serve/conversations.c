/* SPDX-License-Identifier: MIT */
/* The file of conversations: its tables, and what is done with whole conversations.
 *
 * `found` indexes titles and messages by trigrams, so that parts of words are found in any script; its rows are numbered as the
 * messages, titles by minus the number of their conversation. */
#include "serve/conversations.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "serve/conversations_impl.h"

enum { VERSION = 1 };

static const char tables[] =
    "CREATE TABLE conversation (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL DEFAULT '',"
    " created INTEGER NOT NULL, changed INTEGER NOT NULL, head TEXT NOT NULL DEFAULT '', settings TEXT NOT NULL DEFAULT '{}');"
    "CREATE INDEX by_change ON conversation (changed);"
    "CREATE TABLE message (number INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,"
    " id TEXT NOT NULL, parent TEXT NOT NULL DEFAULT '', role TEXT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL DEFAULT '',"
    " data TEXT NOT NULL DEFAULT '{}', UNIQUE (conversation, id));"
    "CREATE VIRTUAL TABLE found USING fts5 (text, conversation UNINDEXED, tokenize = 'trigram');"
    "PRAGMA user_version = 1";

/* --- opening ------------------------------------------------------------------------------------------------------------ */

int tl_conversations_new(const char *folder, struct tl_conversations **ret_conversations)
{
    struct tl_conversations *c = tl_alloc(1, sizeof *c);
    if (!c || !(c->path = tl_file_join(folder, "conversations.db"))) {
        tl_free(c);
        return TL_E_NOMEM;
    }
    pthread_mutex_init(&c->lock, NULL);
    *ret_conversations = c;
    return 0;
}

void tl_conversations_free(struct tl_conversations *c)
{
    if (!c)
        return;
    tl_sql_close(&c->sql);
    pthread_mutex_destroy(&c->lock);
    tl_free(c->path);
    tl_free(c);
}

static int version_of(const struct tl_sql *sql, int64_t *ret_version)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_sql_ask(sql, &statement, "PRAGMA user_version", "");
    if (status >= 0 && (status = tl_sql_step(sql, statement)) > 0)
        *ret_version = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status < 0 ? status : 0;
}

static int make_tables(const struct tl_sql *sql)
{
    int64_t version = 0;
    int status = tl_sql_run(sql, "BEGIN IMMEDIATE");
    if (status < 0)
        return status;
    status = version_of(sql, &version);          /* another program may have been here */
    if (status >= 0 && version == 0)
        status = tl_sql_run(sql, tables);
    if (status >= 0)
        status = tl_sql_run(sql, "COMMIT");
    if (status < 0)
        sqlite3_exec(sql->database, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static int open_file(struct tl_conversations *c)
{
    int64_t version = 0;
    int status = tl_file_make_folders(c->path);
    if (status < 0 && !tl_file_exists(c->path))
        return status;
    if ((status = tl_sql_open(c->path, &c->sql)) < 0)
        return status;
    status = version_of(&c->sql, &version);
    if (status >= 0 && version == 0)
        status = make_tables(&c->sql);
    else if (status >= 0 && version != VERSION)
        status = tl_fail(TL_E_FAIL, "%s is of version %" PRId64 ", expected %d: another trill wrote it", c->path, version, VERSION);
    if (status < 0)
        tl_sql_close(&c->sql);
    return status;
}

int tl_conversations_enter(struct tl_conversations *c)
{
    pthread_mutex_lock(&c->lock);
    int status = c->sql.database ? 0 : open_file(c);
    if (status < 0)
        pthread_mutex_unlock(&c->lock);
    return status;
}

int tl_conversations_leave(struct tl_conversations *c, int status)
{
    if (status == TL_E_IO || status == TL_E_FAIL || status == TL_E_BUDGET)
        tl_sql_close(&c->sql);
    pthread_mutex_unlock(&c->lock);
    return status;
}

/* --- changing ------------------------------------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int tl_conversations_find(const struct tl_sql *sql, const char *id, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_sql_ask(sql, &statement, "SELECT number FROM conversation WHERE id = ?1", "t", id, strlen(id));
    if (status >= 0 && (status = tl_sql_step(sql, statement)) > 0)
        *ret_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

static int end(const struct tl_sql *sql, int status)
{
    int committed = status >= 0 ? tl_sql_run(sql, "COMMIT") : 0;
    if (status < 0 || committed < 0)
        sqlite3_exec(sql->database, "ROLLBACK", NULL, NULL, NULL);
    return committed < 0 ? committed : status;
}

static int check_room(const struct tl_sql *sql)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_sql_ask(sql, &statement, "SELECT count(*) FROM conversation", "");
    if (status >= 0 && (status = tl_sql_step(sql, statement)) > 0 && sqlite3_column_int64(statement, 0) >= TL_CONVERSATIONS)
        status = tl_fail(TL_E_BUDGET, "%d conversations are kept, and no more fit; delete some", TL_CONVERSATIONS);
    sqlite3_finalize(statement);
    return status;
}

static int new_row(const struct tl_sql *sql, const char *id, int64_t now)
{
    sqlite3_stmt *statement = NULL;
    int status = check_room(sql);
    if (status >= 0)
        status = tl_sql_ask(sql, &statement, "INSERT INTO conversation (id, created, changed) VALUES (?1, ?2, ?2)", "ti", id, strlen(id), now);
    return status < 0 ? status : tl_sql_finish(sql, statement);
}

static int answer(struct tl_buffer *json, const char *id, int64_t now)
{
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "id", id);
    return tl_buffer_printf(json, ",\"changed\":%" PRId64 "}", now);
}

int tl_conversations_add(struct tl_conversations *c, const char *text, size_t n_bytes, struct tl_buffer *json)
{
    uint64_t random;
    char id[17];
    int64_t now = now_ms();
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return tl_fail(TL_E_IO, "there are no random numbers for the name of a conversation");
    snprintf(id, sizeof id, "%016" PRIx64, random);
    int status = tl_conversations_enter(c);
    if (status < 0)
        return status;
    if ((status = tl_sql_run(&c->sql, "BEGIN IMMEDIATE")) >= 0) {
        status = new_row(&c->sql, id, now);
        if (status >= 0)
            status = tl_conversation_read(&c->sql, sqlite3_last_insert_rowid(c->sql.database), true, text, n_bytes);
        if (status >= 0)
            status = answer(json, id, now);
        status = end(&c->sql, status);
    }
    return tl_conversations_leave(c, status < 0 ? status : 1);
}

static int change(const struct tl_sql *sql, int64_t number, int64_t now, const char *text, size_t n_bytes)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_conversation_read(sql, number, false, text, n_bytes);
    if (status >= 0)
        status = tl_sql_ask(sql, &statement, "UPDATE conversation SET changed = ?1 WHERE number = ?2", "ii", now, number);
    return status < 0 ? status : tl_sql_finish(sql, statement);
}

int tl_conversations_change(struct tl_conversations *c, const char *id, const char *text, size_t n_bytes, struct tl_buffer *json)
{
    int64_t number, now = now_ms();
    int there = 0, status = tl_conversations_enter(c);
    if (status < 0)
        return status;
    if ((status = tl_sql_run(&c->sql, "BEGIN IMMEDIATE")) >= 0) {
        status = there = tl_conversations_find(&c->sql, id, &number);
        if (status > 0)
            status = change(&c->sql, number, now, text, n_bytes);
        if (status >= 0 && there)
            status = answer(json, id, now);
        status = end(&c->sql, status);
    }
    return tl_conversations_leave(c, status < 0 ? status : there);
}

static int remove_row(const struct tl_sql *sql, int64_t number)
{
    static const char *const steps[] = {"DELETE FROM found WHERE rowid IN (SELECT number FROM message WHERE conversation = ?1)",
                                        "DELETE FROM found WHERE rowid = -?1", "DELETE FROM conversation WHERE number = ?1"};
    int status = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status >= 0; i++) {
        sqlite3_stmt *statement = NULL;
        status = tl_sql_ask(sql, &statement, steps[i], "i", number);
        if (status >= 0)
            status = tl_sql_finish(sql, statement);
    }
    return status;
}

int tl_conversations_remove(struct tl_conversations *c, const char *id)
{
    int64_t number;
    int there = 0, status = tl_conversations_enter(c);
    if (status < 0)
        return status;
    if ((status = tl_sql_run(&c->sql, "BEGIN IMMEDIATE")) >= 0) {
        status = there = tl_conversations_find(&c->sql, id, &number);
        if (status > 0)
            status = remove_row(&c->sql, number);
        status = end(&c->sql, status);
    }
    return tl_conversations_leave(c, status < 0 ? status : there);
}
