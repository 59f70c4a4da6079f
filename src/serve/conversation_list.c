/* SPDX-License-Identifier: MIT */
/* Conversations in a list, all or those in which words are found. Words of three characters and more are looked up in the
 * index, shorter ones are looked for in what that leaves; a word may hold anything, none of it means more than itself. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "serve/conversations_impl.h"

enum { MOST_WORDS = 8 };

struct search {
    struct tl_buffer match;              /* of words that the index knows: "one" AND "two" */
    struct tl_buffer like[MOST_WORDS];   /* patterns of the others */
    int n_like;
};

/* --- words -------------------------------------------------------------------------------------------------------------- */

static size_t characters(const char *word, size_t n_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += ((unsigned char)word[i] & 0xC0) != 0x80;
    return n;
}

static void add_to_match(struct tl_buffer *match, const char *word, size_t n_bytes)
{
    tl_buffer_printf(match, match->len ? " AND \"" : "\"");
    for (size_t i = 0; i < n_bytes; i++)
        tl_buffer_append(match, word[i] == '"' ? "\"\"" : &word[i], word[i] == '"' ? 2 : 1);
    tl_buffer_append(match, "\"", 1);
}

static void make_like(struct tl_buffer *like, const char *word, size_t n_bytes)
{
    tl_buffer_append(like, "%", 1);
    for (size_t i = 0; i < n_bytes; i++) {
        if (word[i] == '%' || word[i] == '_' || word[i] == '\\')
            tl_buffer_append(like, "\\", 1);
        tl_buffer_append(like, &word[i], 1);
    }
    tl_buffer_append(like, "%", 1);
}

static int read_search(struct search *s, const char *text)
{
    int n = 0;
    if (strlen(text) > TL_CONVERSATION_SEARCH_BYTES || !tl_utf8_valid(text, strlen(text)))
        return tl_fail(TL_E_USAGE, "search: expected at most %d bytes of UTF-8", TL_CONVERSATION_SEARCH_BYTES);
    for (const char *at = text; *(at += strspn(at, " \t\r\n")); n++) {
        size_t n_bytes = strcspn(at, " \t\r\n");
        if (n == MOST_WORDS)
            return tl_fail(TL_E_USAGE, "search: at most %d words", MOST_WORDS);
        if (characters(at, n_bytes) >= 3)
            add_to_match(&s->match, at, n_bytes);
        else
            make_like(&s->like[s->n_like++], at, n_bytes);
        at += n_bytes;
    }
    for (int i = 0; i < s->n_like; i++)
        if (s->like[i].status < 0)
            return s->like[i].status;
    return s->match.status;
}

static void search_init(struct search *s)
{
    *s = (struct search){0};
    tl_buffer_init(&s->match, 0);
    for (int i = 0; i < MOST_WORDS; i++)
        tl_buffer_init(&s->like[i], 0);
}

static void search_done(struct search *s)
{
    tl_buffer_done(&s->match);
    for (int i = 0; i < MOST_WORDS; i++)
        tl_buffer_done(&s->like[i]);
}

static bool searches(const struct search *s) { return s->match.len || s->n_like; }

/* --- the list ------------------------------------------------------------------------------------------------------------- */

/* ?1 and ?2 place, ?3 most, ?4 match, ?5... patterns */
#define BEHIND_PLACE "(changed, conversation.number) < (?1, ?2)"
static void list_statement(const struct search *s, struct tl_buffer *sql)
{
    tl_buffer_printf(sql, "SELECT conversation.number, id, title, created, changed, (SELECT count(*) FROM message WHERE conversation = conversation.number%s",
                     searches(s) ? "), place FROM conversation JOIN (SELECT conversation AS owner, min(rowid) AS place FROM found WHERE 1"
                                 : ") FROM conversation WHERE " BEHIND_PLACE);
    if (s->match.len)
        tl_buffer_printf(sql, " AND found MATCH ?4");
    for (int i = 0; i < s->n_like; i++)
        tl_buffer_printf(sql, " AND text LIKE ?%d ESCAPE '\\'", 5 + i);
    if (searches(s))
        tl_buffer_printf(sql, " GROUP BY conversation) ON owner = conversation.number WHERE " BEHIND_PLACE);
    tl_buffer_printf(sql, " ORDER BY changed DESC, conversation.number DESC LIMIT ?3");
}

static int ask_for_list(const struct tl_sql *sql, const struct search *s, struct tl_conversation_place from, uint32_t most, sqlite3_stmt **ret_statement)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    list_statement(s, &text);
    int status = text.status < 0 ? text.status
                                 : tl_sql_ask(sql, ret_statement, text.data, "iii", from.changed, from.number, (int64_t)most + 1);
    tl_buffer_done(&text);
    if (status >= 0 && s->match.len)
        sqlite3_bind_text64(*ret_statement, 4, s->match.data, s->match.len, SQLITE_STATIC, SQLITE_UTF8);
    for (int i = 0; i < s->n_like && status >= 0; i++)
        sqlite3_bind_text64(*ret_statement, 5 + i, s->like[i].data, s->like[i].len, SQLITE_STATIC, SQLITE_UTF8);
    return status;
}

static void put_text(struct tl_buffer *json, const char *name, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    tl_buffer_printf(json, "\"%s\":", name);
    tl_buffer_json_string(json, text ? text : "", text ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

/* Where in a text the words are. */
static int put_place(const struct tl_sql *sql, const struct search *s, int64_t place, struct tl_buffer *json)
{
    sqlite3_stmt *statement = NULL;
    int status = s->match.len
        ? tl_sql_ask(sql, &statement, "SELECT snippet(found, 0, char(2), char(3), '…', 32) FROM found WHERE found MATCH ?1 AND rowid = ?2",
                     "ti", s->match.data, s->match.len, place)
        : tl_sql_ask(sql, &statement, "SELECT substr(text, 1, 80) FROM found WHERE rowid = ?1", "i", place);
    if (status >= 0 && (status = tl_sql_step(sql, statement)) > 0) {
        tl_buffer_append(json, ",", 1);
        put_text(json, "found", statement, 0);
    }
    sqlite3_finalize(statement);
    return status;
}

static int put_row(const struct tl_sql *sql, const struct search *s, sqlite3_stmt *row, struct tl_buffer *json)
{
    tl_buffer_append(json, "{", 1);
    put_text(json, "id", row, 1);
    tl_buffer_append(json, ",", 1);
    put_text(json, "title", row, 2);
    tl_buffer_printf(json, ",\"created\":%" PRId64 ",\"changed\":%" PRId64 ",\"messages\":%" PRId64, (int64_t)sqlite3_column_int64(row, 3),
                     (int64_t)sqlite3_column_int64(row, 4), (int64_t)sqlite3_column_int64(row, 5));
    int status = searches(s) ? put_place(sql, s, sqlite3_column_int64(row, 6), json) : 0;
    return status < 0 ? status : tl_buffer_append(json, "}", 1);
}

static int put_list(const struct tl_sql *sql, const struct search *s, const struct tl_conversation_place *from, uint32_t most, struct tl_buffer *json)
{
    sqlite3_stmt *statement = NULL;
    struct tl_conversation_place last = from ? *from : (struct tl_conversation_place){INT64_MAX, INT64_MAX};
    uint32_t n = 0;
    int status = ask_for_list(sql, s, last, most, &statement);
    tl_buffer_printf(json, "{\"conversations\":[");
    while (status >= 0 && (status = tl_sql_step(sql, statement)) > 0 && n++ < most) {
        if (n > 1)
            tl_buffer_append(json, ",", 1);
        status = put_row(sql, s, statement, json);
        last = (struct tl_conversation_place){sqlite3_column_int64(statement, 4), sqlite3_column_int64(statement, 0)};
    }
    sqlite3_finalize(statement);
    if (status <= 0)
        return status < 0 ? status : tl_buffer_printf(json, "],\"next\":null}");
    return tl_buffer_printf(json, "],\"next\":\"%" PRId64 ".%" PRId64 "\"}", last.changed, last.number);
}

int tl_conversations_list(struct tl_conversations *c, const char *search, const struct tl_conversation_place *from, uint32_t most,
                          struct tl_buffer *json)
{
    struct search s;
    search_init(&s);
    int status = read_search(&s, search ? search : "");
    if (status >= 0 && (status = tl_conversations_enter(c)) >= 0) {
        status = put_list(&c->sql, &s, from, most < TL_CONVERSATION_LIST ? most : TL_CONVERSATION_LIST, json);
        status = tl_conversations_leave(c, status);
    }
    search_done(&s);
    return status;
}
