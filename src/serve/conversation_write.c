/* SPDX-License-Identifier: MIT */
/* A conversation out of its rows: its document, and the messages that lead to its head as Markdown. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "serve/conversations_impl.h"

static const char *text_of(sqlite3_stmt *row, int column, size_t *ret_bytes)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    *ret_bytes = text ? (size_t)sqlite3_column_bytes(row, column) : 0;
    return text ? text : "";
}

static void put_text(struct tl_buffer *json, const char *name, sqlite3_stmt *row, int column)
{
    size_t n;
    const char *text = text_of(row, column, &n);
    tl_buffer_printf(json, "\"%s\":", name);
    tl_buffer_json_string(json, text, n);
}

/* An object as it was sent. */
static void put_object(struct tl_buffer *json, const char *name, sqlite3_stmt *row, int column)
{
    size_t n;
    const char *text = text_of(row, column, &n);
    tl_buffer_printf(json, "\"%s\":", name);
    tl_buffer_append(json, n ? text : "{}", n ? n : 2);
}

/* --- JSON --------------------------------------------------------------------------------------------------------------- */

static int put_head(const struct tl_sql *sql, int64_t number, struct tl_buffer *json)
{
    sqlite3_stmt *row = NULL;
    int status = tl_sql_ask(sql, &row, "SELECT id, title, created, changed, head, settings FROM conversation WHERE number = ?1", "i", number);
    if (status >= 0 && (status = tl_sql_step(sql, row)) > 0) {
        tl_buffer_append(json, "{", 1);
        put_text(json, "id", row, 0);
        tl_buffer_append(json, ",", 1);
        put_text(json, "title", row, 1);
        tl_buffer_printf(json, ",\"created\":%" PRId64 ",\"changed\":%" PRId64 ",", (int64_t)sqlite3_column_int64(row, 2),
                         (int64_t)sqlite3_column_int64(row, 3));
        put_text(json, "head", row, 4);
        tl_buffer_append(json, ",", 1);
        put_object(json, "settings", row, 5);
    }
    sqlite3_finalize(row);
    return status;
}

static int put_messages(const struct tl_sql *sql, int64_t number, struct tl_buffer *json)
{
    static const char *const names[] = {"id", "parent", "role", "content", "reasoning"};
    sqlite3_stmt *row = NULL;
    const char *separator = "\n  {";
    int status = tl_sql_ask(sql, &row, "SELECT id, parent, role, content, reasoning, data FROM message WHERE conversation = ?1"
                                       " ORDER BY number", "i", number);
    if (status >= 0)
        tl_buffer_printf(json, ",\n \"messages\":[");
    for (; status >= 0 && (status = tl_sql_step(sql, row)) > 0; separator = ",\n  {") {
        tl_buffer_printf(json, "%s", separator);
        for (int i = 0; i < 5; i++) {
            put_text(json, names[i], row, i);
            tl_buffer_append(json, ",", 1);
        }
        put_object(json, "data", row, 5);
        tl_buffer_append(json, "}", 1);
        status = json->status;
    }
    sqlite3_finalize(row);
    return status < 0 ? status : tl_buffer_printf(json, "]}\n");
}

/* --- Markdown ------------------------------------------------------------------------------------------------------------- */

static int put_title(const struct tl_sql *sql, int64_t number, struct tl_buffer *markdown)
{
    sqlite3_stmt *row = NULL;
    size_t n;
    int status = tl_sql_ask(sql, &row, "SELECT title FROM conversation WHERE number = ?1", "i", number);
    if (status >= 0 && (status = tl_sql_step(sql, row)) > 0) {
        const char *title = text_of(row, 0, &n);
        tl_buffer_printf(markdown, "# ");
        for (size_t i = 0; i < n; i++)
            tl_buffer_append(markdown, title[i] == '\n' || title[i] == '\r' ? " " : &title[i], 1);
        tl_buffer_append(markdown, "\n", 1);
    }
    sqlite3_finalize(row);
    return status;
}

static void put_quoted(struct tl_buffer *markdown, const char *text, size_t n)
{
    tl_buffer_printf(markdown, "\n> ");
    for (size_t i = 0; i < n; i++)
        tl_buffer_append(markdown, text[i] == '\n' ? "\n> " : &text[i], text[i] == '\n' ? 3 : 1);
    tl_buffer_append(markdown, "\n", 1);
}

static void put_turn(struct tl_buffer *markdown, sqlite3_stmt *row)
{
    size_t n;
    const char *role = text_of(row, 0, &n);
    tl_buffer_printf(markdown, "\n## %s\n", strcmp(role, "user") == 0 ? "User" : strcmp(role, "assistant") == 0 ? "Assistant" : "System");
    const char *reasoning = text_of(row, 2, &n);
    if (n)
        put_quoted(markdown, reasoning, n);
    const char *content = text_of(row, 1, &n);
    tl_buffer_append(markdown, "\n", 1);
    tl_buffer_append(markdown, content, n);
    tl_buffer_append(markdown, "\n", 1);
}

/* From the head up to the root, and written the other way round. A parent is older than its child: so no circle is followed. */
static int put_path(const struct tl_sql *sql, int64_t number, struct tl_buffer *markdown)
{
    sqlite3_stmt *row = NULL;
    int status = tl_sql_ask(sql, &row,
        "WITH RECURSIVE way (number, parent) AS ("
        " SELECT message.number, parent FROM conversation JOIN message ON conversation = conversation.number AND message.id = head"
        "  WHERE conversation.number = ?1"
        " UNION ALL SELECT message.number, message.parent FROM way JOIN message ON conversation = ?1 AND id = way.parent"
        "  WHERE message.number < way.number)"
        " SELECT role, content, reasoning FROM message WHERE number IN (SELECT number FROM way) ORDER BY number", "i", number);
    while (status >= 0 && (status = tl_sql_step(sql, row)) > 0) {
        put_turn(markdown, row);
        status = markdown->status;
    }
    sqlite3_finalize(row);
    return status;
}

/* --- both ------------------------------------------------------------------------------------------------------------------- */

typedef int put(const struct tl_sql *, int64_t, struct tl_buffer *);

static int put_both(struct tl_conversations *c, const char *id, put *head, put *body, struct tl_buffer *out)
{
    int64_t number;
    int there = 0, status = tl_conversations_enter(c);
    if (status < 0)
        return status;
    status = there = tl_conversations_find(&c->sql, id, &number);
    if (status > 0)
        status = head(&c->sql, number, out);
    if (status > 0 && (status = body(&c->sql, number, out)) >= 0)
        status = out->status;
    return tl_conversations_leave(c, status < 0 ? status : there);
}

int tl_conversations_get(struct tl_conversations *c, const char *id, struct tl_buffer *json)
{
    return put_both(c, id, put_head, put_messages, json);
}

int tl_conversations_markdown(struct tl_conversations *c, const char *id, struct tl_buffer *markdown)
{
    return put_both(c, id, put_title, put_path, markdown);
}
