/* SPDX-License-Identifier: MIT */
/* texts.json of every golden folder, here and in ../shared/golden, from tokenizer.json or tiktoken.model and from GGUF alike: control tokens
 * recognised, none added. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "tokenizer_texts.h"
#include "text/tokenizer.h"

static size_t check_folder(const char *folder)
{
    static const char *const ggufs[] = {"model.gguf", "model-f32.gguf"};
    char texts[600], path[600];
    snprintf(texts, sizeof texts, "%.570s/texts.json", folder);
    if (access(texts, R_OK) != 0)
        return 0;
    struct tl_tokenizer *tokenizer = load_tokenizer(folder);
    size_t n = check_strings(texts, "ids", folder, tokenizer, TL_ENCODE_SPECIAL);
    tl_tokenizer_free(tokenizer);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%.570s/%s", folder, ggufs[i]);
        if (access(path, R_OK) != 0)
            continue;
        tokenizer = load_tokenizer(path);
        n += check_strings(texts, "ids", path, tokenizer, TL_ENCODE_SPECIAL);
        tl_tokenizer_free(tokenizer);
    }
    return n;
}

static size_t check_root(const char *root)
{
    size_t n = 0;
    DIR *folder = opendir(root);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[600];
        snprintf(path, sizeof path, "%.300s/%.255s", root, entry->d_name);
        if (entry->d_name[0] != '.' && tl_file_is_folder(path))
            n += check_folder(path);
    }
    if (folder)
        closedir(folder);
    return n;
}

static void golden_texts(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s/golden", tests_folder());
    assert_true(check_root(path) > 50);
    snprintf(path, sizeof path, "%s/golden/tokenizers", tests_folder());
    assert_true(check_root(path) > 300);
    const char *shared = getenv("TRILL_SHARED"), *root = getenv("TRILL_ROOT");
    if (shared)
        snprintf(path, sizeof path, "%s/golden", shared);
    else
        snprintf(path, sizeof path, "%s/../shared/golden", root ? root : ".");
    print_message("%zu more texts in %s\n", check_root(path), path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
