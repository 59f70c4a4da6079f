/* SPDX-License-Identifier: MIT */
#include "tokenizer_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/tokenizer.h"

const char *tests_folder(void)
{
    return getenv("TRILL_TESTS") ? getenv("TRILL_TESTS") : "tests";
}

struct tl_tokenizer *load_tokenizer(const char *path)
{
    struct tl_modelfile *file = NULL;
    struct tl_tokenizer *tokenizer = NULL;
    if (tl_modelfile_open(path, &file) < 0 || tl_tokenizer_new(file, &tokenizer) < 0)
        fail_msg("%s", tl_error_text());
    tl_modelfile_close(file);
    return tokenizer;
}

size_t check_strings(const char *path, const char *key, const char *what, const struct tl_tokenizer *tokenizer, unsigned flags)
{
    struct tl_json json;
    char *file;
    size_t n_file, n_texts = 0;
    assert_int_equal(tl_file_slurp(path, 1 << 24, &file, &n_file), 0);
    tl_json_init(&json, path, file, n_file);
    assert_int_equal(tl_json_next(&json), TL_JSON_ARRAY);
    for (; tl_json_next(&json) == TL_JSON_OBJECT; n_texts++) {
        int32_t *ids = NULL;
        size_t count = 0, n = 0;
        while (tl_json_next(&json) == TL_JSON_KEY) {
            if (tl_json_is(&json, "text")) {
                assert_int_equal(tl_json_next(&json), TL_JSON_STRING);
                assert_int_equal(tl_tokenizer_encode(tokenizer, json.string.data, json.string.len, flags, &ids, &count), 0);
            } else if (tl_json_is(&json, key)) {
                assert_int_equal(tl_json_next(&json), TL_JSON_ARRAY);
                for (; tl_json_next(&json) == TL_JSON_NUMBER; n++)
                    if (n >= count || ids[n] != atoi(json.raw))
                        fail_msg("%s: text %zu: id %zu is %d, expected %d", what, n_texts, n, n < count ? ids[n] : -1, atoi(json.raw));
                if (n != count)
                    fail_msg("%s: text %zu: %zu ids, expected %zu", what, n_texts, count, n);
            } else {
                assert_int_equal(tl_json_skip(&json), 0);
            }
        }
        tl_free(ids);
    }
    tl_json_done(&json);
    tl_free(file);
    return n_texts;
}
