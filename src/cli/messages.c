/* SPDX-License-Identifier: MIT */
/* Messages as text that is JSON at every moment; nothing is parsed but files that are loaded, and these only as far as
 * to know that they are lists of objects. What the objects say is the template's business. */
#include "cli/messages.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/input.h"

void tl_messages_init(struct tl_messages *messages)
{
    tl_buffer_init(&messages->system, 0);
    tl_buffer_init(&messages->turns, 0);
}

void tl_messages_done(struct tl_messages *messages)
{
    tl_buffer_done(&messages->system);
    tl_buffer_done(&messages->turns);
}

static int append_message(struct tl_buffer *buffer, const char *role, const char *text, size_t n_bytes)
{
    tl_buffer_printf(buffer, "{\"role\":\"%s\",\"content\":", role);
    tl_buffer_json_string(buffer, text, n_bytes);
    return tl_buffer_append(buffer, "}", 1);
}

int tl_messages_system(struct tl_messages *messages, const char *text)
{
    tl_buffer_clear(&messages->system);
    return text && *text ? append_message(&messages->system, "system", text, strlen(text)) : 0;
}

int tl_messages_add(struct tl_messages *messages, const char *role, const char *text, size_t n_bytes)
{
    if (messages->turns.len)
        tl_buffer_append(&messages->turns, ",\n", 2);
    return append_message(&messages->turns, role, text, n_bytes);
}

size_t tl_messages_mark(const struct tl_messages *messages)
{
    return messages->turns.len;
}

void tl_messages_back(struct tl_messages *messages, size_t mark)
{
    if (mark == 0 || mark > messages->turns.len)
        tl_buffer_clear(&messages->turns);
    else {
        messages->turns.len = mark;
        messages->turns.data[mark] = 0;
    }
}

int tl_messages_json(const struct tl_messages *messages, struct tl_buffer *buffer)
{
    const struct tl_buffer *system = &messages->system, *turns = &messages->turns;
    tl_buffer_clear(buffer);
    tl_buffer_append(buffer, "[", 1);
    tl_buffer_append(buffer, system->data, system->len);
    if (system->len && turns->len)
        tl_buffer_append(buffer, ",\n", 2);
    tl_buffer_append(buffer, turns->data, turns->len);
    return tl_buffer_append(buffer, "]", 1);
}

int tl_messages_save(const struct tl_messages *messages, const char *path)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    int r = tl_messages_json(messages, &text);
    if (r >= 0 && (r = tl_buffer_append(&text, "\n", 1)) >= 0)
        r = tl_outfile_save(path, text.data, text.len);
    tl_buffer_done(&text);
    return r;
}

/* A list of objects? `ret_first`, `ret_end`: where its inside begins and ends. */
static int check_list(const char *name, const char *text, size_t n_bytes, const char **ret_first, const char **ret_end,
                      size_t *ret_count)
{
    struct tl_json json;
    tl_json_init(&json, name, text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        r = tl_json_fail(&json, "a list of messages");
    *ret_first = r >= 0 ? json.raw + 1 : NULL;
    *ret_count = 0;
    while (r >= 0 && (r = tl_json_next(&json)) >= 0 && r != TL_JSON_ARRAY_END) {
        r = r == TL_JSON_OBJECT ? tl_json_skip(&json) : tl_json_fail(&json, "a message object");
        ++*ret_count;
    }
    *ret_end = json.at - 1;
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    return r == TL_E_FILE ? TL_E_USAGE : r;
}

int tl_messages_load(struct tl_messages *messages, const char *path, size_t *ret_count)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes = 0, count = 0;
    const char *first = NULL, *end = NULL;
    int r = tl_input_text(path, &text, &n_bytes);
    if (r >= 0)
        r = check_list(path, text, n_bytes, &first, &end, &count);
    struct tl_buffer turns;
    tl_buffer_init(&turns, 0);
    if (r >= 0 && count)
        r = tl_buffer_append(&turns, first, (size_t)(end - first));
    if (r < 0) {
        tl_buffer_done(&turns);
        return r;
    }
    tl_messages_done(messages);
    tl_messages_init(messages);
    messages->turns = turns;
    *ret_count = count;
    return 0;
}
