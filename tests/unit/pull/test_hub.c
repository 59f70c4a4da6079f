/* SPDX-License-Identifier: MIT */
/* What a hub says, read and refused; what of it a model needs; memory that runs out on the way. */
#include "must.h"

#include <string.h>

#include "base/array.h"
#include "base/memory.h"
#include "pull/choose.h"
#include "pull/origin.h"
#include "pull/curl.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_info(void **state)
{
    static const struct { const char *text, *licence; bool gated; } rows[] = {
        {"{\"sha\":\"" COMMIT "\"}", "", false},
        {"{\"sha\":\"" COMMIT "\",\"gated\":false,\"cardData\":{\"license\":\"mit\"}}", "mit", false},
        {"{\"gated\":\"auto\",\"tags\":[\"a\",[\"license:x\"],\"license:apache-2.0\",\"license:mit\"],\"sha\":\"" COMMIT "\"}", "apache-2.0", true},
        {"{\"sha\":\"" COMMIT "\",\"gated\":\"manual\",\"cardData\":{\"license\":\"other\",\"license_name\":\"my-own\",\"x\":[{}]}}", "my-own", true},
        {"{\"sha\":\"" COMMIT "\",\"cardData\":{\"license\":[[\"gpl\"],{\"a\":[]},\"mit\"]}}", "gpl", false},
        {"{\"sha\":\"" COMMIT "\",\"cardData\":{\"license\":{\"a\":1}},\"tags\":3,\"gated\":null}", "", false},
        {"{\"sha\":\"" COMMIT "\",\"cardData\":null,\"siblings\":[{\"rfilename\":\"a\"}]}", "", false},
        {"{\"sha\":\"" COMMIT "\",\"cardData\":{\"license\":\"a\\u001b[2Jb\"}}", "a?[2Jb", false},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_hub_repository repository = {0};
        must(tl_hub_read_info("a/b", rows[i].text, strlen(rows[i].text), &repository));
        assert_string_equal(repository.commit, COMMIT);
        assert_string_equal(repository.licence, rows[i].licence);
        assert_int_equal(repository.gated, rows[i].gated);
    }
}

static void test_bad_info(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "null", "{}", "{\"sha\":1}", "{\"sha\":\"main\"}", "{\"sha\":\"" COMMIT "0\"}", "{\"sha\":\"../../..89abcdef0123456789abcdef01234567\"}",
        "{\"sha\":\"" COMMIT "\"}x", "{\"sha\":\"" COMMIT "\",\"tags\":[}", "{\"sha\":\"" COMMIT "\\u0000\"}", "{\"sha\":\"0123456789ABCDEF0123456789abcdef01234567\"}",
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(texts); i++) {
        struct tl_hub_repository repository = {0};
        assert_int_equal(tl_hub_read_info("a/b", texts[i], strlen(texts[i]), &repository), TL_E_FILE);
    }
}

#define SMALL(path, size) "{\"type\":\"file\",\"path\":\"" path "\",\"oid\":\"" COMMIT "\",\"size\":" size "}"
#define LARGE(path, size) "{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":9,\"lfs\":{\"oid\":\"" SHA256 "\",\"size\":" size ",\"pointerSize\":1},\"path\":\"" path "\"}"

static void test_tree(void **state)
{
    static const char text[] = "[{\"type\":\"directory\",\"path\":\"../x\",\"oid\":\"z\"}," SMALL("config.json", "3") "," LARGE("x/m.gguf", "70368744177664") ",{\"path\":\"\\\\\"}]";
    struct tl_hub_repository repository = {0};
    (void)state;
    must(tl_hub_read_tree("a/b", text, sizeof text - 1, &repository));
    assert_int_equal(repository.n_files, 2);
    assert_string_equal(repository.files[0].path, "config.json");
    assert_string_equal(repository.files[0].hash, COMMIT);
    assert_int_equal(repository.files[0].bytes, 3);
    assert_string_equal(repository.files[1].hash, SHA256);
    assert_true(repository.files[1].bytes == UINT64_C(70368744177664));
    tl_hub_done(&repository);
}

static void test_bad_tree(void **state)
{
    static const char *const texts[] = {
        "", "{}", "[", "[1]", "[[]]", "[" SMALL("a", "1") "]x", "[" SMALL("../a", "1") "]", "[" SMALL("/a", "1") "]", "[" SMALL("", "1") "]", "[" SMALL("a", "-1") "]",
        "[" SMALL("a", "1.5") "]", "[" SMALL("a", "1e300") "]", "[" LARGE("m", "70368744177665") "]", "[{\"type\":\"file\",\"path\":\"a\",\"size\":1}]",
        "[{\"type\":\"file\",\"size\":1,\"oid\":\"" COMMIT "\"}]", "[{\"type\":\"file\",\"path\":\"a\",\"size\":1,\"oid\":\"" COMMIT "\",\"lfs\":{\"oid\":\"" COMMIT "\"}}]",
        "[{\"type\":\"file\",\"path\":\"a\\u0000b\",\"size\":1,\"oid\":\"" COMMIT "\"}]", "[" SMALL("a/b/..", "1") "]", "[" SMALL("a\\nb", "1") "]",
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(texts); i++) {
        struct tl_hub_repository repository = {0};
        if (tl_hub_read_tree("a/b", texts[i], strlen(texts[i]), &repository) != TL_E_FILE)
            fail_msg("%s was taken", texts[i]);
        tl_hub_done(&repository);
    }
}

/* A repository of these paths, in which those that are needed are told apart by blanks. */
static int choose(const char *paths, const char *name, const char *pattern, char *ret_needed, struct tl_choice *ret_choice)
{
    struct tl_hub_repository repository = {0};
    struct tl_pull_name parsed;
    char copy[512], *rest = copy;
    must(tl_pull_name_parse(name, NULL, &parsed));
    snprintf(copy, sizeof copy, "%s", paths);
    repository.files = tl_alloc(32, sizeof *repository.files);
    for (char *path; (path = strsep(&rest, " "));)
        repository.files[repository.n_files++] = (struct tl_hub_file){.path = tl_strdup(path), .bytes = 1, .hash = SHA256};
    int r = tl_choose(&repository, &parsed, &pattern, pattern != NULL, ret_choice);
    ret_needed[0] = 0;
    for (uint64_t i = 0; i < repository.n_files && r >= 0; i++)
        if (repository.files[i].needed)
            strcat(strcat(ret_needed, ret_needed[0] ? " " : ""), repository.files[i].path);
    tl_hub_done(&repository);
    return r;
}

static void test_choose(void **state)
{
    static const struct { const char *paths, *name, *pattern, *needed; int status; } rows[] = {
        {"config.json model.safetensors README.md x/config.json", "a/b", NULL, "config.json model.safetensors", 0},
        {"model.safetensors consolidated.safetensors", "a/b", NULL, "model.safetensors", 0}, {"adapter_model.safetensors adapter_config.json x.bin", "a/b", NULL, "adapter_model.safetensors adapter_config.json", 0},
        {"m-Q8_0.gguf m-Q4_0.gguf config.json", "a/b:q4_0", NULL, "m-Q4_0.gguf", 0}, {"m-Q8_0.gguf config.json", "a/b", "*.json", "m-Q8_0.gguf config.json", 0},
        {"m.safetensors m-Q8_0.gguf", "a/b", NULL, "m.safetensors", 0}, {"m.safetensors m-Q8_0.gguf", "a/b:Q8_0", NULL, "m-Q8_0.gguf", 0},
        {"x/model.safetensors", "a/b", NULL, NULL, TL_E_FAIL}, {"model.bin", "a/b", NULL, NULL, TL_E_FAIL}, {"m.safetensors", "a/b:Q8_0", NULL, NULL, TL_E_FAIL},
        {"m.safetensors", "a/b", "*.x", NULL, TL_E_FAIL}, {"a.txt b.txt", "a/b/a.txt", NULL, "a.txt", 0}, {"a.txt b.txt", "a/b/*.txt", NULL, "a.txt b.txt", 0},
        {"a.txt", "a/b/c.txt", NULL, NULL, TL_E_FAIL}, {"m-00001-of-00002.gguf m-00002-of-00002.gguf n.gguf", "a/b/m-00002-of-00002.gguf", NULL, "m-00001-of-00002.gguf m-00002-of-00002.gguf", 0},
        {"m-00001-of-00002.gguf", "a/b", NULL, NULL, TL_E_FAIL}, {"mmproj-F16.gguf", "a/b", NULL, NULL, TL_E_FAIL}, {"m.gguf n.gguf", "a/b", NULL, NULL, TL_E_USAGE},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_choice choice;
        char needed[512];
        assert_int_equal(choose(rows[i].paths, rows[i].name, rows[i].pattern, needed, &choice), rows[i].status);
        assert_string_equal(needed, rows[i].needed ? rows[i].needed : "");
    }
}

/* Every allocation fails once: one sentence, nothing lost. */
static void test_memory(void **state)
{
    static const char text[] = "[" SMALL("config.json", "3") "," LARGE("x/m.gguf", "7") "," LARGE("x/n.gguf", "7") "]";
    static const char info[] = "{\"sha\":\"" COMMIT "\",\"cardData\":{\"license\":\"mit\"},\"tags\":[\"license:a\"]}";
    struct tl_pull_name name;
    (void)state;
    must(tl_pull_name_parse("a/b:n", NULL, &name));
    for (long n = 0;; n++) {
        struct tl_hub_repository repository = {0};
        struct tl_choice choice;
        tl_memory_fail_after(n);
        int r = tl_hub_read_info("a/b", info, sizeof info - 1, &repository);
        if (r >= 0)
            r = tl_hub_read_tree("a/b", text, sizeof text - 1, &repository);
        if (r >= 0)
            r = tl_choose(&repository, &name, NULL, 0, &choice);
        tl_memory_fail_after(-1);
        tl_hub_done(&repository);
        if (r >= 0) {
            assert_true(n > 10);
            return;
        }
        assert_int_equal(r, TL_E_NOMEM);
    }
}

static void test_origins(void **state)
{
    static const struct { const char *hub, *url; bool same, may; } rows[] = {
        {"https://huggingface.co", "https://huggingface.co/x", true, true}, {"https://huggingface.co", "https://HuggingFace.co:443/x", true, true},
        {"https://huggingface.co", "https://cdn.huggingface.co/x", false, true}, {"https://huggingface.co", "https://huggingface.co:444/", false, true},
        {"https://huggingface.co", "http://huggingface.co/", false, false}, {"https://huggingface.co", "http://localhost/", false, false},
        {"http://localhost:81", "http://localhost:81/x", true, true}, {"http://localhost:81", "http://127.0.0.1:82/", false, true}, {"http://127.0.0.1", "http://[::1]/", false, true},
        {"http://127.0.0.1", "http://127.0.0.1.example.org/", false, false}, {"http://localhost", "http://localhost.example.org/", false, false},
        {"http://localhost", "https://example.org", false, true}, {"http://example.org", "http://example.org/", true, false}, {"https://a.b", "https://a.b.c/", false, true},
    };
    static const char *const bad[] = {"ftp://a", "file:///etc/passwd", "a", "", "https://", "https://user@host/", "https://user:word@host/", "gopher://a", "//a/b", "https://a b/"};
    struct tl_curl curl;
    struct tl_origin hub, origin;
    (void)state;
    must(tl_curl_load(&curl));
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        must(tl_origin_of(&curl, rows[i].hub, &hub));
        must(tl_origin_of(&curl, rows[i].url, &origin));
        if (tl_origin_same(&hub, &origin) != rows[i].same || tl_origin_may_visit(&hub, &origin) != rows[i].may)
            fail_msg("%s, %s", rows[i].hub, rows[i].url);
    }
    for (size_t i = 0; i < TL_COUNT(bad); i++)
        assert_int_equal(tl_origin_of(&curl, bad[i], &origin), TL_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_info), cmocka_unit_test(test_bad_info), cmocka_unit_test(test_tree), cmocka_unit_test(test_bad_tree),
                                       cmocka_unit_test(test_choose), cmocka_unit_test(test_memory), cmocka_unit_test(test_origins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
