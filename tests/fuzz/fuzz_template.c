/* SPDX-License-Identifier: MIT */
/* Chat templates: any bytes end in text or in a sentence, soon and in bounds; a rendering gives the same again; parts are
 * not empty, alternate in origin, and are UTF-8 together. The input is a template, and maybe behind a NUL the messages. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static const char default_messages[] =
    "[{\"role\": \"system\", \"content\": \"Be kind.\"}, {\"role\": \"user\", \"content\": \"H\\u00e9llo <|im_end|>\\n\"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"type\": \"function\", \"id\": \"1\", \"function\":"
    " {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, true, null], \"b\": {\"c\": \"d\"}}}}]},"
    " {\"role\": \"tool\", \"content\": [{\"type\": \"text\", \"text\": \"42\"}]}]";
static const char tools[] = "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"does\", \"parameters\":"
                            " {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"array\"}}, \"required\": [\"a\"]}}}]";
static const char extra[] = "{\"n\": 3, \"f\": 1.5, \"t\": \"Some Text\", \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": [1, 2]}}";

static char *join(const struct tl_parts *parts, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < parts->count; i++) {
        require(parts->part[i].n_bytes > 0 && (i == 0 || parts->part[i].from_user != parts->part[i - 1].from_user));
        n += parts->part[i].n_bytes;
    }
    char *text = malloc(n + 1);
    *ret_n = 0;
    for (size_t i = 0; i < parts->count; i++) {
        memcpy(text + *ret_n, parts->part[i].text, parts->part[i].n_bytes);
        *ret_n += parts->part[i].n_bytes;
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const uint8_t *nul = n_bytes ? memchr(bytes, 0, n_bytes) : NULL;
    size_t n_text = nul ? (size_t)(nul - bytes) : n_bytes;
    char *messages = nul ? tl_strndup((const char *)nul + 1, n_bytes - n_text - 1) : NULL;
    struct tl_template *template = NULL;
    struct tl_template_input input = {.messages_json = messages ? messages : default_messages, .tools_json = tools, .extra_json = extra,
                                      .bos = "<s>", .eos = "</s>", .add_generation_prompt = true, .now = 1721990096,
                                      .limits = {.steps = 20000, .depth = 200, .output_bytes = 1 << 18, .value_bytes = 1 << 21}};
    if (tl_template_new((const char *)bytes, n_text, &template) >= 0) {
        struct tl_parts first = {0}, second = {0};
        int r = tl_template_render(template, &input, &first);
        require(tl_template_render(template, &input, &second) == r);
        require(r >= 0 || r == TL_E_USAGE || r == TL_E_FILE);
        size_t n_first, n_second;
        char *one = join(&first, &n_first), *two = join(&second, &n_second);
        require(n_first <= input.limits.output_bytes && tl_utf8_valid(one, n_first));
        require(n_first == n_second && memcmp(one, two, n_first) == 0);
        free(one);
        free(two);
        tl_parts_done(&first);
        tl_parts_done(&second);
    } else {
        require(*tl_error_text());
    }
    tl_template_free(template);
    tl_free(messages);
    return 0;
}
