/* SPDX-License-Identifier: MIT */
/* Messages as a model sees them, and which of the text the assistant says. A turn of the assistant is what the rendering
 * that ends with it has beyond the one that asks for it: its words and the end of the turn, and nothing that the template
 * writes before it may speak. Where a template shows earlier turns otherwise than when they were said, these have no loss. */
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/chat.h"
#include "train/data_impl.h"

struct rendered { char *text; uint8_t *plain; size_t n_bytes; };

struct chat {
    const struct tl_corpus_how *how;
    const char *messages;
    struct rendered all;
    uint8_t *said;                       /* [all.n_bytes] by the assistant */
    int32_t *ids;
    uint8_t *silent;
    uint64_t n, cap, cap_silent;
};

static void rendered_done(struct rendered *r)
{
    tl_free(r->text);
    tl_free(r->plain);
}

static const char *name_of(const struct chat *chat, int32_t id) { return id >= 0 ? tl_tokenizer_name(chat->how->tokenizer, id) : NULL; }

static int render(const struct chat *chat, const char *messages, bool prompt, struct rendered *ret)
{
    struct tl_parts parts;
    struct tl_template_input input = {
        .messages_json = messages, .bos = name_of(chat, tl_tokenizer_bos(chat->how->tokenizer)),
        .eos = name_of(chat, tl_tokenizer_eos(chat->how->tokenizer)), .add_generation_prompt = prompt,
    };
    int status = tl_template_render(chat->how->template, &input, &parts);
    if (status < 0)
        return status;
    status = tl_chat_join(&parts, &ret->text, &ret->plain, &ret->n_bytes);
    tl_parts_done(&parts);
    return status;
}

/* The list up to byte `end` of it. */
static int render_first(const struct chat *chat, size_t end, bool prompt, struct rendered *ret)
{
    TL_AUTO char *messages = tl_strndup(chat->messages, end + 1);
    if (!messages)
        return TL_E_NOMEM;
    messages[end] = ']';
    return render(chat, messages, prompt, ret);
}

/* The message that lies in [from, end) of the list is the assistant's. */
static int mark_turn(struct chat *chat, size_t from, size_t end)
{
    struct rendered asked = { 0 }, answered = { 0 };
    size_t before = from;
    while (before > 1 && chat->messages[before] != ',')
        before--;
    int status = before > 1 ? render_first(chat, before, true, &asked) : 0;
    if (status >= 0)
        status = render_first(chat, end, false, &answered);
    if (status >= 0 && answered.n_bytes <= chat->all.n_bytes && memcmp(answered.text, chat->all.text, answered.n_bytes) == 0) {
        size_t same = 0;
        while (same < asked.n_bytes && same < answered.n_bytes && asked.text[same] == answered.text[same])
            same++;
        memset(chat->said + same, 1, answered.n_bytes - same);
    }
    rendered_done(&asked);
    rendered_done(&answered);
    return status;
}

/* Behind OBJECT: is it the assistant's? */
static int read_role(struct tl_json *json, bool *ret_assistant)
{
    int event;
    *ret_assistant = false;
    while ((event = tl_json_next(json)) == TL_JSON_KEY) {
        bool role = tl_json_is(json, "role");
        event = role ? tl_json_next(json) : tl_json_skip(json);
        if (event < 0)
            return event;
        *ret_assistant |= role && tl_json_is(json, "assistant");
    }
    return event;
}

static int mark_turns(struct chat *chat)
{
    struct tl_json json;
    tl_json_init(&json, "messages", chat->messages, strlen(chat->messages));
    int status = tl_json_next(&json);
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_OBJECT) {
        bool assistant;
        size_t from = (size_t)(json.raw - chat->messages);
        status = read_role(&json, &assistant);
        if (status >= 0 && assistant)
            status = mark_turn(chat, from, (size_t)(json.at - chat->messages));
    }
    tl_json_done(&json);
    return status;
}

/* A stretch of the text that is said, or not, encoded by itself: so a model meets its own words behind a prompt. */
static int encode_stretch(struct chat *chat, size_t from, size_t n_bytes)
{
    TL_AUTO int32_t *ids = NULL;
    size_t n;
    unsigned flags = TL_ENCODE_SPECIAL | (from ? TL_ENCODE_CONTINUE : 0);
    int status = tl_tokenizer_encode_marked(chat->how->tokenizer, chat->all.text + from, n_bytes, chat->all.plain + from, flags, &ids, &n);
    if (status < 0)
        return status;
    if (tl_reserve((void **)&chat->ids, chat->n + n, &chat->cap, sizeof(*chat->ids)) < 0 ||
        tl_reserve((void **)&chat->silent, chat->n + n, &chat->cap_silent, 1) < 0)
        return TL_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        chat->silent[chat->n] = !chat->said[from];
        chat->ids[chat->n++] = ids[i];
    }
    return 0;
}

static int encode(struct chat *chat)
{
    int status = 0;
    for (size_t from = 0, to; from < chat->all.n_bytes && status >= 0; from = to) {
        for (to = from + 1; to < chat->all.n_bytes && chat->said[to] == chat->said[from];)
            to++;
        status = encode_stretch(chat, from, to - from);
    }
    return status;
}

int tl_corpus_chat(const struct tl_corpus_how *how, const char *messages, int32_t **ret_ids, uint8_t **ret_silent, uint64_t *ret_n)
{
    struct chat chat = { .how = how, .messages = messages };
    int status = how->template ? 0 : tl_fail(TL_E_USAGE, "messages are of no use: the vocabulary's model brings no chat template");
    if (status >= 0)
        status = render(&chat, messages, false, &chat.all);
    if (status >= 0 && !(chat.said = tl_alloc(chat.all.n_bytes + 1, 1)))
        status = TL_E_NOMEM;
    if (status >= 0)
        status = mark_turns(&chat);
    if (status >= 0)
        status = encode(&chat);
    rendered_done(&chat.all);
    tl_free(chat.said);
    if (status < 0) {
        tl_free(chat.ids);
        tl_free(chat.silent);
        return status;
    }
    *ret_ids = chat.ids;
    *ret_silent = chat.silent;
    *ret_n = chat.n;
    return 0;
}
