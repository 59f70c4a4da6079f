/* SPDX-License-Identifier: MIT */
/* Text in and out of ids, and chat templates. */
#include "api/api.h"
#include "base/error.h"
#include "base/memory.h"

int trill_tokenize(struct trill_model *model, const char *text, size_t n_bytes, unsigned flags, int32_t **ret_ids, size_t *ret_count)
{
    unsigned encode = (flags & TRILL_SPECIAL ? TL_ENCODE_SPECIAL : 0u) | (flags & TRILL_BOS ? TL_ENCODE_BOS : 0u);
    return tl_tokenizer_encode(model->engine->tokenizer, text, n_bytes, encode, ret_ids, ret_count);
}

int trill_detokenize(struct trill_model *model, const int32_t *ids, size_t count, unsigned flags, char **ret_text, size_t *ret_bytes)
{
    return tl_tokenizer_decode(model->engine->tokenizer, ids, count, flags & TRILL_SPECIAL, ret_text, ret_bytes);
}

int trill_token_ends(struct trill_model *model, int32_t id) { return tl_tokenizer_ends(model->engine->tokenizer, id); }

int trill_model_has_chat(struct trill_model *model) { return model->engine->template != NULL; }

void trill_chat_init(struct trill_chat *chat, size_t size)
{
    static const struct trill_chat preset = { .size = sizeof(preset) };
    tl_api_out(chat, size, &preset, sizeof(preset));
}

static int translate(const struct trill_chat *chat, struct tl_chat *ret_chat)
{
    struct trill_chat known = { .size = sizeof(known) };
    tl_api_in(&known, sizeof(known), chat);
    if (!known.messages)
        return tl_fail(TL_E_USAGE, "no messages were given");
    *ret_chat = (struct tl_chat){ .messages = known.messages, .tools = known.tools, .variables = known.variables,
                                  .template_text = known.template_text, .no_generation_prompt = known.no_generation_prompt };
    return 0;
}

int trill_chat_render(struct trill_model *model, const struct trill_chat *chat, char **ret_text, size_t *ret_bytes)
{
    struct tl_chat how;
    struct tl_parts parts;
    struct tl_buffer text;
    int status = translate(chat, &how);
    if (status >= 0)
        status = tl_chat_render(model->engine, &how, &parts);
    if (status < 0)
        return status;
    tl_buffer_init(&text, 0);
    tl_buffer_append(&text, "", 0);
    for (size_t i = 0; i < parts.count; i++)
        tl_buffer_append(&text, parts.part[i].text, parts.part[i].n_bytes);
    tl_parts_done(&parts);
    status = text.status;
    char *bytes = tl_buffer_take(&text, ret_bytes);
    if (status >= 0)
        *ret_text = bytes;
    return status;
}

int trill_chat_tokenize(struct trill_model *model, const struct trill_chat *chat, int32_t **ret_ids, size_t *ret_count)
{
    struct tl_chat how;
    int status = translate(chat, &how);
    return status < 0 ? status : tl_chat_tokenize(model->engine, &how, ret_ids, ret_count);
}
