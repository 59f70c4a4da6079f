/* SPDX-License-Identifier: MIT */
#include "turn_vocab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/utf8.h"

/* The character by which byte-level BPE spells a byte: itself where it can be seen, else one from U+0100 on. */
static uint32_t spelled(unsigned byte)
{
    uint32_t next = 256;
    for (unsigned b = 0; b < 256; b++) {
        bool seen = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        if (b == byte)
            return seen ? b : next;
        next += !seen;
    }
    return 0;
}

struct tl_tokenizer *turn_vocab(const char *added)
{
    struct tl_tokenizer *tokenizer = NULL;
    struct tl_buffer json;
    char name[64];
    int n, used, id = 256;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"added_tokens\":[");
    for (const char *at = added; sscanf(at, "%63s%n", name, &n) == 1; at += n, id++) {
        used = name[0] == '!';
        tl_buffer_printf(&json, "%s{\"id\":%d,\"content\":", id > 256 ? "," : "", id);
        tl_buffer_json_string(&json, name + used, strlen(name + used));
        tl_buffer_printf(&json, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}", used ? "false" : "true");
    }
    tl_buffer_printf(&json, "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
                            "\"use_regex\":true},\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[TL_UTF8_MAX_BYTES];
        unsigned n_bytes = tl_utf8_encode(spelled(byte), text);
        tl_buffer_append(&json, ",", byte > 0);
        tl_buffer_json_string(&json, text, n_bytes);
        tl_buffer_printf(&json, ":%u", byte);
    }
    tl_buffer_printf(&json, "},\"merges\":[]}}");
    if (tl_tokenizer_new_text("test", json.data, json.len, &tokenizer) < 0)
        fail_msg("%s", tl_error_text());
    tl_buffer_done(&json);
    return tokenizer;
}
