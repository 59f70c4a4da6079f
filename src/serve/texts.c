/* SPDX-License-Identifier: MIT */
/* Texts and ids, without computing anything: /tokenize, /detokenize, /apply-template in llama.cpp's shapes, and Anthropic's
 * count_tokens. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "serve/routes.h"
#include "serve/server.h"
#include "serve/task.h"

/* The fields of these requests; the rest is ignored, as the servers that clients know do. */
struct fields {
    char *content, *messages, *tools, *variables;
    int32_t *tokens;
    uint64_t n_tokens, cap_tokens;
    size_t content_bytes;
    bool has_tokens, bos, no_special, pieces, no_generation;
};

static void drop(struct fields *fields)
{
    tl_free(fields->content);
    tl_free(fields->messages);
    tl_free(fields->tools);
    tl_free(fields->variables);
    tl_free(fields->tokens);
}

static int read_raw(struct tl_json *json, char **ret)
{
    int r = tl_json_next(json);
    if (r != TL_JSON_OBJECT && r != TL_JSON_ARRAY && r != TL_JSON_NULL)
        return r < 0 ? r : tl_json_fail(json, "a list or an object");
    const char *start = json->raw;
    if (r == TL_JSON_NULL)
        return 0;
    r = tl_json_skip(json);
    tl_free(*ret);
    *ret = r < 0 ? NULL : tl_strndup(start, (size_t)(json->at - start));
    return r < 0 ? r : *ret ? 0 : TL_E_NOMEM;
}

static int read_ids(struct tl_json *json, struct fields *fields)
{
    int r = tl_json_next(json);
    if (r != TL_JSON_ARRAY)
        return r < 0 ? r : tl_json_fail(json, "a list of ids");
    fields->n_tokens = 0;
    fields->has_tokens = true;
    while ((r = tl_json_next(json)) == TL_JSON_NUMBER) {
        int64_t id;
        if (!tl_parse_i64(json->raw, json->raw_bytes, &id) || id < 0 || id > INT32_MAX)
            return tl_json_fail(json, "an id");
        if (tl_grow((void **)&fields->tokens, fields->n_tokens, &fields->cap_tokens, sizeof(*fields->tokens)) < 0)
            return TL_E_NOMEM;
        fields->tokens[fields->n_tokens++] = (int32_t)id;
    }
    return r < 0 || r == TL_JSON_ARRAY_END ? r : tl_json_fail(json, "an id");
}

static int read_text(struct tl_json *json, struct fields *fields)
{
    int r = tl_json_next(json);
    if (r != TL_JSON_STRING)
        return r < 0 ? r : tl_json_fail(json, "a text");
    tl_free(fields->content);
    fields->content_bytes = json->string.len;
    fields->content = tl_strndup(json->string.data ? json->string.data : "", json->string.len);
    return fields->content ? 0 : TL_E_NOMEM;
}

static int read_field(struct tl_json *json, struct fields *fields)
{
    bool flag;
    int r;
    if (tl_json_is(json, "content") || tl_json_is(json, "prompt"))
        return read_text(json, fields);
    if (tl_json_is(json, "tokens"))
        return read_ids(json, fields);
    if (tl_json_is(json, "messages"))
        return read_raw(json, &fields->messages);
    if (tl_json_is(json, "tools"))
        return read_raw(json, &fields->tools);
    if (tl_json_is(json, "chat_template_kwargs"))
        return read_raw(json, &fields->variables);
    if (tl_json_is(json, "add_special") || tl_json_is(json, "add_special_tokens"))
        return tl_json_bool(json, &fields->bos);
    if (tl_json_is(json, "with_pieces") || tl_json_is(json, "return_token_strs"))
        return tl_json_bool(json, &fields->pieces);
    if (!tl_json_is(json, "parse_special") && !tl_json_is(json, "add_generation_prompt"))
        return tl_json_skip(json);
    bool special = tl_json_is(json, "parse_special");
    r = tl_json_bool(json, &flag);
    *(special ? &fields->no_special : &fields->no_generation) = !flag;
    return r;
}

static int read_fields(const struct tl_exchange *exchange, struct fields *ret_fields)
{
    struct tl_json json;
    *ret_fields = (struct fields){0};
    tl_json_init(&json, "body", exchange->body, exchange->n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = read_field(&json, ret_fields);
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    if (r < 0)
        drop(ret_fields);
    return r;
}

/* With the fields read and the model there; it is left and they are dropped whatever happens. */
static int with_model(struct tl_exchange *exchange, int (*write)(struct trill_model *, const struct fields *, struct tl_buffer *))
{
    struct trill_model *model;
    struct fields fields;
    struct tl_buffer body;
    TL_AUTO char *name = exchange->server->options->n_models > 1 ? tl_task_model_of(exchange->body, exchange->n_bytes) : NULL;
    if (tl_models_enter(exchange, name, &model) != 0)
        return 0;
    tl_buffer_init(&body, 0);
    int r = read_fields(exchange, &fields);
    if (r >= 0) {
        r = write(model, &fields, &body);
        drop(&fields);
    }
    tl_models_leave(&exchange->server->models);
    if (r >= 0)
        tl_exchange_reply(exchange, 200, NULL, &body);
    else
        tl_buffer_done(&body);
    return r;
}

/* --- tokenize ------------------------------------------------------------------------------------------------------------- */

static int chat_of(struct trill_model *model, const struct fields *fields, struct trill_chat *ret_chat)
{
    if (trill_model_has_chat(model) <= 0)
        return tl_fail(TL_E_USAGE, "the model has no chat template");
    trill_chat_init(ret_chat, sizeof(*ret_chat));
    ret_chat->messages = fields->messages;
    ret_chat->tools = fields->tools;
    ret_chat->variables = fields->variables;
    ret_chat->no_generation_prompt = fields->no_generation;
    return 0;
}

static int ids_of(struct trill_model *model, const struct fields *fields, int32_t **ret_ids, size_t *ret_count)
{
    struct trill_chat chat;
    unsigned flags = (fields->bos ? TRILL_BOS : 0) | (fields->no_special ? 0 : TRILL_SPECIAL);
    if (fields->content) {
        int r = trill_tokenize(model, fields->content, fields->content_bytes, flags, ret_ids, ret_count);
        return r < 0 ? tl_error_set(r, trill_error()) : 0;
    }
    if (!fields->messages)
        return tl_fail(TL_E_USAGE, "content or messages are missing");
    int r = chat_of(model, fields, &chat);
    if (r >= 0 && (r = trill_chat_tokenize(model, &chat, ret_ids, ret_count)) < 0)
        tl_error_set(r, trill_error());
    return r;
}

/* Bytes that are no text are a list of them. */
static int write_piece(struct trill_model *model, int32_t id, struct tl_buffer *out)
{
    char *text;
    size_t n;
    int r = trill_detokenize(model, &id, 1, TRILL_SPECIAL, &text, &n);
    if (r < 0)
        return tl_error_set(r, trill_error());
    if (tl_utf8_valid(text, n)) {
        tl_buffer_json_string(out, text, n);
    } else {
        tl_buffer_append(out, "[", 1);
        for (size_t i = 0; i < n; i++)
            tl_buffer_printf(out, "%s%u", i ? "," : "", (unsigned char)text[i]);
        tl_buffer_append(out, "]", 1);
    }
    trill_free(text);
    return 0;
}

static int write_tokens(struct trill_model *model, const struct fields *fields, struct tl_buffer *out)
{
    int32_t *ids;
    size_t n;
    struct trill_model_figures figures;
    int r = ids_of(model, fields, &ids, &n);
    if (r < 0)
        return r;
    tl_buffer_printf(out, "{\"tokens\":[");
    for (size_t i = 0; i < n && r >= 0; i++) {
        tl_buffer_append(out, ",", i > 0);
        tl_buffer_printf(out, fields->pieces ? "{\"id\":%" PRId32 ",\"piece\":" : "%" PRId32, ids[i]);
        if (fields->pieces && (r = write_piece(model, ids[i], out)) >= 0)
            tl_buffer_append(out, "}", 1);
    }
    trill_model_figures(model, &figures, sizeof(figures));
    tl_buffer_printf(out, "],\"count\":%zu,\"max_model_len\":%u}\n", n, figures.context);
    trill_free(ids);
    return r;
}

int tl_tokenize_post(struct tl_exchange *exchange)
{
    return with_model(exchange, write_tokens);
}

static int write_text(struct trill_model *model, const struct fields *fields, struct tl_buffer *out)
{
    char *text;
    size_t n;
    if (!fields->has_tokens)
        return tl_fail(TL_E_USAGE, "tokens are missing");
    int r = trill_detokenize(model, fields->tokens, fields->n_tokens, TRILL_SPECIAL, &text, &n);
    if (r < 0)
        return tl_error_set(r, trill_error());
    tl_buffer_printf(out, "{\"content\":");
    tl_buffer_json_string(out, text, n);
    tl_buffer_printf(out, ",\"prompt\":");
    tl_buffer_json_string(out, text, n);
    tl_buffer_append(out, "}\n", 2);
    trill_free(text);
    return 0;
}

int tl_detokenize_post(struct tl_exchange *exchange)
{
    return with_model(exchange, write_text);
}

static int write_rendered(struct trill_model *model, const struct fields *fields, struct tl_buffer *out)
{
    struct trill_chat chat;
    char *text;
    size_t n;
    if (!fields->messages)
        return tl_fail(TL_E_USAGE, "messages are missing");
    int r = chat_of(model, fields, &chat);
    if (r < 0)
        return r;
    r = trill_chat_render(model, &chat, &text, &n);
    if (r < 0)
        return tl_error_set(r, trill_error());
    tl_buffer_printf(out, "{\"prompt\":");
    tl_buffer_json_string(out, text, n);
    tl_buffer_append(out, "}\n", 2);
    trill_free(text);
    return 0;
}

int tl_apply_template_post(struct tl_exchange *exchange)
{
    return with_model(exchange, write_rendered);
}
