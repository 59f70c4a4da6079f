/* SPDX-License-Identifier: MIT */
/* A document of a conversation into its rows. The document is hostile: every text has a bound, what is no text or no whole
 * object is refused by the name of its member, and a member that is not known is passed over. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "serve/conversations_impl.h"

enum { MEMBER_ID, MEMBER_PARENT, MEMBER_ROLE, MEMBER_CONTENT, MEMBER_REASONING, MEMBER_DATA, MEMBERS };

static const char *const roles[] = {"system", "user", "assistant"};

struct text { char *bytes; size_t n; };

static void free_text(struct text *text) { tl_free(text->bytes); *text = (struct text){0}; }

/* --- values ------------------------------------------------------------------------------------------------------------- */

/* The reader's next value, a string; zero bytes, which no index can hold, become U+FFFD. */
static int take_string(struct tl_json *json, const char *name, size_t most, struct text *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    struct tl_buffer copy;
    int r = tl_json_next(json);
    if (r < 0)
        return r;
    if (r != TL_JSON_STRING)
        return tl_fail(TL_E_USAGE, "%s: expected a string", name);
    if (json->string.len > most)
        return tl_fail(TL_E_BUDGET, "%s: %zu bytes, at most %zu are kept", name, json->string.len, most);
    tl_buffer_init(&copy, 0);
    tl_buffer_append(&copy, "", 0);
    const char *at = json->string.data, *end = at + json->string.len;
    while (at < end) {
        const char *zero = memchr(at, 0, (size_t)(end - at));
        tl_buffer_append(&copy, at, (size_t)((zero ? zero : end) - at));
        if (zero)
            tl_buffer_append(&copy, replacement, 3);
        at = zero ? zero + 1 : end;
    }
    free_text(text);
    text->bytes = tl_buffer_take(&copy, &text->n);
    return text->bytes ? 0 : TL_E_NOMEM;
}

/* The reader's next value, an object, as it is written. */
static int take_object(struct tl_json *json, const char *name, struct text *text)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", name);
    const char *begin = json->raw;
    if (r < 0 || (r = tl_json_skip(json)) < 0)
        return r;
    size_t n = (size_t)(json->at - begin);
    if (n > TL_CONVERSATION_DATA_BYTES)
        return tl_fail(TL_E_BUDGET, "%s: %zu bytes, at most %d are kept", name, n, TL_CONVERSATION_DATA_BYTES);
    free_text(text);
    text->bytes = tl_strndup(begin, n);
    text->n = n;
    return text->bytes ? 0 : TL_E_NOMEM;
}

/* Ids are the page's: short, and of characters that mean nothing anywhere. */
static int take_id(struct tl_json *json, const char *name, bool may_be_empty, struct text *text)
{
    int r = take_string(json, name, TL_CONVERSATION_ID_BYTES, text);
    if (r < 0)
        return r;
    size_t plain = strspn(text->bytes, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return plain == text->n && (text->n || may_be_empty) ? 0 : tl_fail(TL_E_USAGE, "%s: expected letters, digits, - and _", name);
}

static int take_role(struct tl_json *json, struct text *text)
{
    int r = take_string(json, "role", 16, text);
    for (size_t i = 0; i < TL_COUNT(roles) && r >= 0; i++)
        if (strcmp(text->bytes, roles[i]) == 0)
            return 0;
    return r < 0 ? r : tl_fail(TL_E_USAGE, "role: found \"%.16s\", expected system, user or assistant", text->bytes);
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

/* What of a text is found again: its beginning, at a whole character. */
static size_t indexed(const struct text *text)
{
    enum { MOST = 256 << 10 };
    return text->n <= MOST ? text->n : MOST - tl_utf8_unfinished(text->bytes, MOST);
}

static int find_again(const struct tl_sql *sql, int64_t row, int64_t conversation, const struct text *text)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_sql_ask(sql, &statement, "DELETE FROM found WHERE rowid = ?1", "i", row);
    if (status >= 0)
        status = tl_sql_finish(sql, statement);
    if (status >= 0)
        status = tl_sql_ask(sql, &statement, "INSERT INTO found (rowid, text, conversation) VALUES (?1, ?2, ?3)", "iti", row, text->bytes,
                            indexed(text), conversation);
    return status < 0 ? status : tl_sql_finish(sql, statement);
}

static int put_message(const struct tl_sql *sql, int64_t conversation, const struct text *member)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    int status = tl_sql_ask(sql, &statement,
        "INSERT INTO message (conversation, id, parent, role, content, reasoning, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT (conversation, id) DO UPDATE SET parent = ?3, role = ?4, content = ?5, reasoning = ?6, data = ?7 RETURNING number",
        "itttttt", conversation, member[0].bytes, member[0].n, member[1].bytes ? member[1].bytes : "", member[1].n,
        member[2].bytes, member[2].n, member[3].bytes, member[3].n, member[4].bytes ? member[4].bytes : "", member[4].n,
        member[5].bytes ? member[5].bytes : "{}", member[5].bytes ? member[5].n : 2);
    if (status >= 0 && (status = tl_sql_step(sql, statement)) > 0) {
        number = sqlite3_column_int64(statement, 0);
        status = tl_sql_step(sql, statement);
    }
    sqlite3_finalize(statement);
    return status < 0 ? status : find_again(sql, number, conversation, &member[MEMBER_CONTENT]);
}

static int take_member(struct tl_json *json, struct text *member)
{
    if (tl_json_is(json, "id"))
        return take_id(json, "id", false, &member[MEMBER_ID]);
    if (tl_json_is(json, "parent"))
        return take_id(json, "parent", true, &member[MEMBER_PARENT]);
    if (tl_json_is(json, "role"))
        return take_role(json, &member[MEMBER_ROLE]);
    if (tl_json_is(json, "content"))
        return take_string(json, "content", TL_CONVERSATION_TEXT_BYTES, &member[MEMBER_CONTENT]);
    if (tl_json_is(json, "reasoning"))
        return take_string(json, "reasoning", TL_CONVERSATION_TEXT_BYTES, &member[MEMBER_REASONING]);
    if (tl_json_is(json, "data"))
        return take_object(json, "data", &member[MEMBER_DATA]);
    return tl_json_skip(json);
}

static int take_message(const struct tl_sql *sql, int64_t conversation, struct tl_json *json)
{
    struct text member[MEMBERS] = {{0}};
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "messages: expected objects");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_member(json, member);
    if (r >= 0 && (!member[MEMBER_ID].bytes || !member[MEMBER_ROLE].bytes || !member[MEMBER_CONTENT].bytes))
        r = tl_fail(TL_E_USAGE, "messages: each needs an id, a role and a content");
    if (r >= 0)
        r = put_message(sql, conversation, member);
    for (int i = 0; i < MEMBERS; i++)
        free_text(&member[i]);
    return r;
}

static int check_messages(const struct tl_sql *sql, int64_t conversation)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_sql_ask(sql, &statement, "SELECT count(*), total(length(CAST(content AS BLOB)) + length(CAST(reasoning AS BLOB)) + length(CAST(data AS BLOB)))"
                                             " FROM message WHERE conversation = ?1", "i", conversation);
    if (status >= 0 && (status = tl_sql_step(sql, statement)) > 0) {
        if (sqlite3_column_int64(statement, 0) > TL_CONVERSATION_MESSAGES)
            status = tl_fail(TL_E_BUDGET, "messages: at most %d are kept of a conversation", TL_CONVERSATION_MESSAGES);
        else if (sqlite3_column_double(statement, 1) > TL_CONVERSATION_BYTES)
            status = tl_fail(TL_E_BUDGET, "messages: at most %d bytes are kept of a conversation", TL_CONVERSATION_BYTES);
    }
    sqlite3_finalize(statement);
    return status;
}

static int take_messages(const struct tl_sql *sql, int64_t conversation, struct tl_json *json)
{
    int n = 0, r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "messages: expected a list");
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        r = ++n > TL_CONVERSATION_MESSAGES ? tl_fail(TL_E_BUDGET, "messages: at most %d are kept of a conversation", TL_CONVERSATION_MESSAGES)
                                           : take_message(sql, conversation, json);
    }
    return r < 0 ? r : check_messages(sql, conversation);
}

/* --- the conversation ----------------------------------------------------------------------------------------------------- */

static int set_text(const struct tl_sql *sql, int64_t number, const char *statement_text, const struct text *text)
{
    sqlite3_stmt *statement = NULL;
    int status = tl_sql_ask(sql, &statement, statement_text, "ti", text->bytes, text->n, number);
    return status < 0 ? status : tl_sql_finish(sql, statement);
}

static int take_time(const struct tl_sql *sql, int64_t number, const char *statement_text, struct tl_json *json)
{
    sqlite3_stmt *statement = NULL;
    uint64_t time;
    int r = tl_json_u64(json, (uint64_t)1 << 52, &time);
    if (r >= 0)
        r = tl_sql_ask(sql, &statement, statement_text, "ii", (int64_t)time, number);
    return r < 0 ? r : tl_sql_finish(sql, statement);
}

static int take_title(const struct tl_sql *sql, int64_t number, struct tl_json *json, struct text *text)
{
    int r = take_string(json, "title", TL_CONVERSATION_TITLE_BYTES, text);
    if (r >= 0)
        r = set_text(sql, number, "UPDATE conversation SET title = ?1 WHERE number = ?2", text);
    return r < 0 ? r : find_again(sql, -number, number, text);
}

static int take_field(const struct tl_sql *sql, int64_t number, bool times, struct tl_json *json, struct text *text)
{
    int r;
    if (tl_json_is(json, "title"))
        return take_title(sql, number, json, text);
    if (tl_json_is(json, "messages"))
        return take_messages(sql, number, json);
    if (times && tl_json_is(json, "created"))
        return take_time(sql, number, "UPDATE conversation SET created = ?1 WHERE number = ?2", json);
    if (times && tl_json_is(json, "changed"))
        return take_time(sql, number, "UPDATE conversation SET changed = ?1 WHERE number = ?2", json);
    if (tl_json_is(json, "head"))
        return (r = take_id(json, "head", true, text)) < 0 ? r
            : set_text(sql, number, "UPDATE conversation SET head = ?1 WHERE number = ?2", text);
    if (tl_json_is(json, "settings"))
        return (r = take_object(json, "settings", text)) < 0 ? r
            : set_text(sql, number, "UPDATE conversation SET settings = ?1 WHERE number = ?2", text);
    return tl_json_skip(json);
}

int tl_conversation_read(const struct tl_sql *sql, int64_t number, bool times, const char *text, size_t n_bytes)
{
    struct tl_json json;
    struct text scratch = {0};
    tl_json_init(&json, "conversation", text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_fail(TL_E_USAGE, "conversation: expected an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = take_field(sql, number, times, &json, &scratch);
    if (r >= 0)
        r = tl_json_next(&json);
    free_text(&scratch);
    tl_json_done(&json);
    return r < 0 ? r : 0;
}
