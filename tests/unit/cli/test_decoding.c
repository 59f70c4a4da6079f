/* SPDX-License-Identifier: MIT */
/* The defaults of the rows are those of the library, and biases are read exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/decoding.h"

struct settings { struct tl_decoding decoding; };

static const struct tl_option options[] = {
#include "cli/decoding_options.def"
};

static void test_defaults(void **state)
{
    struct settings settings = {0};
    struct trill_generate_options library, ours;
    struct tl_decoding_kept kept;
    (void)state;
    assert_int_equal(tl_options_default(options, TL_COUNT(options), &settings), 0);
    trill_generate_options_init(&library, sizeof library);
    ours = library;
    assert_int_equal(tl_decoding_apply(&settings.decoding, &ours, &kept), 0);
    ours.stop = library.stop;
    assert_memory_equal(&ours, &library, sizeof ours);
    assert_true(!kept.bias && !kept.grammar && !kept.schema);
}

static const struct { const char *text; int status; int32_t id; float bias; } biases[] = {
    {"15:+2.5", 0, 15, 2.5f},  {"0:-1e2", 0, 0, -100}, {"7:3", 0, 7, 3},           {"7", TL_E_USAGE, 0, 0},   {":1", TL_E_USAGE, 0, 0},
    {"7:", TL_E_USAGE, 0, 0},  {"-1:1", TL_E_USAGE, 0, 0}, {"7:inf", TL_E_USAGE, 0, 0}, {"7:+-1", TL_E_USAGE, 0, 0}, {"7:1x", TL_E_USAGE, 0, 0},
    {"4294967296:1", TL_E_USAGE, 0, 0},
};

static void test_biases(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(biases); i++) {
        struct tl_decoding decoding = {.bias = {.items = {biases[i].text}, .count = 1}};
        struct trill_generate_options ours;
        struct tl_decoding_kept kept;
        trill_generate_options_init(&ours, sizeof ours);
        assert_int_equal(tl_decoding_apply(&decoding, &ours, &kept), biases[i].status);
        if (biases[i].status == 0) {
            assert_int_equal(ours.n_bias, 1);
            assert_int_equal(kept.bias->id, biases[i].id);
            assert_true(kept.bias->bias == biases[i].bias);
        }
        tl_decoding_done(&kept);
    }
}

static void write_text(const char *path, const char *text, size_t n_bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n_bytes, file), n_bytes);
    fclose(file);
}

static void test_languages(void **state)
{
    char path[] = "/tmp/trill-decoding-XXXXXX";
    struct tl_decoding decoding = {.think_tokens = 7, .grammar = path};
    struct trill_generate_options ours;
    struct tl_decoding_kept kept;
    struct tl_buffer json;
    (void)state;
    close(mkstemp(path));
    write_text(path, "root ::= [a]", 12);
    trill_generate_options_init(&ours, sizeof ours);
    assert_int_equal(tl_decoding_apply(&decoding, &ours, &kept), 0);
    assert_string_equal(ours.grammar, "root ::= [a]");
    assert_true(!ours.schema && ours.think_tokens == 7);
    tl_decoding_done(&kept);
    tl_buffer_init(&json, 0);
    assert_int_equal(tl_decoding_json(&decoding, false, &json), 0);
    assert_non_null(strstr(json.data, ",\"grammar\":\"root ::= [a]\",\"think_tokens\":7}"));
    tl_buffer_done(&json);
    decoding.schema = path;
    assert_int_equal(tl_decoding_apply(&decoding, &ours, &kept), TL_E_USAGE);
    tl_decoding_done(&kept);
    decoding.grammar = NULL;
    write_text(path, "a\0b", 3);
    assert_int_equal(tl_decoding_apply(&decoding, &ours, &kept), TL_E_USAGE);
    tl_decoding_done(&kept);
    unlink(path);
    assert_true(tl_decoding_apply(&decoding, &ours, &kept) < 0);
    tl_decoding_done(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_biases), cmocka_unit_test(test_languages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
