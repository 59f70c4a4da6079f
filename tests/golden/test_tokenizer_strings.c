/* SPDX-License-Identifier: MIT */
/* The two real models' tokenizers against the libraries that they come with (real/strings.json, made by make_strings.py).
 * Skips where a model is not in the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tokenizer_texts.h"
#include "text/tokenizer.h"

static char paths[2][600];
static const char *const names[2] = {"smollm2-135m-instruct", "gemma-3-270m"}, *const keys[2] = {"smollm2", "gemma3"};

static void check_real(int which)
{
    char strings[600];
    struct tl_tokenizer *tokenizer = load_tokenizer(paths[which]);
    snprintf(strings, sizeof strings, "%.550s/golden/real/strings.json", tests_folder());
    assert_true(check_strings(strings, keys[which], names[which], tokenizer, 0) > 100);
    tl_tokenizer_free(tokenizer);
}

static void smollm2(void **state)
{
    (void)state;
    check_real(0);
}

static void gemma3(void **state)
{
    (void)state;
    check_real(1);
}

int main(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    for (int i = 0; i < 2; i++) {
        if (cache)
            snprintf(paths[i], sizeof paths[i], "%.500s/trill/%s.gguf", cache, names[i]);
        else
            snprintf(paths[i], sizeof paths[i], "%.500s/.cache/trill/%s.gguf", home ? home : "", names[i]);
        if (access(paths[i], R_OK) != 0) {
            printf("%s is not there: run tool/fetch-models\n", paths[i]);
            return 77;
        }
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(smollm2), cmocka_unit_test(gemma3)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
