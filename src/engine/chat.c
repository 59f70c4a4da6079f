/* SPDX-License-Identifier: MIT */
/* Chat: renders the template into parts, then encodes their joined text with the bytes of the caller's parts marked, so
 * that no control token is found in them while ordinary text still merges across the borders of parts. */
#include "engine/chat.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"

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

int tl_chat_render(const struct tl_engine *engine, const struct tl_chat *chat, struct tl_parts *ret_parts)
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
