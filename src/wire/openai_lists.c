/* SPDX-License-Identifier: MIT */
/* The lists of a request: what ends an answer, what is likelier, what is completed. A list read again takes the place of
 * the one before. */
#include "wire/openai_lists.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"

/* --- stops and biases ------------------------------------------------------------------------------------------------------- */

static void drop_stops(struct tl_openai_request *request)
{
    for (size_t i = 0; i < request->n_stop; i++)
        tl_free(request->stop[i]);
    tl_free(request->stop);
    request->stop = NULL;
    request->n_stop = 0;
}

/* The current event's text; what is empty stops nothing. */
static int add_stop(const struct tl_buffer *text, struct tl_openai_request *request)
{
    if (request->n_stop == TL_OPENAI_STOPS || text->len > TL_OPENAI_STOP_BYTES)
        return tl_fail(TL_E_USAGE, "stop: expected at most %d strings of at most %d bytes", TL_OPENAI_STOPS, TL_OPENAI_STOP_BYTES);
    if (text->len && memchr(text->data, 0, text->len))
        return tl_fail(TL_E_USAGE, "stop: expected strings without NUL");
    if (!text->len)
        return 0;
    char **stop = tl_realloc(request->stop, request->n_stop + 1, sizeof *stop);
    if (!stop)
        return TL_E_NOMEM;
    request->stop = stop;
    stop[request->n_stop] = tl_strndup(text->data, text->len);
    return stop[request->n_stop] ? (int)++request->n_stop : TL_E_NOMEM;
}

int tl_openai_stops(struct tl_json *json, struct tl_openai_request *request)
{
    drop_stops(request);
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING)
        return add_stop(&json->string, request);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "stop: expected a string or a list of strings");
    while (r >= 0 && (r = tl_json_next(json)) != TL_JSON_ARRAY_END) {
        if (r >= 0 && r != TL_JSON_STRING)
            return tl_fail(TL_E_USAGE, "stop: expected a string or a list of strings");
        if (r >= 0)
            r = add_stop(&json->string, request);
    }
    return r;
}

static int add_bias(struct tl_json *json, struct tl_openai_request *request, double min, double max)
{
    uint64_t id;
    double value;
    if (!tl_parse_u64(json->string.data, json->string.len, &id) || id > INT32_MAX)
        return tl_fail(TL_E_USAGE, "logit_bias: expected token ids as keys, found \"%.40s\"", json->string.data);
    if (request->sampling.n_bias == TL_OPENAI_BIASES)
        return tl_fail(TL_E_USAGE, "logit_bias: expected at most %d entries", TL_OPENAI_BIASES);
    int r = tl_json_f64(json, &value);
    if (r < 0)
        return r;
    if (value < min || value > max)
        return tl_fail(TL_E_USAGE, "logit_bias: expected numbers from %.10g to %.10g, found %.10g", min, max, value);
    request->bias[request->sampling.n_bias++] = (struct tl_logit_bias){(int32_t)id, (float)value};
    return 0;
}

int tl_openai_biases(struct tl_json *json, struct tl_openai_request *request, double min, double max)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "logit_bias: expected an object of token ids and numbers");
    if (r < 0)
        return r;
    if (!request->bias && !(request->bias = tl_alloc(TL_OPENAI_BIASES, sizeof *request->bias)))
        return TL_E_NOMEM;
    request->sampling.n_bias = 0;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = add_bias(json, request, min, max);
    return r;
}

/* --- prompts ---------------------------------------------------------------------------------------------------------------- */

static void drop_prompts(struct tl_openai_request *request)
{
    for (uint32_t i = 0; i < request->n_prompts; i++) {
        tl_free(request->prompt[i].text);
        tl_free(request->prompt[i].ids);
    }
    tl_free(request->prompt);
    request->prompt = NULL;
    request->n_prompts = 0;
}

struct prompts {
    struct tl_json *json;
    struct tl_openai_request *request;
    const char *name;                    /* of the field */
    uint32_t most;
};

static int new_prompt(struct prompts *prompts, struct tl_openai_prompt **ret_prompt)
{
    struct tl_openai_request *request = prompts->request;
    if (request->n_prompts == prompts->most)
        return tl_fail(TL_E_USAGE, "%s: expected at most %u of them", prompts->name, prompts->most);
    struct tl_openai_prompt *prompt = tl_realloc(request->prompt, request->n_prompts + 1, sizeof *prompt);
    if (!prompt)
        return TL_E_NOMEM;
    request->prompt = prompt;
    *ret_prompt = &prompt[request->n_prompts++];
    **ret_prompt = (struct tl_openai_prompt){0};
    return 0;
}

static int text_prompt(struct prompts *prompts)
{
    const struct tl_buffer *text = &prompts->json->string;
    struct tl_openai_prompt *prompt = NULL;
    int r = new_prompt(prompts, &prompt);
    if (r < 0)
        return r;
    prompt->n_bytes = text->len;
    if (!(prompt->text = tl_alloc(prompt->n_bytes + 1, 1)))
        return TL_E_NOMEM;
    memcpy(prompt->text, text->data, prompt->n_bytes);
    return 0;
}

static int fail_prompt(const struct prompts *prompts)
{
    return tl_fail(TL_E_USAGE, "%s: expected a text, a list of token ids, or a list of either", prompts->name);
}

/* The current event and what follows it up to the end of the list are ids. */
static int id_prompt(struct prompts *prompts, int event)
{
    const struct tl_json *json = prompts->json;
    uint64_t room = 0;
    struct tl_openai_prompt *prompt = NULL;
    int r = new_prompt(prompts, &prompt);
    if (r < 0)
        return r;
    for (; event == TL_JSON_NUMBER; event = tl_json_next(prompts->json)) {
        uint64_t id;
        if (!tl_parse_u64(json->raw, json->raw_bytes, &id) || id > INT32_MAX)
            return tl_fail(TL_E_USAGE, "%s: expected token ids, found %.*s", prompts->name, (int)(json->raw_bytes < 40 ? json->raw_bytes : 40),
                           json->raw);
        if ((r = tl_grow((void **)&prompt->ids, prompt->n_ids, &room, sizeof *prompt->ids)) < 0)
            return r;
        prompt->ids[prompt->n_ids++] = (int32_t)id;
    }
    return event < 0 || event == TL_JSON_ARRAY_END ? event : fail_prompt(prompts);
}

int tl_openai_prompts(struct tl_json *json, const char *name, uint32_t most, struct tl_openai_request *request)
{
    struct prompts prompts = {json, request, name, most};
    drop_prompts(request);
    int event = tl_json_next(json);
    if (event == TL_JSON_STRING)
        return text_prompt(&prompts);
    if (event != TL_JSON_ARRAY)
        return event < 0 ? event : fail_prompt(&prompts);
    event = tl_json_next(json);
    if (event == TL_JSON_NUMBER)
        return id_prompt(&prompts, event);
    while (event >= 0 && event != TL_JSON_ARRAY_END) {
        if (event == TL_JSON_STRING)
            event = text_prompt(&prompts);
        else if (event == TL_JSON_ARRAY)
            event = id_prompt(&prompts, tl_json_next(json));
        else
            event = fail_prompt(&prompts);
        if (event >= 0)
            event = tl_json_next(json);
    }
    return event;
}

void tl_openai_drop_lists(struct tl_openai_request *request)
{
    drop_stops(request);
    drop_prompts(request);
}
