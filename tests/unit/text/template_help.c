/* SPDX-License-Identifier: MIT */
#include "template_help.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

struct tl_template_input template_input(void)
{
    return (struct tl_template_input){
        .messages_json = "[{\"role\": \"user\", \"content\": \"Hello <b>\"}, {\"role\": \"assistant\", \"content\": \"\\u00dcn\\u00ef \\u00df\"}]",
        .tools_json =
            "[{\"type\": \"function\", \"function\": {\"name\": \"get_weather\","
            " \"description\": \"Tells the weather of a place, \\\"now\\\" or later \\u2014 in \\u00b0C.\","
            " \"parameters\": {\"type\": \"object\", \"properties\": {"
            "\"place\": {\"type\": \"string\", \"description\": \"City & country, e.g. <Paris, France>\"},"
            "\"unit\": {\"type\": \"string\", \"enum\": [\"celsius\", \"fahrenheit\"], \"default\": \"celsius\"},"
            "\"days\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 14},"
            "\"detail\": {\"type\": \"boolean\"}}, \"required\": [\"place\"]}}}]",
        .extra_json =
            "{\"n\": 3, \"f\": 1.5, \"t\": \"Some Text\", \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": [1, 2], \"items\": 5}, \"e\": \"\","
            " \"nul\": null, \"yes\": true, \"s\": \"a,b,,c\", \"html\": \"<a href=\\\"x\\\">&'\", \"big\": 18446744073709551616}",
        .bos = "<|bos|>", .eos = "<|eos|>", .add_generation_prompt = true, .now = 1721990096,
    };
}

int template_run(const char *text, const struct tl_template_input *input, struct tl_parts *ret_parts)
{
    struct tl_template *template = NULL;
    int r = tl_template_new(text, strlen(text), &template);
    if (r >= 0)
        r = tl_template_render(template, input, ret_parts);
    tl_template_free(template);
    return r;
}

char *template_join(const struct tl_parts *parts, bool marked)
{
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, 0);
    tl_buffer_append(&buffer, "", 0);
    for (size_t i = 0; i < parts->count; i++) {
        if (marked)
            tl_buffer_printf(&buffer, "%s%c:", i ? "|" : "", parts->part[i].from_user ? 'U' : 'T');
        tl_buffer_append(&buffer, parts->part[i].text, parts->part[i].n_bytes);
    }
    char *text = tl_buffer_take(&buffer, NULL);
    return text ? text : tl_strdup("");
}
