/* SPDX-License-Identifier: MIT */
/* The defaults of the rows are those of the library, and biases are read exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
    struct trill_bias *bias = NULL;
    (void)state;
    assert_int_equal(tl_options_default(options, TL_COUNT(options), &settings), 0);
    trill_generate_options_init(&library, sizeof library);
    ours = library;
    assert_int_equal(tl_decoding_apply(&settings.decoding, &ours, &bias), 0);
    ours.stop = library.stop;
    assert_memory_equal(&ours, &library, sizeof ours);
    assert_null(bias);
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
        struct trill_bias *bias = NULL;
        trill_generate_options_init(&ours, sizeof ours);
        assert_int_equal(tl_decoding_apply(&decoding, &ours, &bias), biases[i].status);
        if (biases[i].status == 0) {
            assert_int_equal(ours.n_bias, 1);
            assert_int_equal(bias->id, biases[i].id);
            assert_true(bias->bias == biases[i].bias);
        }
        tl_free(bias);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_biases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
