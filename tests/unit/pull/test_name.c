/* SPDX-License-Identifier: MIT */
/* Names of models of a hub: what they are taken apart into, what is refused, which patterns match. */
#include "must.h"

#include <string.h>

#include "base/array.h"
#include "pull/name.h"

static const struct { const char *text, *repository, *revision, *quant, *file; } good[] = {
    {"a/b", "a/b", "main", "", ""},
    {"Own.er_1/Na-me.v2", "Own.er_1/Na-me.v2", "main", "", ""},
    {"a/b:Q4_K_M", "a/b", "main", "Q4_K_M", ""},
    {"a/b:UD-Q4_K_XL", "a/b", "main", "UD-Q4_K_XL", ""},
    {"a/b@v1.0", "a/b", "v1.0", "", ""},
    {"a/b@v1:Q8_0", "a/b", "v1", "Q8_0", ""},
    {"a/b@v1/x/y.gguf", "a/b", "v1", "", "x/y.gguf"},
    {"a/b@refs/pr/12", "a/b", "refs/pr/12", "", ""},
    {"a/b@refs/pr/12/x.json", "a/b", "refs/pr/12", "", "x.json"},
    {"a/b/x y.gguf", "a/b", "main", "", "x y.gguf"},
    {"a/b/*.json", "a/b", "main", "", "*.json"},
    {"https://huggingface.co/a/b", "a/b", "main", "", ""},
    {"https://huggingface.co/a/b/", "a/b", "main", "", ""},
    {"https://huggingface.co/a/b?x=y", "a/b", "main", "", ""},
    {"https://huggingface.co/a/b/tree/main", "a/b", "main", "", ""},
    {"https://huggingface.co/a/b/tree/v2/sub", "a/b", "v2", "", "sub"},
    {"https://huggingface.co/a/b/blob/main/x/y.gguf", "a/b", "main", "", "x/y.gguf"},
    {"https://huggingface.co/a/b/resolve/refs/pr/1/y.gguf?download=true", "a/b", "refs/pr/1", "", "y.gguf"},
    {"hf.co/a/b:Q4_0", "a/b", "main", "Q4_0", ""},
    {"https://hub.example/a/b", "a/b", "main", "", ""},
    {"a/b/tree/main", "a/b", "main", "", "tree/main"},
};

static const char *const bad[] = {
    "", "a", "a/", "/a", "/", "a//b", "./b", "../b", "a/..", "a/b/..", "a/b/../c", "a/b//c", "a/b/", "a/b/./c", "a/b@", "a/b@../x", "a/b@x y",
    "a/b@/x", "a/b:", "a/b:x/y", "a/b:x:y", "a/b:*", "a b/c", "a/b\n", "a/b/c\nd", "a/b/c\\d", "a--b/c", "a..b/c", "-a/b", "a-/b", "a/b.", "a/b?x",
    "https://example.org/a/b", "https://huggingface.co/a", "a/b/\x7F",
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(good); i++) {
        struct tl_pull_name name;
        must(tl_pull_name_parse(good[i].text, "https://hub.example/", &name));
        assert_string_equal(name.repository, good[i].repository);
        assert_string_equal(name.revision, good[i].revision);
        assert_string_equal(name.quant, good[i].quant);
        assert_string_equal(name.file, good[i].file);
    }
}

static void test_bad(void **state)
{
    struct tl_pull_name name;
    char text[4096];
    (void)state;
    for (size_t i = 0; i < TL_COUNT(bad); i++)
        if (tl_pull_name_parse(bad[i], NULL, &name) != TL_E_USAGE)
            fail_msg("\"%s\" was taken", bad[i]);
    for (size_t n = 90; n < 4090; n += 7) {              /* too long, wherever it is */
        memset(text, 'x', n);
        memcpy(text + n, "/b", 3);
        assert_int_equal(tl_pull_name_parse(text, NULL, &name) == 0, n <= 96);
        memcpy(text, "a/", 2);
        text[n] = 0;
        assert_int_equal(tl_pull_name_parse(text, NULL, &name) == 0, n <= 98);
        memcpy(text, "a/b@", 4);
        assert_int_equal(tl_pull_name_parse(text, NULL, &name) == 0, n < 4 + 256);
        text[3] = ':';
        assert_int_equal(tl_pull_name_parse(text, NULL, &name) == 0, n < 4 + 64);
        text[3] = '/';
        assert_int_equal(tl_pull_name_parse(text, NULL, &name) == 0, n <= 4 + 255);
    }
}

static void test_patterns(void **state)
{
    static const struct { const char *path, *pattern; bool matches; } rows[] = {
        {"a.json", "*.json", true}, {"x/a.json", "*.json", true}, {"a.json", "*", true}, {"", "*", true}, {"", "", true}, {"a", "", false},
        {"abc", "a?c", true}, {"ac", "a?c", false}, {"aXbXc", "a*b*c", true}, {"aXbX", "a*b*c", false}, {"aaab", "*ab", true}, {"a.jsonl", "*.json", false},
        {"A.json", "a.json", false}, {"a", "a**", true}, {"[a]", "[a]", true},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        assert_int_equal(tl_pull_matches(rows[i].path, rows[i].pattern), rows[i].matches);
    char path[1000], pattern[64] = "";                   /* not exponential */
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    for (size_t i = 0; i < 20; i++)
        strcat(pattern, "*a");
    assert_false(tl_pull_matches(path, strcat(pattern, "b")));
}

static void test_folder(void **state)
{
    char name[TL_PULL_NAME_BYTES + 16];
    (void)state;
    tl_pull_name_folder("own/na-me", name);
    assert_string_equal(name, "models--own--na-me");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_patterns), cmocka_unit_test(test_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
