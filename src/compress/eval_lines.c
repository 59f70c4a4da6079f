/* SPDX-License-Identifier: MIT */
/* Each member is read into its place once; what a line lacks or has too much of is found when all of it is read. */
#include "compress/eval_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/option.h"
#include "wire/openai.h"

enum { MOST_ANSWER = 1 << 20 };
static const size_t most_bytes = (size_t)1 << 30;

struct reading { struct tl_json json; struct tl_eval_item item; unsigned judged; bool said_answer; };

/* --- kinds of members --------------------------------------------------------------------------------------------- */

static int text(struct reading *r, void *member)
{
    char **to = member;
    tl_free(*to);
    *to = NULL;
    int status = tl_json_text(&r->json, to);
    if (status >= 0 && strlen(*to) != r->json.string.len)
        return tl_fail(TL_E_USAGE, "a text has a NUL byte, which no text has");
    return status;
}

static int raw(struct reading *r, void *member)
{
    char **to = member;
    struct tl_buffer copy;
    tl_buffer_init(&copy, TL_EVAL_LINE_BYTES);
    int status = tl_openai_next_is(&r->json, '[') ? tl_openai_raw(&r->json, &copy) : tl_fail(TL_E_USAGE, "messages: expected a list of messages");
    tl_free(*to);
    *to = status < 0 ? NULL : tl_buffer_take(&copy, NULL);
    tl_buffer_done(&copy);
    return status < 0 ? status : *to ? 0 : TL_E_NOMEM;
}

static int add(struct tl_eval_list *list, const struct tl_buffer *string)
{
    if (list->n == TL_EVAL_LIST)
        return tl_fail(TL_E_USAGE, "a list of more than %d texts", TL_EVAL_LIST);
    if (memchr(string->data ? string->data : "", 0, string->len))
        return tl_fail(TL_E_USAGE, "a text has a NUL byte, which no text has");
    if (!list->text && !(list->text = tl_alloc(TL_EVAL_LIST, sizeof(*list->text))))
        return TL_E_NOMEM;
    if (!(list->text[list->n] = tl_strndup(string->data ? string->data : "", string->len)))
        return TL_E_NOMEM;
    list->n++;
    return 0;
}

static int list(struct reading *r, void *member)
{
    struct tl_eval_list *to = member;
    int event = tl_json_next(&r->json);
    if (event >= 0 && event != TL_JSON_ARRAY)
        return tl_json_fail(&r->json, "a list of texts");
    while (event >= 0 && (event = tl_json_next(&r->json)) != TL_JSON_ARRAY_END)
        event = event < 0 ? event : event == TL_JSON_STRING ? add(to, &r->json.string) : tl_json_fail(&r->json, "a text");
    return event < 0 ? event : 0;
}

static int one_more(struct reading *r, void *member)
{
    if (!tl_openai_next_is(&r->json, '"'))
        return list(r, member);
    int event = tl_json_next(&r->json);
    return event < 0 ? event : add(member, &r->json.string);
}

static int whole(struct reading *r, void *member)
{
    uint64_t value;
    int status = tl_json_u64(&r->json, MOST_ANSWER, &value);
    r->said_answer = r->said_answer || member == &r->item.right;
    if (status >= 0)
        *(uint32_t *)member = (uint32_t)value;
    return status;
}

static int truth(struct reading *r, void *member)
{
    bool value;
    int status = tl_json_bool(&r->json, &value);
    (void)member;
    return status < 0 ? status : value ? 0 : tl_fail(TL_E_USAGE, "json: expected true, or no such member");
}

static int command(struct reading *r, void *member)
{
    return tl_openai_next_is(&r->json, '"') ? text(r, member) : truth(r, member);
}

/* --- a line ------------------------------------------------------------------------------------------------------- */

static const struct { const char *name; int (*read)(struct reading *r, void *member); size_t offset; } fields[] = {
#define EVAL_FIELD(name, how, member, meaning) { #name, how, offsetof(struct tl_eval_item, member) },
#include "compress/eval_fields.def"
#undef EVAL_FIELD
};

const char *const tl_eval_kinds[] = {
#define EVAL_KIND(id, name, meaning) #name,
#include "compress/eval_kinds.def"
#undef EVAL_KIND
};

enum { FIELDS = TL_COUNT(fields) };

static int unknown(const struct reading *r)
{
    const char *names[FIELDS];
    for (int i = 0; i < FIELDS; i++)
        names[i] = fields[i].name;
    const char *nearest = tl_option_nearest(r->json.string.data ? r->json.string.data : "", names, FIELDS);
    return nearest ? tl_fail(TL_E_USAGE, "unknown member \"%.40s\"; is %s meant?", r->json.string.data, nearest)
                   : tl_fail(TL_E_USAGE, "unknown member \"%.40s\"", r->json.string.data ? r->json.string.data : "");
}

static int read_member(struct reading *r)
{
    for (int i = 0; i < FIELDS; i++) {
        if (!tl_json_is(&r->json, fields[i].name))
            continue;
        for (int k = 0; k < TL_EVAL_KINDS; k++)
            r->judged |= strcmp(tl_eval_kinds[k], fields[i].name) == 0 ? 1u << k : 0;
        return fields[i].read(r, (char *)&r->item + fields[i].offset);
    }
    return unknown(r);
}

static int check_task(struct reading *r, const struct tl_eval_order *order)
{
    struct tl_eval_item *item = &r->item;
    if (!r->judged || r->judged & (r->judged - 1))
        return tl_fail(TL_E_USAGE, "expected one of \"choices\", \"expect\", \"verify\" and \"json\", found %s", r->judged ? "several" : "none");
    item->kind = __builtin_ctz(r->judged);
    if (item->kind == TL_EVAL_CHOICE && (item->choices.n < 2 || !r->said_answer || item->right >= item->choices.n))
        return tl_fail(TL_E_USAGE, "expected two choices or more, and \"answer\", which of them is right, counted from 0");
    for (uint32_t i = 0; i < item->choices.n; i++)
        if (!*item->choices.text[i])
            return tl_fail(TL_E_USAGE, "choice %u is empty", i);
    if (item->kind == TL_EVAL_EXPECT && !item->expect.n)
        return tl_fail(TL_E_USAGE, "expect: an empty list, expected a right answer");
    if (item->kind == TL_EVAL_VERIFY && !item->verify && !order->verify)
        return tl_fail(TL_E_USAGE, "verify is true, and no command is given: --verify COMMAND");
    if (item->verify && !order->trust)
        return tl_fail(TL_E_USAGE, "wants to run a command, which needs --trust-tasks: %.60s", item->verify);
    return 0;
}

static int check(struct reading *r, bool tasks, const struct tl_eval_order *order)
{
    const struct tl_eval_item *item = &r->item;
    if (!item->prompt == !item->messages)
        return tl_fail(TL_E_USAGE, "expected either \"prompt\" or \"messages\"");
    if (item->prompt && !*item->prompt)
        return tl_fail(TL_E_USAGE, "the prompt is empty");
    if (!tasks && (r->judged || r->said_answer))
        return tl_fail(TL_E_USAGE, "a prompt has nothing that judges it; lines with right answers go to --tasks");
    if (r->said_answer && !(r->judged & 1u << TL_EVAL_CHOICE))
        return tl_fail(TL_E_USAGE, "\"answer\" is of \"choices\", and there are none; a text that is expected is \"expect\"");
    return tasks ? check_task(r, order) : 0;
}

static int parse_line(struct reading *r, const char *bytes, size_t n_bytes, bool tasks, const struct tl_eval_order *order)
{
    tl_json_init(&r->json, "JSON", bytes, n_bytes);
    int status = tl_json_next(&r->json);
    if (status >= 0 && status != TL_JSON_OBJECT)
        status = tl_json_fail(&r->json, "an object");
    while (status >= 0 && (status = tl_json_next(&r->json)) == TL_JSON_KEY)
        status = read_member(r);
    if (status >= 0)
        status = tl_json_next(&r->json);
    if (status >= 0)
        status = check(r, tasks, order);
    tl_json_done(&r->json);
    return status;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void list_done(struct tl_eval_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        tl_free(l->text[i]);
    tl_free(l->text);
}

static void item_done(struct tl_eval_item *item)
{
    tl_free(item->id);
    tl_free(item->prompt);
    tl_free(item->messages);
    tl_free(item->verify);
    list_done(&item->choices);
    list_done(&item->expect);
    list_done(&item->stop);
    list_done(&item->tags);
}

void tl_eval_items_done(struct tl_eval_items *items)
{
    for (uint64_t i = 0; i < items->n; i++)
        item_done(&items->item[i]);
    tl_free(items->item);
    *items = (struct tl_eval_items){0};
}

int tl_eval_item_fail(const struct tl_eval_item *item, int status)
{
    tl_fail_in(status, "%s: line %" PRIu64, item->file, item->line);
    return status == TL_E_FILE ? TL_E_USAGE : status;
}

static int add_line(struct tl_eval_items *items, const char *path, uint64_t line, const char *bytes, size_t n_bytes, bool tasks,
                    const struct tl_eval_order *order)
{
    struct reading r = {.item = {.file = path, .line = line, .kind = -1}};
    int status = items->n >= TL_EVAL_LINES         ? tl_fail(TL_E_USAGE, "more than %d lines", TL_EVAL_LINES)
               : n_bytes > TL_EVAL_LINE_BYTES      ? tl_fail(TL_E_USAGE, "%zu bytes, at most %d are taken", n_bytes, TL_EVAL_LINE_BYTES)
                                                   : parse_line(&r, bytes, n_bytes, tasks, order);
    if (status < 0) {
        item_done(&r.item);
        return tl_eval_item_fail(&r.item, status);
    }
    status = tl_grow((void **)&items->item, items->n, &items->cap, sizeof(*items->item));
    if (status < 0)
        item_done(&r.item);
    else
        items->item[items->n++] = r.item;
    return status;
}

static bool blank(const char *bytes, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r'))
        i++;
    return i == n_bytes;
}

int tl_eval_items_parse(struct tl_eval_items *items, const char *path, const char *bytes, size_t n_bytes, bool tasks,
                        const struct tl_eval_order *order)
{
    uint64_t line = 0, before = items->n;
    int status = 0;
    for (size_t at = 0, n; at < n_bytes && status >= 0; at += n + 1) {
        const char *end = memchr(bytes + at, '\n', n_bytes - at);
        n = end ? (size_t)(end - (bytes + at)) : n_bytes - at;
        line++;
        if (!blank(bytes + at, n))
            status = add_line(items, path, line, bytes + at, n, tasks, order);
    }
    if (status >= 0 && items->n == before)
        return tl_fail(TL_E_USAGE, "%s: no lines; expected a JSON object a line", path);
    return status;
}

int tl_eval_items_read(struct tl_eval_items *items, const char *path, bool tasks, const struct tl_eval_order *order)
{
    TL_AUTO char *bytes = NULL;
    size_t n_bytes;
    int status = tl_file_slurp(path, most_bytes, &bytes, &n_bytes);
    if (status == TL_E_FILE)             /* not a model file, so not its fault */
        return tl_error_set(TL_E_IO, tl_error_text());
    return status < 0 ? status : tl_eval_items_parse(items, path, bytes, n_bytes, tasks, order);
}

int tl_eval_item_messages(const struct tl_eval_item *item, bool chat, char **ret_messages)
{
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, 0);
    if (item->messages) {
        tl_buffer_append(&buffer, item->messages, strlen(item->messages));
    } else if (chat) {
        tl_buffer_printf(&buffer, "[{\"role\":\"user\",\"content\":");
        tl_buffer_json_string(&buffer, item->prompt, strlen(item->prompt));
        tl_buffer_printf(&buffer, "}]");
    }
    int status = buffer.status;
    *ret_messages = item->messages || chat ? tl_buffer_take(&buffer, NULL) : NULL;
    tl_buffer_done(&buffer);
    return status;
}
