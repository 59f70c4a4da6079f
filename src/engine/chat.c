/* SPDX-License-Identifier: MIT */
/* Chat: renders the template into parts, then encodes their joined text with the bytes of the caller's parts marked, so
 * that no control token is found in them while ordinary text still merges across the borders of parts. */
#include "engine/chat.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/language.h"

static const char *name_of(const struct tl_engine *engine, int32_t id)
{
    return id >= 0 ? tl_tokenizer_name(engine->tokenizer, id) : NULL;
}

static int render(const struct tl_engine *engine, const struct tl_template *template, const struct tl_chat *chat, struct tl_parts *ret_parts)
{
    struct tl_template_input input = {
        .messages_json = chat->messages, .tools_json = chat->tools, .extra_json = chat->variables,
        .bos = name_of(engine, tl_tokenizer_bos(engine->tokenizer)), .eos = name_of(engine, tl_tokenizer_eos(engine->tokenizer)),
        .add_generation_prompt = !chat->no_generation_prompt, .now = chat->now ? chat->now : (int64_t)time(NULL),
    };
    return tl_template_render(template, &input, ret_parts);
}

static int render_any(const struct tl_engine *engine, const struct tl_chat *chat, struct tl_parts *ret_parts)
{
    if (!chat->template_text && !engine->template)
        return tl_fail(TL_E_USAGE, "%s: the model brings no chat template; give one, or a raw prompt", tl_modelfile_path(engine->file));
    if (!chat->template_text)
        return render(engine, engine->template, chat, ret_parts);
    struct tl_template *template;
    int status = tl_template_new(chat->template_text, strlen(chat->template_text), &template);
    if (status < 0)
        return status;
    status = render(engine, template, chat, ret_parts);
    tl_template_free(template);
    return status;
}

/* --- what a template tells ---------------------------------------------------------------------------------------------------- */

static bool tells(const struct tl_engine *engine, const char *messages, const char *tools, const char *word)
{
    struct tl_chat chat = {.messages = messages, .tools = tools, .now = 1};
    struct tl_parts parts;
    bool found = false;
    if (render(engine, engine->template, &chat, &parts) < 0)
        return false;
    for (size_t i = 0; i < parts.count && !found; i++)
        found = memmem(parts.part[i].text, parts.part[i].n_bytes, word, strlen(word)) != NULL;
    tl_parts_done(&parts);
    return found;
}

void tl_chat_look(struct tl_engine *engine)
{
    static const char user[] = "[{\"role\":\"user\",\"content\":\"word-of-user\"}]";
    static const char both[] = "[{\"role\":\"system\",\"content\":\"word-of-system\"},{\"role\":\"user\",\"content\":\"word-of-user\"}]";
    static const char tools[] = "[{\"type\":\"function\",\"function\":{\"name\":\"name_of_tool\",\"description\":\"-\",\"parameters\":{\"type\":\"object\","
                                "\"properties\":{\"x\":{\"type\":\"string\",\"description\":\"-\"}},\"required\":[\"x\"]}}}]";
    engine->tells_system = tells(engine, both, NULL, "word-of-system");
    engine->tells_tools = tells(engine, engine->tells_system ? both : user, tools, "name_of_tool") || !tells(engine, user, NULL, "word-of-user");
}

/* --- answers that are begun ---------------------------------------------------------------------------------------------------- */

/* Behind the beginning of a message: is it the assistant's? *ret_content is its text, NULL where it has none. */
static int read_message(struct tl_json *json, bool *ret_assistant, char **ret_content)
{
    int r = 0;
    tl_free(*ret_content);
    *ret_content = NULL;
    *ret_assistant = false;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool role = tl_json_is(json, "role"), content = tl_json_is(json, "content");
        if (!role && !content) {
            r = tl_json_skip(json);
        } else if ((r = tl_json_next(json)) == TL_JSON_STRING) {
            if (role)
                *ret_assistant = tl_json_is(json, "assistant");
            else if (!*ret_content && !(*ret_content = tl_strndup(json->string.data, json->string.len)))
                r = TL_E_NOMEM;
        } else if (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY) {
            r = tl_json_skip(json);
        }
    }
    return r;
}

/* The text of the last message where that is the assistant's; NULL: there is none. */
static int begun_answer(const char *messages, char **ret_text)
{
    struct tl_json json;
    bool assistant = false;
    char *content = NULL;
    tl_json_init(&json, "messages", messages, strlen(messages));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_OBJECT)
        r = read_message(&json, &assistant, &content);
    tl_json_done(&json);
    if (r < 0 || !assistant || !content || !*content) {
        tl_free(content);
        content = NULL;
    }
    *ret_text = content;
    return r < 0 ? r : 0;
}

static bool ends_with(const char *text, const char *part, size_t n_bytes)
{
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]) && (n_bytes == 0 || part[n_bytes - 1] != text[n - 1]))
        n--;                             /* templates trim */
    return n_bytes && n_bytes <= n && memcmp(text + n - n_bytes, part, n_bytes) == 0;
}

/* Leaves out what the template writes behind the answer that is begun. */
static int cut_behind(const char *begun, struct tl_parts *parts)
{
    size_t last = parts->count;
    while (last && !parts->part[last - 1].from_user)
        last--;
    if (!last || !ends_with(begun, parts->part[last - 1].text, parts->part[last - 1].n_bytes))
        return tl_fail(TL_E_USAGE, "messages: the model's chat template cannot go on with an answer that is begun");
    for (size_t i = last; i < parts->count; i++)
        tl_free(parts->part[i].text);
    parts->count = last;
    return 0;
}

int tl_chat_render(const struct tl_engine *engine, const struct tl_chat *chat, struct tl_parts *ret_parts)
{
    TL_AUTO char *begun = NULL;
    TL_AUTO char *told = NULL;
    struct tl_chat how = *chat;
    int status = 0;
    if (chat->tools && !chat->template_text && engine->template && !engine->tells_tools) {
        status = tl_turn_tell(tl_language_family(engine), engine->tells_system, chat->tools, chat->messages, &told);
        how.messages = told ? told : chat->messages;
    }
    if (status >= 0 && chat->goes_on)
        status = begun_answer(how.messages, &begun);
    how.no_generation_prompt |= begun != NULL;
    if (status >= 0)
        status = render_any(engine, &how, ret_parts);
    if (status >= 0 && begun && (status = cut_behind(begun, ret_parts)) < 0)
        tl_parts_done(ret_parts);
    return status;
}

/* --- ids ---------------------------------------------------------------------------------------------------------------------- */

int tl_chat_join(const struct tl_parts *parts, char **ret_text, uint8_t **ret_plain, size_t *ret_bytes)
{
    size_t n_bytes = 0, at = 0;
    for (size_t i = 0; i < parts->count; i++)
        n_bytes += parts->part[i].n_bytes;
    char *text = tl_alloc(n_bytes + 1, 1);
    uint8_t *plain = tl_alloc(n_bytes + 1, 1);
    if (!text || !plain) {
        tl_free(text);
        tl_free(plain);
        return TL_E_NOMEM;
    }
    for (size_t i = 0; i < parts->count; at += parts->part[i++].n_bytes) {
        memcpy(text + at, parts->part[i].text, parts->part[i].n_bytes);
        memset(plain + at, parts->part[i].from_user, parts->part[i].n_bytes);
    }
    *ret_text = text;
    *ret_plain = plain;
    *ret_bytes = n_bytes;
    return 0;
}

static int encode(const struct tl_engine *engine, const struct tl_parts *parts, int32_t **ret_ids, size_t *ret_count)
{
    TL_AUTO char *text = NULL;
    TL_AUTO uint8_t *plain = NULL;
    size_t n_bytes;
    int status = tl_chat_join(parts, &text, &plain, &n_bytes);
    return status < 0 ? status : tl_tokenizer_encode_marked(engine->tokenizer, text, n_bytes, plain, TL_ENCODE_SPECIAL, ret_ids, ret_count);
}

int tl_chat_tokenize(const struct tl_engine *engine, const struct tl_chat *chat, int32_t **ret_ids, size_t *ret_count)
{
    struct tl_parts parts;
    int status = tl_chat_render(engine, chat, &parts);
    if (status < 0)
        return status;
    status = encode(engine, &parts, ret_ids, ret_count);
    tl_parts_done(&parts);
    return status;
}
