/* SPDX-License-Identifier: MIT */
#include "small_vocab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "must.h"
#include "text/bytelevel.h"

const char *const small_vocab_pieces[] = {
    "{\"", "\":", "\": ", "\": \"", "\",", "\", ", "\", \"", "\"}", "}}", "}]", "]}", "[{\"", "[\"", "\"]", "\"]}", "{}", "[]", "[[", "]]", ", ", " \"", " {", " [", ":[", ":{\"",
    "true", "false", "null", " true", "al", "se", "tr", "12", "123", "00", "-1", "1.5", "0.", "e+", "2024", "-01", "T1", "ab", "abc", "name", "value", "ne", "xt", "va", "lue", "\"name\":",
    "hello", " world", "abcdefghijklmnop", "abcdefghijkl", "abcdefghijkl7", "\\n", "\\u00", "\\\"", "\\", "u0", "\xC3\xA9", "\xE2\x82", "\xAC", "\xF0\x9F\x98\x80", "\xF0\x9F", "\n\n", "\t", "  ", "\x01\x02", "http", "://", ".com", "@", "a\"", "a\",\"", "a\": ", "x-", NULL,
};

struct tl_tokenizer *small_vocab(void)
{
    struct tl_tokenizer *tokenizer;
    struct tl_buffer json;
    char text[512];
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"added_tokens\":[{\"id\":256,\"content\":\"<|im_start|>\",\"special\":true},{\"id\":257,\"content\":\"<|im_end|>\",\"special\":true}],"
                            "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false},\"decoder\":{\"type\":\"ByteLevel\"},"
                            "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
    for (int i = 0; i < 256; i++) {
        tl_buffer_json_string(&json, text, tl_bytelevel_spell(&(char){(char)i}, 1, text));
        tl_buffer_printf(&json, ":%d,", i);
    }
    for (int i = 0; small_vocab_pieces[i]; i++) {
        if (strlen(small_vocab_pieces[i]) == 1)                      /* a byte has an id already */
            continue;
        tl_buffer_json_string(&json, text, tl_bytelevel_spell(small_vocab_pieces[i], strlen(small_vocab_pieces[i]), text));
        tl_buffer_printf(&json, ":%d,", SMALL_PIECES + i);
    }
    tl_buffer_printf(&json, "\"<|im_start|>\":256,\"<|im_end|>\":257}}}");
    must(tl_tokenizer_new_text("vocabulary", json.data, json.len, &tokenizer));
    tl_buffer_done(&json);
    return tokenizer;
}
