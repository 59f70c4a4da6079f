/* SPDX-License-Identifier: MIT */
/* Requests in OpenAI's form: any bytes end in a request or in a sentence, the same for the same bytes; what is read keeps
 * the bounds, and what is made for templates is JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/openai.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static bool is_json(const char *text)
{
    struct tl_json json;
    tl_json_init(&json, "made", text, strlen(text));
    bool good = tl_json_next(&json) > 0 && tl_json_skip(&json) >= 0 && tl_json_next(&json) == TL_JSON_END;
    tl_json_done(&json);
    return good;
}

/* Arguments that were a string stand deeper than that string did. */
static bool is_deep(const char *text)
{
    int depth = 0, most = 0;
    for (; *text; text++) {
        depth += (*text == '[' || *text == '{') - (*text == ']' || *text == '}');
        most = depth > most ? depth : most;
    }
    return most >= TL_JSON_DEPTH;
}

static void check(const struct tl_openai_request *request)
{
    const char *const made[] = {request->messages, request->tools, request->variables};
    for (size_t i = 0; i < 3; i++)
        require(!made[i] || is_json(made[i]) || is_deep(made[i]));
    require(request->n >= 1 && request->n_stop <= TL_OPENAI_STOPS && request->sampling.n_bias <= TL_OPENAI_BIASES);
    require(request->top_logprobs <= TL_OPENAI_TOP && tl_openai_choices(request) <= (request->kind == TL_OPENAI_EMBEDDING ? TL_OPENAI_INPUTS : TL_OPENAI_CHOICES));
    require(request->think_tokens >= -1 && !(request->schema && request->grammar) && !(request->any_json && (request->schema || request->grammar)));
    require(request->tool_choice != TL_TOOLS_ONE || (request->tool && request->tools) || request->kind == TL_OPENAI_ANY);
    require(request->kind == TL_OPENAI_ANY || tl_openai_choices(request) >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    for (int kind = TL_OPENAI_CHAT; kind <= TL_OPENAI_EMBEDDING; kind++) {
        struct tl_openai_request first, second;
        tl_openai_init(&first);
        tl_openai_init(&second);
        int r = tl_openai_read(&first, (enum tl_openai_kind)kind, "body", (const char *)bytes, n_bytes);
        require(tl_openai_read(&second, (enum tl_openai_kind)kind, "body", (const char *)bytes, n_bytes) == r);
        require(r >= 0 || r == TL_E_USAGE || r == TL_E_FILE);
        require(r >= 0 || *tl_error_text());
        require(!first.messages == !second.messages && (!first.messages || !strcmp(first.messages, second.messages)));
        if (r >= 0)
            check(&first);
        tl_openai_read(&second, TL_OPENAI_ANY, "again", (const char *)bytes, n_bytes);       /* over what is there */
        tl_openai_done(&first);
        tl_openai_done(&second);
    }
    return 0;
}
