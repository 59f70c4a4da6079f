/* SPDX-License-Identifier: MIT */
/* {"response": {"body": {"choices": [{"text" or "message": {"content"}, "finish_reason", "logprobs"}]}}}; what else there is, is
 * passed over. Of each object the members are asked for by a function of their own. */
#include "compress/reply.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"

typedef int member(struct tl_json *json, void *to);

/* Behind the begin of an object: each of its members through `take`. */
static int members(struct tl_json *json, member *take, void *to)
{
    int event;
    while ((event = tl_json_next(json)) == TL_JSON_KEY) {
        int status = take(json, to);
        if (status < 0)
            return status;
    }
    return event < 0 ? event : 0;
}

/* The next value, where it is an object; anything else is passed over. */
static int object(struct tl_json *json, member *take, void *to)
{
    int event = tl_json_next(json);
    return event == TL_JSON_OBJECT ? members(json, take, to) : event == TL_JSON_ARRAY ? tl_json_skip(json) : event < 0 ? event : 0;
}

/* The next value, a list or null: behind the begin of each element, element(). */
static int list(struct tl_json *json, int (*element)(struct tl_json *json, int event, void *to), void *to)
{
    int event = tl_json_next(json), status = 0;
    if (event != TL_JSON_ARRAY)
        return event < 0 || event == TL_JSON_NULL ? event : tl_json_fail(json, "a list");
    while (status >= 0 && (event = tl_json_next(json)) >= 0 && event != TL_JSON_ARRAY_END)
        status = element(json, event, to);
    return status < 0 ? status : event < 0 ? event : 0;
}

static int read_text(struct tl_json *json, struct tl_reply_choice *choice)
{
    int event = tl_json_next(json);
    if (event == TL_JSON_NULL)
        return 0;
    if (event != TL_JSON_STRING)
        return event < 0 ? event : tl_json_fail(json, "a text");
    tl_free(choice->text);
    choice->text = tl_strndup(json->string.len ? json->string.data : "", json->string.len);
    choice->n_bytes = json->string.len;
    return choice->text ? 0 : TL_E_NOMEM;
}

static int take_token(struct tl_json *json, void *to)
{
    struct tl_reply_choice *choice = to;
    double value;
    if (!tl_json_is(json, "logprob"))
        return tl_json_skip(json);
    int status = tl_json_f64(json, &value);
    if (status < 0)
        return status;
    choice->nll -= value;
    choice->tokens++;
    return 0;
}

/* A number, or an object with "logprob". */
static int token(struct tl_json *json, int event, void *to)
{
    struct tl_reply_choice *choice = to;
    double value;
    if (event == TL_JSON_OBJECT)
        return members(json, take_token, to);
    if (event != TL_JSON_NUMBER || !tl_parse_f64(json->raw, json->raw_bytes, &value))
        return tl_json_fail(json, "log-likelihoods");
    choice->nll -= value;
    choice->tokens++;
    return 0;
}

static int take_logprobs(struct tl_json *json, void *to)
{
    return tl_json_is(json, "token_logprobs") || tl_json_is(json, "content") ? list(json, token, to) : tl_json_skip(json);
}

static int take_message(struct tl_json *json, void *to)
{
    return tl_json_is(json, "content") ? read_text(json, to) : tl_json_skip(json);
}

static int take_choice(struct tl_json *json, void *to)
{
    struct tl_reply_choice *choice = to;
    if (tl_json_is(json, "text"))
        return read_text(json, choice);
    if (tl_json_is(json, "message"))
        return object(json, take_message, choice);
    if (tl_json_is(json, "logprobs"))
        return object(json, take_logprobs, choice);
    if (!tl_json_is(json, "finish_reason"))
        return tl_json_skip(json);
    int event = tl_json_next(json);
    choice->cut = event == TL_JSON_STRING && !tl_json_is(json, "stop");
    return event == TL_JSON_OBJECT || event == TL_JSON_ARRAY ? tl_json_fail(json, "a text") : event;
}

static int choice(struct tl_json *json, int event, void *to)
{
    struct tl_reply *reply = to;
    if (event != TL_JSON_OBJECT)
        return tl_json_fail(json, "a choice");
    int status = tl_grow((void **)&reply->choice, reply->n, &reply->cap, sizeof(*reply->choice));
    if (status < 0)
        return status;
    reply->choice[reply->n] = (struct tl_reply_choice){0};
    status = members(json, take_choice, &reply->choice[reply->n++]);
    if (status >= 0 && !reply->choice[reply->n - 1].text)
        status = tl_json_fail(json, "a text in each choice");
    return status;
}

static int take_body(struct tl_json *json, void *to)
{
    return tl_json_is(json, "choices") ? list(json, choice, to) : tl_json_skip(json);
}

static int take_response(struct tl_json *json, void *to)
{
    return tl_json_is(json, "body") ? object(json, take_body, to) : tl_json_skip(json);
}

static int take_line(struct tl_json *json, void *to)
{
    return tl_json_is(json, "response") ? object(json, take_response, to) : tl_json_skip(json);
}

int tl_reply_read(const char *where, const char *line, size_t n_bytes, struct tl_reply *ret_reply)
{
    struct tl_json json;
    *ret_reply = (struct tl_reply){0};
    tl_json_init(&json, where, line, n_bytes);
    int status = object(&json, take_line, ret_reply);
    if (status >= 0)
        status = tl_json_next(&json);
    tl_json_done(&json);
    return status < 0 ? status : 0;
}

void tl_reply_done(struct tl_reply *reply)
{
    for (uint64_t i = 0; i < reply->n; i++)
        tl_free(reply->choice[i].text);
    tl_free(reply->choice);
    *reply = (struct tl_reply){0};
}
